#include <fmt/format.h>

#include <algorithm>

#include "dialect/bedrock/writing.h"
#include "dialect/citation.h"
#include "net/sigv4.h"

namespace holdfast::dialect::bedrock {
namespace {

bool is_alphanumeric(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

// Ids pair a call with its result and mean nothing else: one that Converse would refuse becomes
// another, the same for both.
std::string call_id(std::string_view id) {
  const auto allowed = [](char c) {
    return is_alphanumeric(c) || std::string_view("_.:-").find(c) != std::string_view::npos;
  };
  if (!id.empty() && id.size() <= 64 && std::ranges::all_of(id, allowed)) return std::string(id);
  return "id_" + net::sha256_hex(id).substr(0, 40);
}

// Written without escapes, it may hold nothing that needs them.
bool is_plain(std::string_view text) {
  return text.find('"') == std::string_view::npos && text.find('\\') == std::string_view::npos;
}

// Its own, or what is of no other house.
bool takes_back(const Citation& citation) {
  return citation.dialect == Dialect::bedrock || is_placed(citation);
}

bool is_text(const Block& block) {
  return block.kind == BlockKind::text || block.kind == BlockKind::refusal;
}

}  // namespace

bool is_tool_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return is_alphanumeric(c) || c == '_' || c == '-';
  });
}

void write_cache_point(JsonWriter& json, std::string_view ttl) {
  json.begin_object().key("cachePoint").begin_object().field("type", "default");
  if (ttl == "1h") json.field("ttl", ttl);
  json.end_object().end_object();
}

Result<void> Conversation::collect() {
  for (std::size_t i = 0; i < request_.messages.size(); ++i) collect(request_.messages[i], i);
  if (!problem_.empty()) return fail(ErrorCode::invalid_request, problem_);
  if ((losses_.foreign || request_.begun) && !abilities_.prefill && !turns_.empty() &&
      turns_.back().role == "assistant") {
    losses_.refuse(place_of(losses_.client, request_.messages.size() - 1),
                   "the model does not continue an answer that was begun");
    turns_.pop_back();
  }
  if (turns_.empty() && request_.system.empty())
    return fail(ErrorCode::invalid_request, "messages: nothing that Converse can carry");
  finish_turns();
  return {};
}

std::vector<Conversation::Piece>& Conversation::pieces_of(std::string_view role) {
  if (turns_.empty() || turns_.back().role != role) turns_.push_back({role, {}});
  return turns_.back().pieces;
}

void Conversation::collect(const Message& message, std::size_t index) {
  const std::string place = place_of(losses_.client, index);
  if (!message.name.empty()) losses_.refuse(place + ".name", "Converse has no names of speakers");
  foreign_turn_ = std::ranges::any_of(message.content, [](const Block& block) {
    return !block.signature.house.empty() && block.signature.house != own_signer;
  });
  const bool system = message.role == Role::system;
  if (system && losses_.foreign)
    losses_.refuse(place, "Converse takes system texts at the beginning");
  const std::string_view role = message.role == Role::assistant ? "assistant"
                                : system && !losses_.foreign    ? "system"
                                                                : "user";
  for (std::size_t i = 0; i < message.content.size(); ++i) {
    const Block& block = message.content[i];
    const std::string at = place_of(losses_.client, index, i);
    if (!carries(block, at)) continue;
    Piece piece{&block, {}, {}};
    if (system && losses_.foreign)
      piece = {
          nullptr, texts_.emplace_back(fmt::format("<system>\n{}\n</system>", block.text)), {}};
    for (std::size_t k = 0; k < block.content.size(); ++k)
      if (carries(block.content[k], fmt::format("{}.content[{}]", at, k)))
        piece.nested.push_back(&block.content[k]);
    pieces_of(role).push_back(std::move(piece));
  }
}

// A conversation begins with the user, results come first, and a document has a text beside it.
void Conversation::finish_turns() {
  if (losses_.foreign && (turns_.empty() || turns_.front().role != "user"))
    turns_.insert(turns_.begin(), Turn{"user", {Piece{nullptr, ".", {}}}});
  for (Turn& turn : turns_) {
    std::vector<Piece> ordered;
    for (const bool results : {true, false})
      for (Piece& piece : turn.pieces)
        if (results == (piece.block != nullptr && piece.block->kind == BlockKind::tool_result))
          ordered.push_back(std::move(piece));
    turn.pieces = std::move(ordered);
    bool documents = false, texts = false;
    for (const Piece& piece : turn.pieces) {
      documents = documents || (piece.block != nullptr && piece.block->kind == BlockKind::document);
      texts = texts || piece.block == nullptr || is_text(*piece.block);
    }
    if (losses_.foreign && documents && !texts)
      turn.pieces.push_back(Piece{nullptr, "The document.", {}});
  }
}

bool Conversation::carries(const Block& block, const std::string& place) {
  if (!block.cache_ttl.empty() && !losses_.cacheable)
    losses_.drop(place, "the model has no cache points");
  else if (!block.cache_ttl.empty() && block.cache_ttl != "5m" && block.cache_ttl != "1h")
    losses_.drop(place, fmt::format("a cache point of {} becomes one of 5m", block.cache_ttl));
  switch (block.kind) {
    case BlockKind::text:
    case BlockKind::refusal:
      if (!std::ranges::all_of(block.citations, takes_back))
        losses_.drop(fmt::format("{}.{}", place, citations_member(losses_.client)),
                     "Converse takes back places in what the request brings only");
      break;
    case BlockKind::image:
    case BlockKind::document:
    case BlockKind::audio:
    case BlockKind::video:
      return carries_media(block, place);
    case BlockKind::tool_call:
      has_tool_blocks_ = true;
      if (!carries_call(block, place)) return false;
      break;
    case BlockKind::tool_result:
      has_tool_blocks_ = true;
      return true;
    case BlockKind::thinking:
    case BlockKind::redacted_thinking:
      return carries_thought(block, place);
    case BlockKind::native:
      if (block.extra.from == Dialect::bedrock) return true;
      losses_.lose(place, fmt::format("Converse has no {}", block.extra.name),
                   block.extra.harmless);
      return false;
  }
  if (!block.signature.value.empty())
    losses_.drop(place + ".signature", "only the model that made it can read it");
  return block.kind == BlockKind::tool_call || !block.text.empty();
}

bool Conversation::carries_media(const Block& block, const std::string& place) {
  if (!block.detail.empty() && block.detail != "auto")
    losses_.drop(place + ".detail", "Converse has no detail of images");
  if (block.citable == true && losses_.foreign && !losses_.anthropic)
    losses_.refuse(place + ".citations", "of Converse's models, only Claude cites documents");
  const bool text = block.media.from == Media::From::text;
  if (block.media.from == Media::From::file_id) {
    losses_.refuse(place, "files of another provider cannot be read by this one");
    return false;
  }
  if (block.media.from == Media::From::url) {
    losses_.refuse(place, "Converse takes media inline, not by URL");
    return false;
  }
  if (!text && format_of(block.kind, block.media.media_type).empty()) {
    losses_.refuse(place, fmt::format("Converse does not take \"{}\"", block.media.media_type));
    return false;
  }
  if (text || is_plain(block.media.data)) return true;
  losses_.refuse(place, "the data is no base64");
  return false;
}

bool Conversation::carries_call(const Block& block, const std::string& place) {
  if (!is_tool_name(block.name) && problem_.empty())
    problem_ = fmt::format("{}.name: Converse takes 1 to 64 letters, digits, '_' and '-'", place);
  if (block.arguments.empty()) return true;
  const auto parsed = document_.parse(block.arguments, lenient);
  if (parsed && (document_.root().is_object() || !losses_.foreign)) return true;
  losses_.refuse(place + ".arguments", "Converse takes an object");
  return false;
}

bool Conversation::carries_thought(const Block& block, const std::string& place) {
  const std::string_view house =
      block.signature.house.empty() ? house_of(losses_.client) : block.signature.house;
  if (block.signature.value.empty() && foreign_turn_) {
    losses_.drop(place, "another house's model thought it");
    return false;
  }
  if (house == own_signer) return true;
  losses_.drop(place + ".signature", fmt::format("only {} can read it", house));
  return false;
}

void Conversation::write(JsonWriter& json) {
  json.begin_array();
  for (const Turn& turn : turns_) {
    json.begin_object().field("role", turn.role).key("content").begin_array();
    for (const Piece& piece : turn.pieces) write_piece(json, piece);
    json.end_array().end_object();
  }
  json.end_array();
}

void Conversation::write_piece(JsonWriter& json, const Piece& piece) {
  if (piece.block == nullptr) return write_text(json, piece.text);
  if (piece.block->kind != BlockKind::tool_result) return write_block(json, *piece.block);
  write_result(json, piece);
}

void Conversation::write_result(JsonWriter& json, const Piece& piece) {
  const Block& block = *piece.block;
  json.begin_object().key("toolResult").begin_object();
  json.field("toolUseId", call_id(block.id)).key("content").begin_array();
  for (const Block* nested : piece.nested) write_block(json, *nested, false);
  json.end_array();
  if (block.is_error) json.field("status", "error");
  json.end_object().end_object();
  if (!block.cache_ttl.empty() && losses_.cacheable) write_cache_point(json, block.cache_ttl);
}

void Conversation::write_said(JsonWriter& json, const Block& block) {
  std::vector<const Citation*> citations;
  for (const Citation& each : block.citations)
    if (takes_back(each)) citations.push_back(&each);
  if (citations.empty())
    write_text(json, block.text);
  else
    write_cited(json, block.text, citations);
}

void Conversation::write_block(JsonWriter& json, const Block& block, bool marked) {
  switch (block.kind) {
    case BlockKind::text:
    case BlockKind::refusal:
      if (block.extra.name == "json" && block.extra.from == Dialect::bedrock)
        json.raw(block.extra.raw);
      else
        write_said(json, block);
      break;
    case BlockKind::image:
    case BlockKind::document:
    case BlockKind::audio:
    case BlockKind::video:
      write_media(json, block,
                  block.kind == BlockKind::document ? document_name(block) : std::string());
      break;
    case BlockKind::tool_call:
      write_tool_use(json, call_id(block.id), block.name,
                     block.arguments.empty() ? "{}" : block.arguments);
      break;
    case BlockKind::thinking:
      write_reasoning(json, block.text, block.signature.value);
      break;
    case BlockKind::redacted_thinking:
      write_redacted(json, block.signature.value);
      break;
    case BlockKind::native:
      json.raw(block.extra.raw);
      break;
    case BlockKind::tool_result:
      break;  // never within another block
  }
  if (marked && !block.cache_ttl.empty() && losses_.cacheable)
    write_cache_point(json, block.cache_ttl);
}

// Converse needs one, without an ending, and each once in a request.
std::string Conversation::document_name(const Block& block) {
  if (!losses_.foreign) return std::string(block.name);
  std::string name(block.name.substr(0, std::min<std::size_t>(block.name.rfind('.'), 180)));
  for (char& c : name)
    if (!is_alphanumeric(c) && std::string_view(" ()[]-").find(c) == std::string_view::npos)
      c = '-';
  // Runs of spaces are refused as well.
  const auto runs = std::ranges::unique(name, [](char a, char b) { return a == ' ' && b == ' '; });
  name.erase(runs.begin(), runs.end());
  if (name.empty()) name = "document";
  std::string unique = name;
  for (int count = 2; std::ranges::find(document_names_, unique) != document_names_.end(); ++count)
    unique = fmt::format("{}-{}", name, count);
  return document_names_.emplace_back(std::move(unique));
}

}  // namespace holdfast::dialect::bedrock

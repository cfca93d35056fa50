#include "dialect/openai_responses/items_writer.h"

#include <fmt/format.h>

#include <algorithm>

#include "dialect/citation.h"
#include "dialect/field_names.h"
#include "dialect/openai_responses/annotations.h"
#include "dialect/openai_responses/items.h"

namespace holdfast::dialect::openai_responses {
namespace {

constexpr Dialect own = Dialect::openai_responses;
constexpr std::size_t call_id_bytes = 64;

bool is_own(const Extra& extra) { return extra.from == own; }

// Stands within a message; others are items of their own.
bool stands_in_message(const Block& block) {
  switch (block.kind) {
    case BlockKind::text:
    case BlockKind::refusal:
    case BlockKind::image:
    case BlockKind::document:
    case BlockKind::audio:
    case BlockKind::video:
      return true;
    case BlockKind::native:
      return is_own(block.extra) && is_part(block.extra.name);
    case BlockKind::tool_call:
    case BlockKind::tool_result:
    case BlockKind::thinking:
    case BlockKind::redacted_thinking:
      return false;
  }
  return false;
}

// The phase of the message that the block came in; empty: none.
std::string_view phase_of(const Block& block) {
  const bool has = block.kind != BlockKind::native && is_own(block.extra) &&
                   block.extra.name.ends_with(".phase");
  return has ? block.extra.raw : std::string_view();
}

std::string_view role_name(Role role) {
  switch (role) {
    case Role::assistant:
      return "assistant";
    case Role::system:
      return "system";
    case Role::user:
    case Role::tool:
      return "user";
  }
  return "user";
}

// FNV-1a: ids that are too long become the same shorter one wherever they stand.
std::uint64_t hash_of(std::string_view text, std::uint64_t basis) {
  for (const char c : text) basis = (basis ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return basis;
}

}  // namespace

void ItemWriter::system(std::span<const Block> blocks) {
  std::vector<Block> texts;
  for (const Block& block : blocks)
    if (block.kind == BlockKind::native || !block.text.empty()) texts.push_back(block);
  if (!texts.empty()) parts("system", texts, "system", 0);
}

void ItemWriter::message(std::size_t index) {
  const Message& message = request_.messages[index];
  const std::string place = place_of(request_.from, index);
  if (!message.name.empty()) lose(place + ".name", "Responses has no names of speakers");
  const std::span<const Block> blocks = message.content;
  for (std::size_t i = 0; i < blocks.size();) {
    if (!stands_in_message(blocks[i])) {
      item(blocks[i], place_of(request_.from, index, i));
      ++i;
      continue;
    }
    std::size_t end = i + 1;
    while (end < blocks.size() && stands_in_message(blocks[end]) &&
           phase_of(blocks[end]) == phase_of(blocks[i]))
      ++end;
    parts(role_name(message.role), blocks.subspan(i, end - i), place, i);
    i = end;
  }
}

void ItemWriter::parts(std::string_view role, std::span<const Block> blocks,
                       const std::string& place, std::size_t from) {
  const Block& first = blocks.front();
  json_.begin_object().field("type", "message").field("role", role);
  if (!phase_of(first).empty()) json_.raw_field("phase", phase_of(first));
  const bool plain = blocks.size() == 1 && first.kind == BlockKind::text &&
                     first.citations.empty() && first.cache_ttl.empty();
  if (plain) {
    json_.field("content", first.text).end_object();
    return;
  }
  json_.key("content").begin_array();
  const std::string_view parts_name = request_.from == Dialect::gemini ? "parts" : "content";
  for (std::size_t i = 0; i < blocks.size(); ++i)
    part(role, blocks[i],
         place == "system" ? fmt::format("system[{}]", i)
                           : fmt::format("{}.{}[{}]", place, parts_name, from + i));
  json_.end_array().end_object();
}

// False: nothing was written.
bool ItemWriter::part(std::string_view role, const Block& block, const std::string& at) {
  const bool answered = role == "assistant";
  switch (block.kind) {
    case BlockKind::text:
      if (answered && !block.cache_ttl.empty())
        lose(at + ".cache_control", "Responses marks no caches within answers", true);
      if (std::ranges::any_of(block.citations, [answered](const Citation& each) {
            return !answered || !can_tell(own, each);
          }))
        lose(fmt::format("{}.{}", at, citations_member(request_.from)),
             "Responses takes back addresses only", true);
      text_part(answered ? "output_text" : "input_text", block.text, block, at);
      return true;
    case BlockKind::refusal:
      if (answered)
        json_.begin_object().field("type", "refusal").field("refusal", block.text).end_object();
      else
        text_part("input_text", block.text, block, at);
      return true;
    case BlockKind::native:
      json_.raw(block.extra.raw);
      return true;
    case BlockKind::image:
    case BlockKind::document:
    case BlockKind::audio:
      if (answered) {
        lose(at, "Responses takes no media within answers");
        return false;
      }
      if (block.kind == BlockKind::image) return image(block, at);
      return block.kind == BlockKind::document ? document(block, at) : audio(block, at);
    case BlockKind::video:
      lose(at, "Responses takes no video");
      return false;
    case BlockKind::tool_call:
    case BlockKind::tool_result:
    case BlockKind::thinking:
    case BlockKind::redacted_thinking:
      lose(at, "cannot stand here in Responses");
      return false;
  }
  return false;
}

// Only OpenAI itself is known to take it.
void ItemWriter::mark(const Block& block, const std::string& at) {
  if (block.cache_ttl.empty()) return;
  if (abilities_.house != "openai")
    return lose(at + ".cache_control", "the target marks no caches", true);
  json_.key("prompt_cache_breakpoint").begin_object().field("mode", "explicit");
  json_.field("ttl", block.cache_ttl == "12h" ? "12h" : "30m").end_object();
}

void ItemWriter::text_part(std::string_view type, std::string_view text, const Block& of,
                           const std::string& at) {
  json_.begin_object().field("type", type).field("text", text);
  if (type == "input_text")
    mark(of, at);
  else
    json_.key("annotations").begin_array().raw(annotations_of(of)).end_array();
  json_.end_object();
}

bool ItemWriter::file_is_ours(const Block& block, const std::string& at) {
  if (block.media.from != Media::From::file_id) return true;
  if (house_of(request_.from) == abilities_.house) return true;
  lose(at + ".file_id", "a file of another house");
  return false;
}

bool ItemWriter::image(const Block& block, const std::string& at) {
  if (!file_is_ours(block, at)) return false;
  if (block.media.from == Media::From::url && !abilities_.image_urls) {
    lose(at, "the target takes images inline only, not by URL");
    return false;
  }
  json_.begin_object().field("type", "input_image");
  json_.field("detail", block.detail.empty() ? "auto" : block.detail);
  if (block.media.from == Media::From::base64)
    json_.key("image_url")
        .plain_string(fmt::format("data:{};base64,", block.media.media_type), block.media.data);
  else
    json_.field(block.media.from == Media::From::url ? "image_url" : "file_id", block.media.data);
  mark(block, at);
  json_.end_object();
  return true;
}

bool ItemWriter::document(const Block& block, const std::string& at) {
  lose_asked_of(block, [&](std::string_view member, bool harmless) {
    lose(fmt::format("{}.{}", at, member), "Responses cites no documents", harmless);
  });
  if (!file_is_ours(block, at)) return false;
  if (block.media.from == Media::From::text) {
    text_part("input_text", block.media.data, block, at);
    return true;
  }
  json_.begin_object().field("type", "input_file");
  const bool inline_data = block.media.from == Media::From::base64;
  if (inline_data || !block.name.empty())  // without a name the data is refused
    json_.field("filename", block.name.empty() ? "document.pdf" : block.name);
  if (inline_data)
    json_.key("file_data")
        .plain_string(block.media.media_type.empty()
                          ? std::string()
                          : fmt::format("data:{};base64,", block.media.media_type),
                      block.media.data);
  else
    json_.field(block.media.from == Media::From::url ? "file_url" : "file_id", block.media.data);
  mark(block, at);
  json_.end_object();
  return true;
}

bool ItemWriter::audio(const Block& block, const std::string& at) {
  if (request_.from != own || block.media.from != Media::From::base64) {
    lose(at, "Responses takes no audio");
    return false;
  }
  json_.begin_object().field("type", "input_audio").key("input_audio").begin_object();
  json_.key("data").plain_string("", block.media.data);
  json_.field("format", block.media.media_type == "audio/mpeg" ? "mp3" : "wav");
  json_.end_object();
  mark(block, at);
  json_.end_object();
  return true;
}

void ItemWriter::item(const Block& block, const std::string& at) {
  switch (block.kind) {
    case BlockKind::tool_call:
      return tool_call(block);
    case BlockKind::tool_result:
      return tool_result(block, at);
    case BlockKind::thinking:
    case BlockKind::redacted_thinking:
      return thinking(block, at);
    case BlockKind::native:
      if (is_own(block.extra))
        json_.raw(block.extra.raw);
      else
        lose(std::string(block.extra.name), "Responses has nothing like it", block.extra.harmless);
      return;
    default:
      return;
  }
}

std::string ItemWriter::call_id(const Block& block, std::size_t& nameless) {
  if (block.id.empty()) return fmt::format("call_{}", nameless++);  // paired in order
  if (block.id.size() <= call_id_bytes) return std::string(block.id);
  return fmt::format("call_{:016x}{:016x}", hash_of(block.id, 0xcbf29ce484222325U),
                     hash_of(block.id, 0x9e3779b97f4a7c15U));
}

void ItemWriter::tool_call(const Block& block) {
  json_.begin_object().field("type", "function_call");
  json_.field("call_id", call_id(block, nameless_calls_)).field("name", block.name);
  json_.field("arguments", block.arguments).end_object();
}

void ItemWriter::tool_result(const Block& block, const std::string& at) {
  json_.begin_object().field("type", "function_call_output");
  json_.field("call_id", call_id(block, nameless_results_)).key("output");
  std::vector<Block> content = block.content;
  std::string failed;
  if (block.is_error) {
    lose(at + ".is_error", "Responses has no such mark: the text says it", true);
    if (content.empty() || content.front().kind != BlockKind::text)
      content.insert(content.begin(), Block{});
    failed = fmt::format("Error: {}", content.front().text);
    content.front().text = failed;
  }
  if (!content.empty() && content.back().cache_ttl.empty())
    content.back().cache_ttl = block.cache_ttl;
  if (content.empty()) {
    json_.string("");
  } else if (content.size() == 1 && content.front().kind == BlockKind::text &&
             content.front().cache_ttl.empty()) {
    json_.string(content.front().text);
  } else {
    json_.begin_array();
    for (std::size_t i = 0; i < content.size(); ++i)
      part("tool", content[i], fmt::format("{}.content[{}]", at, i));
    json_.end_array();
  }
  json_.end_object();
}

void ItemWriter::thinking(const Block& block, const std::string& at) {
  const Signature& signature = block.signature;
  const bool bare = signature.value.empty() && signature.id.empty();
  const std::string_view house =
      signature.house.empty() ? house_of(request_.from) : signature.house;
  if (bare || house != abilities_.house)
    return lose(bare ? at : at + ".signature",
                "thoughts go only to the house that had them, with their signature", true);
  json_.begin_object().field("type", "reasoning").text_field("id", signature.id);
  json_.key("summary").begin_array();
  if (!block.text.empty())
    json_.begin_object().field("type", "summary_text").field("text", block.text).end_object();
  json_.end_array().text_field("encrypted_content", signature.value).end_object();
}

}  // namespace holdfast::dialect::openai_responses

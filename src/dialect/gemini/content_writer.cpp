#include <fmt/format.h>

#include <algorithm>

#include "dialect/base64.h"
#include "dialect/citation.h"
#include "dialect/field_names.h"
#include "dialect/gemini/request_writer.h"
#include "dialect/gemini/wire.h"

namespace holdfast::dialect::gemini {
namespace {

using std::string_view;

bool is_old(string_view model) { return model.contains("gemini-1") || model.contains("gemini-2"); }

string_view type_of(const Block& block) {
  if (!block.media.media_type.empty()) return block.media.media_type;
  return block.media.from == Media::From::url ? type_of_address(block.media.data)
                                              : sniffed_type(block.media.data);
}

}  // namespace

bool RequestWriter::signs_calls() const { return !is_old(model_) && !model_.contains("gemma"); }

bool RequestWriter::media_in_results() const { return !is_old(model_); }

void RequestWriter::write_contents(JsonWriter& json) {
  json.key("contents").begin_array();
  role_ = {};
  // A system text alone is what the user says: there must be a turn.
  if (request_.messages.empty())
    for (const Block& block : request_.system) write_text(json, block, "user", "system");
  for (std::size_t i = 0; i < request_.messages.size(); ++i) write_message(json, i);
  end_content(json);
  json.end_array();
  if (!request_.messages.empty()) write_system(json);
}

void RequestWriter::write_system(JsonWriter& json) {
  if (request_.system.empty()) return;
  json.key("systemInstruction").begin_object().key("parts").begin_array();
  for (std::size_t i = 0; i < request_.system.size(); ++i) {
    const Block& block = request_.system[i];
    if (block.text.empty()) continue;
    json.begin_object().field("text", block.text);
    write_block_extras(json, block);
    json.end_object();
    lose_cache_mark(block.cache_ttl, fmt::format("system[{}]", i));
  }
  json.end_array().end_object();
}

void RequestWriter::write_message(JsonWriter& json, std::size_t index) {
  const Message& message = request_.messages[index];
  const std::string place = place_of(request_.from, index);
  if (!message.name.empty()) lose(place + ".name", "Gemini's speakers have no names", true);
  const bool last = index + 1 == request_.messages.size();
  if (message.role == Role::assistant && last && (!own() || request_.begun) && !abilities_.prefill)
    lose(place, "Gemini does not continue an answer that was begun");
  if (message.role == Role::system) {
    lose(place, "Gemini takes system texts at the beginning only; as a user's text between marks");
    for (const Block& block : message.content) {
      const std::string marked = fmt::format("<system>{}</system>", block.text);
      begin_part(json, "user").field("text", std::string_view(marked)).end_object();
    }
    return;
  }
  const string_view role = message.role == Role::assistant ? "model" : "user";
  for (std::size_t i = 0; i < message.content.size(); ++i)
    write_block(json, message.content[i], role, place_of(request_.from, index, i));
}

void RequestWriter::begin_content(JsonWriter& json, string_view role) {
  if (role_ == role) return;
  end_content(json);
  role_ = role;
  call_signed_ = false;
  json.begin_object().field("role", role).key("parts").begin_array();
}

JsonWriter& RequestWriter::begin_part(JsonWriter& json, string_view role) {
  begin_content(json, role);
  return json.begin_object();
}

void RequestWriter::end_content(JsonWriter& json) {
  if (!role_.empty()) json.end_array().end_object();
  role_ = {};
}

void RequestWriter::write_block(JsonWriter& json, const Block& block, string_view role,
                                const std::string& place) {
  lose_cache_mark(block.cache_ttl, place);
  switch (block.kind) {
    case BlockKind::text:
    case BlockKind::refusal:
      return write_text(json, block, role, place);
    case BlockKind::thinking:
    case BlockKind::redacted_thinking:
      return write_thinking(json, block, role, place);
    case BlockKind::tool_call:
      return write_call(json, block, place);
    case BlockKind::tool_result:
      return write_result(json, block, place);
    case BlockKind::image:
    case BlockKind::document:
    case BlockKind::audio:
    case BlockKind::video: {
      if (!may_send(block, place)) return;
      begin_part(json, role);
      write_media(json, block);
      const string_view signature = usable(block.signature, place);
      json.text_field("thoughtSignature", signature).end_object();
      return;
    }
    case BlockKind::native:
      if (block.extra.from != Dialect::gemini)
        return lose(fmt::format("{} ({})", place, block.extra.name), "Gemini has no such content",
                    block.extra.harmless);
      begin_content(json, role);
      json.raw(block.extra.raw);
      return;
  }
}

void RequestWriter::write_text(JsonWriter& json, const Block& block, string_view role,
                               const std::string& place) {
  if (!block.citations.empty())
    lose(fmt::format("{}.{}", place, citations_member(request_.from)),
         "Gemini does not take citations back", true);
  const string_view signature = usable(block.signature, place);
  if (block.text.empty() && signature.empty()) return;
  begin_part(json, role).field("text", block.text).text_field("thoughtSignature", signature);
  write_block_extras(json, block);
  json.end_object();
}

void RequestWriter::write_thinking(JsonWriter& json, const Block& block, string_view role,
                                   const std::string& place) {
  const string_view signature = usable(block.signature, place);
  const bool foreign = house_of(request_.from) != abilities_.house;
  if (signature.empty() && (foreign || !block.signature.value.empty() || block.text.empty())) {
    if (block.signature.value.empty() && !block.text.empty())
      lose(place, "thoughts of another house", true);
    return;
  }
  begin_part(json, role);
  if (block.kind == BlockKind::thinking) json.field("text", block.text);
  json.field("thought", true).text_field("thoughtSignature", signature);
  write_block_extras(json, block);
  json.end_object();
}

void RequestWriter::write_call(JsonWriter& json, const Block& block, const std::string& place) {
  string_view args = block.arguments;
  if (args.find_first_not_of(" \t\r\n") == string_view::npos) args = "{}";
  JsonScanOptions options;
  options.allow_lone_surrogates = true;
  if (!scratch_.parse(args, options) || !scratch_.root().is_object()) {
    lose(place + ".arguments", "Gemini takes a call's arguments as an object, and this is none");
    args = "{}";
  }
  string_view signature = usable(block.signature, place);
  begin_part(json, "model").key("functionCall").begin_object();
  json.text_field("id", block.id).field("name", block.name).raw_field("args", args);
  write_block_extras(json, block);
  json.end_object();
  // Of parallel calls, the first one carries the signature.
  if (signature.empty() && !call_signed_ && signs_calls()) signature = no_signature;
  call_signed_ = true;
  json.text_field("thoughtSignature", signature).end_object();
}

string_view RequestWriter::name_of_call(string_view id) const {
  for (const Message& message : request_.messages)
    for (const Block& block : message.content)
      if (block.kind == BlockKind::tool_call && block.id == id) return block.name;
  return {};
}

void RequestWriter::write_result(JsonWriter& json, const Block& block, const std::string& place) {
  string_view name = block.name;
  if (name.empty()) name = name_of_call(block.id);
  if (name.empty()) lose(place, "Gemini needs the name of the function, and no call has this id");
  const auto is_media = [](const Block& each) { return each.kind != BlockKind::text; };
  const bool media = std::ranges::any_of(block.content, is_media);
  begin_part(json, "user").key("functionResponse").begin_object();
  json.text_field("id", block.id).field("name", name);
  write_result_text(json, block);
  const auto write_parts = [&](bool inside) {
    for (std::size_t i = 0; i < block.content.size(); ++i) {
      const Block& part = block.content[i];
      const std::string part_place = fmt::format("{}.content[{}]", place, i);
      if (!is_media(part)) continue;
      if (inside && may_send(part, part_place)) {
        json.begin_object();
        write_media(json, part);
        json.end_object();
      } else if (!inside) {
        write_block(json, part, "user", part_place);
      }
    }
  };
  if (media && media_in_results()) {
    json.key("parts").begin_array();
    write_parts(true);
    json.end_array();
  }
  write_block_extras(json, block);
  json.end_object().end_object();
  if (media && !media_in_results()) write_parts(false);
}

// A text that is an object goes as it is, unless our reader would take it for a wrapped text.
void RequestWriter::write_result_text(JsonWriter& json, const Block& block) {
  std::string joined;
  string_view text;
  for (const Block& part : block.content) {
    if (part.kind != BlockKind::text) continue;
    if (!text.empty()) {
      joined = fmt::format("{}\n{}", text, part.text);
      text = joined;
    } else {
      text = part.text;
    }
  }
  json.key("response");
  if (!block.is_error && text.starts_with('{') && scratch_.parse(text)) {
    const JsonValue object = scratch_.root();
    const bool single = object.size() == 1;
    const bool wraps = single && ((*object.members().begin()).key.text_is("result") ||
                                  (*object.members().begin()).key.text_is("output") ||
                                  (*object.members().begin()).key.text_is("error"));
    if (object.is_object() && !wraps && text.back() == '}') {
      json.raw(text);
      return;
    }
  }
  json.begin_object().field(block.is_error ? "error" : "result", text).end_object();
}

bool RequestWriter::may_send(const Block& block, const std::string& place) {
  switch (block.media.from) {
    case Media::From::text:
      break;
    case Media::From::url:
      if (!abilities_.image_urls) {
        lose(place, "the target takes media inline only, and this is an address");
        return false;
      }
      break;
    case Media::From::file_id:
      if (house_of(request_.from) != house || abilities_.house != house) {
        lose(place, "a file that is kept at another house");
        return false;
      }
      break;
    case Media::From::base64:
      if (alphabet_of(block.media.data) == Base64Alphabet::none) {
        lose(place, "its data is not base64");
        return false;
      }
  }
  if (!block.detail.empty() && block.detail != "auto")
    lose(place + ".detail", "Gemini has no detail of images", true);
  lose_asked_of(block, [&](string_view member, bool harmless) {
    lose(fmt::format("{}.{}", place, member), "Gemini cites no documents of a request", harmless);
  });
  return true;
}

void RequestWriter::write_media(JsonWriter& json, const Block& block) {
  const bool inside =
      block.media.from == Media::From::base64 || block.media.from == Media::From::text;
  json.key(inside ? "inlineData" : "fileData").begin_object();
  const bool text = block.media.from == Media::From::text;
  json.text_field("mimeType", text ? string_view("text/plain") : type_of(block));
  json.text_field("displayName", block.name);
  if (text) {
    std::string encoded;
    append_base64(encoded, block.media.data);
    json.field("data", std::string_view(encoded));
  } else if (inside) {
    json.key("data").plain_string("", block.media.data);
  } else {
    json.field("fileUri", block.media.data);
  }
  json.end_object();
  write_block_extras(json, block);
}

string_view RequestWriter::usable(const Signature& signature, const std::string& place) {
  if (signature.value.empty()) return {};
  const string_view from = signature.house.empty() ? house_of(request_.from) : signature.house;
  if (from == house && abilities_.house == house) return signature.value;
  lose(place + ".signature", fmt::format("only {} can read it", from), true);
  return {};
}

void RequestWriter::write_block_extras(JsonWriter& json, const Block& block) {
  if (!own() || block.extra.raw.size() < 2) return;
  json.raw(block.extra.raw.substr(1, block.extra.raw.size() - 2));
}

}  // namespace holdfast::dialect::gemini

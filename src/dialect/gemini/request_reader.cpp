#include "dialect/gemini/request_reader.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>

#include "dialect/base64.h"
#include "dialect/gemini/wire.h"

namespace holdfast::dialect::gemini {
namespace {

using std::string_view;

// A part of a thought whose signature stands elsewhere.
bool is_thought_piece(const Block& block) {
  return block.kind == BlockKind::thinking && block.signature.value.empty() &&
         block.extra.raw.empty();
}

// Members that leave the answer what it is.
bool is_harmless(string_view path, string_view raw) {
  constexpr string_view harmless[] = {
      "mediaResolution", "mediaProcessing",
      "partMetadata",    "documentMetadata",
      "audioMetadata",   "behavior",
      "response",        "responseJsonSchema",
      "scheduling",      "mode",
      "audioTimestamp",  "streamFunctionCallArguments",
  };
  const string_view leaf = path.substr(path.rfind('.') + 1);
  if (leaf == "store") return raw == "false";
  if (leaf == "responseModalities") return raw == R"(["TEXT"])" || raw == R"(["text"])";
  return std::ranges::any_of(
      harmless, [leaf](string_view each) { return each == leaf || snake_case(each) == leaf; });
}

}  // namespace

std::string snake_case(string_view camel_case) {
  std::string out;
  for (const char c : camel_case) {
    const bool capital = c >= 'A' && c <= 'Z';
    if (capital) out.push_back('_');
    out.push_back(capital ? static_cast<char>(c - 'A' + 'a') : c);
  }
  return out;
}

void RequestReader::keep_extra(const std::string& path, JsonValue value) {
  out_.extras.push_back(
      {Dialect::gemini, reading_.arena.keep(path), value.raw(), is_harmless(path, value.raw())});
}

void RequestReader::keep_block_extras(Members& members, Block& block) {
  std::string object;
  members.rest([&](string_view name, JsonValue value) {
    keep_extra(members.at(name), value);
    object += object.empty() ? '{' : ',';
    append_json_string(object, name);
    object.append(":").append(value.raw());
  });
  if (object.empty()) return;
  block.extra = {Dialect::gemini, {}, reading_.arena.keep(object + '}'), false};
}

string_view RequestReader::made_id(string_view path) {
  std::string id = "call";
  for (const char c : path) {
    if (c >= '0' && c <= '9') id.push_back(c);
    if (c == '[') id.push_back('_');
  }
  return reading_.arena.keep(std::move(id));
}

void RequestReader::read_contents(JsonValue contents) {
  std::size_t index = 0;
  for (const JsonValue content : contents.elements()) {
    if (reading_.problem) return;
    read_content(content, index++);
  }
  join_pieces();
}

void RequestReader::read_content(JsonValue content, std::size_t index) {
  Members members(reading_, content, fmt::format("contents[{}]", index));
  const string_view role = members.text("role");
  const bool model = role == "model";
  if (!role.empty() && !model && role != "user" && role != "function" && role != "tool")
    return reading_.refuse(members.at("role"), "expected user or model");
  last_content_ = out_.messages.size();
  const JsonValue parts = members.array("parts");
  members.rest([&](string_view name, JsonValue value) { keep_extra(members.at(name), value); });
  std::size_t at = 0;
  for (const JsonValue part : parts.elements()) {
    Block block;
    if (!read_part(part, members.at("parts", at++), block)) continue;
    const bool result = block.kind == BlockKind::tool_result;
    if (model && result)
      return reading_.refuse(members.at("parts", at - 1), "a model has no functionResponse");
    if (!model && block.kind == BlockKind::tool_call)
      return reading_.refuse(members.at("parts", at - 1), "a user has no functionCall");
    add(model ? Role::assistant : result ? Role::tool : Role::user, std::move(block), index);
  }
}

// SDKs keep a streamed turn as one content per chunk: those of a model are one message.
void RequestReader::add(Role role, Block block, std::size_t content) {
  const bool same_content = out_.messages.size() > last_content_;
  const bool joins = !out_.messages.empty() && out_.messages.back().role == role &&
                     (same_content || role == Role::assistant);
  if (!joins) {
    join_pieces();
    out_.messages.push_back({role, {}, {}});
  }
  out_.messages.back().content.push_back(std::move(block));
  origins_.push_back(content);
}

// The last message is complete: what arrived as chunks of one text becomes one again. A thought
// whose signature came from another house, alone and behind it, gets it back.
void RequestReader::join_pieces() {
  std::vector<std::size_t> origins = std::move(origins_);
  origins_.clear();
  if (out_.messages.empty() || out_.messages.back().role != Role::assistant) return;
  std::vector<Block>& blocks = out_.messages.back().content;
  std::vector<Block> joined;
  std::string text;     // of the pieces that joined.back() is made of
  bool pieces = false;  // joined.back() is of more than one
  const auto close = [&] {
    if (pieces) joined.back().text = reading_.arena.keep(std::move(text));
    pieces = false;
  };
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    Block& block = blocks[i];
    const bool alike = !joined.empty() && joined.back().kind == block.kind &&
                       joined.back().signature.value.empty() && joined.back().extra.raw.empty() &&
                       block.extra.raw.empty() &&
                       (block.kind == BlockKind::text || block.kind == BlockKind::thinking);
    const bool wrapped_end = block.text.empty() && !block.signature.house.empty();
    const bool next_chunk = i > 0 && origins[i] != origins[i - 1] && block.signature.value.empty();
    if (!alike || !(wrapped_end || next_chunk)) {
      close();
      joined.push_back(std::move(block));
      continue;
    }
    if (wrapped_end && block.kind == BlockKind::thinking) {  // it signs all pieces before it
      close();
      std::size_t first = joined.size() - 1;
      while (first > 0 && is_thought_piece(joined[first - 1])) --first;
      std::string whole;
      for (std::size_t k = first; k < joined.size(); ++k) whole += joined[k].text;
      joined.resize(first + 1);
      joined.back().text = reading_.arena.keep(std::move(whole));
      joined.back().signature = block.signature;
      continue;
    }
    if (!pieces) text = joined.back().text;
    pieces = true;
    text += block.text;
    joined.back().signature = block.signature;
  }
  close();
  blocks = std::move(joined);
}

void RequestReader::read_system(JsonValue instruction) {
  Members members(reading_, instruction, "systemInstruction");
  members.text("role");
  const JsonValue parts = members.array("parts");
  members.rest([&](string_view name, JsonValue value) { keep_extra(members.at(name), value); });
  std::size_t at = 0;
  for (const JsonValue part : parts.elements()) {
    const std::string path = members.at("parts", at++);
    Block block;
    if (!read_part(part, path, block)) continue;
    if (block.kind != BlockKind::text) return reading_.refuse(path, "expected a text");
    out_.system.push_back(std::move(block));
  }
}

bool RequestReader::read_part(JsonValue part, const std::string& path, Block& out) {
  Members members(reading_, part, path);
  const JsonValue text = members.take("text");
  if (text.exists() && !text.is_string())
    reading_.refuse(members.at("text"), "expected a string", "invalid_type");
  const bool thought = members.boolean("thought").value_or(false);
  const JsonValue call = members.object("functionCall");
  const JsonValue result = members.object("functionResponse");
  const JsonValue data = members.object("inlineData"), file = members.object("fileData");
  JsonValue native;
  for (const string_view name :
       {"executableCode", "codeExecutionResult", "toolCall", "toolResponse"}) {
    const JsonValue found = members.object(name);
    if (!found.exists()) continue;
    native = found;
    out.extra = {Dialect::gemini, name, part.raw(), false};
  }
  out.signature = read_signature(members.text("thoughtSignature"), reading_.arena);
  int kinds = 0;
  for (const JsonValue& each : {text, call, result, data, file, native})
    kinds += each.exists() ? 1 : 0;
  if (kinds > 1) reading_.refuse(path, "holds more than one kind of data");
  if (reading_.problem) return false;
  if (kinds == 0 && !thought && out.signature.value.empty())
    members.rest([&](string_view name, JsonValue value) {  // a kind that is not known yet
      native = value;
      out.extra = {Dialect::gemini, name, part.raw(), false};
    });
  if (native.exists()) {
    out.kind = BlockKind::native;
    out.signature = {};  // stands in the part
    return true;
  }
  if (call.exists()) {
    read_call(call, members.at("functionCall"), out);
  } else if (result.exists()) {
    read_result(result, members.at("functionResponse"), out);
  } else if (data.exists()) {
    read_inline(data, members.at("inlineData"), out);
  } else if (file.exists()) {
    read_file(file, members.at("fileData"), out);
  } else if (thought) {
    out.kind = text.exists() ? BlockKind::thinking : BlockKind::redacted_thinking;
    out.text = text.text(reading_.arena);
    if (out.kind == BlockKind::redacted_thinking && out.signature.value.empty()) return false;
  } else {
    out.text = text.text(reading_.arena);
    // Streams end with an empty text, which comes back in the history.
    if (out.text.empty() && out.signature.value.empty()) return false;
  }
  // A call's or result's own unknown members stand where a part's would.
  if (call.exists() || result.exists())
    members.rest([&](string_view name, JsonValue value) { keep_extra(members.at(name), value); });
  else
    keep_block_extras(members, out);
  return true;
}

void RequestReader::read_call(JsonValue call, const std::string& path, Block& out) {
  Members members(reading_, call, path);
  out.kind = BlockKind::tool_call;
  out.name = members.needed_text("name");
  out.id = members.text("id");
  if (out.id.empty()) out.id = made_id(path);
  const JsonValue args = members.object("args");
  out.arguments = args.exists() ? args.raw() : "{}";
  keep_block_extras(members, out);
  calls_.push_back({out.name, out.id, false});
}

void RequestReader::read_result(JsonValue result, const std::string& path, Block& out) {
  Members members(reading_, result, path);
  out.kind = BlockKind::tool_result;
  out.name = members.text("name");
  out.id = members.text("id");
  pair(out);
  if (out.name.empty())
    reading_.refuse(members.at("name"), "is needed", "missing_required_parameter");
  if (out.id.empty()) out.id = made_id(path);
  read_result_text(members.object("response"), out);
  std::size_t at = 0;
  for (const JsonValue part : members.array("parts").elements()) {
    Block media;
    const std::string part_path = members.at("parts", at++);
    if (!read_part(part, part_path, media)) continue;
    out.content.push_back(std::move(media));
  }
  keep_block_extras(members, out);
}

// {"result": text} and {"output": text} are that text, {"error": ...} is an error; any other object
// is its own text.
void RequestReader::read_result_text(JsonValue response, Block& out) {
  if (!response.exists()) return;
  Block block;
  block.text = response.raw();
  if (response.size() == 1) {
    const auto& [key, value] = *response.members().begin();
    out.is_error = key.text_is("error");
    const bool wrapped = key.text_is("result") || key.text_is("output");
    if ((wrapped || out.is_error) && value.is_string())
      block.text = value.text(reading_.arena);
    else if (out.is_error)
      block.text = value.raw();
  }
  if (!block.text.empty()) out.content.push_back(std::move(block));
}

// By id, or by name and order when ids are missing.
void RequestReader::pair(Block& result) {
  for (Call& call : calls_) {
    const bool same =
        result.id.empty() ? !call.answered && call.name == result.name : call.id == result.id;
    if (!same) continue;
    call.answered = true;
    result.id = call.id;
    if (result.name.empty()) result.name = call.name;
    return;
  }
}

void RequestReader::read_inline(JsonValue data, const std::string& path, Block& out) {
  Members members(reading_, data, path);
  const string_view type = members.text("mimeType");
  string_view bytes = members.text("data");
  out.kind = kind_of_media(type);
  out.name = members.text("displayName");
  members.rest([&](string_view name, JsonValue value) { keep_extra(members.at(name), value); });
  switch (alphabet_of(bytes)) {
    case Base64Alphabet::none:
      return reading_.refuse(members.at("data"), "is not base64");
    case Base64Alphabet::other:
      bytes = reading_.arena.keep(standard_base64(bytes));
      break;
    case Base64Alphabet::standard:
      break;
  }
  out.media = {Media::From::base64, bytes, type};
  if (type != "text/plain") return;
  auto text = decode_base64(bytes);
  if (!text || !simdjson::validate_utf8(text->data(), text->size())) return;
  out.media = {Media::From::text, reading_.arena.keep(std::move(*text)), type};
}

void RequestReader::read_file(JsonValue data, const std::string& path, Block& out) {
  Members members(reading_, data, path);
  const string_view address = members.needed_text("fileUri");
  const string_view type = members.text("mimeType");
  out.kind = kind_of_media(type, address);
  out.name = members.text("displayName");
  out.media = {is_file_of_google(address) ? Media::From::file_id : Media::From::url, address, type};
  members.rest([&](string_view name, JsonValue value) { keep_extra(members.at(name), value); });
}

}  // namespace holdfast::dialect::gemini

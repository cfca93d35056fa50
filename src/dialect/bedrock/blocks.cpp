// One content block, read and written.
#include "dialect/base64.h"
#include "dialect/bedrock/parts.h"

namespace holdfast::dialect::bedrock {
namespace {

Block native_block(std::string_view name, JsonValue whole) {
  Block out;
  out.kind = BlockKind::native;
  out.extra = Extra{Dialect::bedrock, name, whole.raw(), false};
  return out;
}

bool nothing_left(Fields& fields) {
  bool nothing = true;
  fields.rest([&nothing](std::string_view, JsonValue) { nothing = false; });
  return nothing;
}

// Image, audio, video or document. False: it says more than the canonical form can.
bool read_media(Reading& reading, JsonValue value, const std::string& path, Block& out) {
  Fields fields(reading, value, path);
  const std::string_view format = fields.text("format");
  const JsonValue source = fields.object("source");
  JsonValue citations;
  if (out.kind == BlockKind::document) {
    out.name = fields.text("name");
    out.context = fields.text("context");
    citations = fields.object("citations");
    out.citable = citations["enabled"].boolean();
  }
  out.media.media_type = media_type_of(out.kind, format);
  const bool text = out.kind == BlockKind::document && source["text"].is_string();
  const JsonValue data = source[text ? "text" : "bytes"];
  out.media.from = text ? Media::From::text : Media::From::base64;
  out.media.data = data.text(reading.arena);
  // It is written without escapes; what came without them has nothing that needs any.
  const bool escaped = data.raw().size() != out.media.data.size() + 2;
  if (!text && escaped && alphabet_of(out.media.data) == Base64Alphabet::none)
    reading.refuse(path + ".source.bytes", "is no base64");
  const bool format_known = !out.media.media_type.empty() || (text && format.empty());
  const bool citable_known = !citations || (out.citable && citations.size() == 1);
  return format_known && citable_known && data.is_string() && source.size() == 1 &&
         nothing_left(fields);
}

bool read_tool_use(Reading& reading, JsonValue value, const std::string& path, Block& out) {
  Fields fields(reading, value, path);
  out.id = fields.needed_text("toolUseId");
  out.name = fields.needed_text("name");
  out.arguments = fields.take("input").raw();
  return nothing_left(fields);
}

// The text of what holds texts and nothing else; nothing when it holds more.
std::optional<std::string_view> joined_texts(JsonValue array, Arena& arena) {
  std::string out;
  for (const JsonValue each : array.elements()) {
    if (!each["text"].is_string() || each.size() != 1) return std::nullopt;
    if (array.size() == 1) return each["text"].text(arena);
    out.append(each["text"].text(arena));
  }
  return arena.keep(std::move(out));
}

bool read_citations(Reading& reading, JsonValue value, const std::string& path, Block& out) {
  Fields fields(reading, value, path);
  const auto text = joined_texts(fields.array("content"), reading.arena);
  for (const JsonValue each : fields.array("citations").elements())
    out.citations.push_back(read_citation(each, reading.arena));
  if (text) out.text = *text;
  return text && !out.text.empty() && nothing_left(fields);
}

// False: it is the signature of the block before it.
bool read_reasoning(Reading& reading, JsonValue value, const std::string& path, Block& out) {
  Fields fields(reading, value, path);
  const std::string_view redacted = fields.text("redactedContent");
  Fields thought(reading, fields.object("reasoningText"), path + ".reasoningText");
  out.text = thought.text("text");
  out.kind = redacted.empty() ? BlockKind::thinking : BlockKind::redacted_thinking;
  out.signature = redacted.empty() ? signature_from_client(thought.text("signature"))
                                   : redacted_from_client(redacted, reading.arena);
  return out.signature.id != of_previous;
}

bool read_tool_result(Reading& reading, JsonValue value, const std::string& path, Block& out) {
  Fields fields(reading, value, path);
  out.id = fields.needed_text("toolUseId");
  read_content(reading, fields.array("content"), fields.at("content"), out.content);
  const std::string_view status = fields.text("status");
  out.is_error = status == "error";
  return (status.empty() || status == "success" || out.is_error) && nothing_left(fields);
}

struct Known {
  std::string_view name;
  BlockKind kind;
  bool (*read)(Reading&, JsonValue, const std::string&, Block&);
};
constexpr Known known_blocks[] = {
    {"image", BlockKind::image, read_media},
    {"document", BlockKind::document, read_media},
    {"audio", BlockKind::audio, read_media},
    {"video", BlockKind::video, read_media},
    {"toolUse", BlockKind::tool_call, read_tool_use},
    {"toolResult", BlockKind::tool_result, read_tool_result},
    {"citationsContent", BlockKind::text, read_citations},
};

void read_block(Reading& reading, JsonValue value, const std::string& path,
                std::vector<Block>& out) {
  if (!value.is_object() || value.size() != 1)
    return reading.refuse(path, "expected an object with one member");
  const JsonValue::Member member = *value.members().begin();
  const std::string_view name = member.key.text(reading.arena);
  Block block;
  if (name == "text") {
    if (!member.value.is_string())
      return reading.refuse(path + ".text", "expected a string", "invalid_type");
    block.text = member.value.text(reading.arena);
    out.push_back(std::move(block));
    return;
  }
  if (name == "json") {  // to others it is its text; to this dialect it goes back as it was
    block = native_block(name, value);
    block.kind = BlockKind::text;
    block.text = member.value.raw();
    out.push_back(std::move(block));
    return;
  }
  if (name == "cachePoint" && mark_last(out, member.value, reading.arena)) return;
  const std::string inner = path + "." + std::string(name);
  if (name == "reasoningContent") {
    if (read_reasoning(reading, member.value, inner, block))
      out.push_back(std::move(block));
    else if (!out.empty())
      out.back().signature = Signature{block.signature.value, block.signature.house, {}};
    return;
  }
  for (const Known& each : known_blocks) {
    if (each.name != name) continue;
    block.kind = each.kind;
    if (!each.read(reading, member.value, inner, block)) break;
    out.push_back(std::move(block));
    return;
  }
  out.push_back(native_block(name, value));
}

}  // namespace

void read_content(Reading& reading, JsonValue array, const std::string& path,
                  std::vector<Block>& out) {
  std::size_t i = 0;
  for (const JsonValue each : array.elements()) {
    if (reading.problem) return;
    read_block(reading, each, path + "[" + std::to_string(i++) + "]", out);
  }
}

void write_text(JsonWriter& json, std::string_view text) {
  json.begin_object().field("text", text).end_object();
}

void write_tool_use(JsonWriter& json, std::string_view id, std::string_view name,
                    std::string_view input) {
  json.begin_object().key("toolUse").begin_object();
  json.field("toolUseId", id).field("name", name).raw_field("input", input);
  json.end_object().end_object();
}

void write_reasoning(JsonWriter& json, std::string_view text, std::string_view signature) {
  json.begin_object().key("reasoningContent").begin_object().key("reasoningText").begin_object();
  json.field("text", text).text_field("signature", signature);
  json.end_object().end_object().end_object();
}

void write_redacted(JsonWriter& json, std::string_view content) {
  json.begin_object().key("reasoningContent").begin_object();
  json.field("redactedContent", content);
  json.end_object().end_object();
}

void write_media(JsonWriter& json, const Block& block, std::string_view name) {
  constexpr auto member = [](BlockKind kind) -> std::string_view {
    if (kind == BlockKind::image) return "image";
    if (kind == BlockKind::audio) return "audio";
    return kind == BlockKind::video ? "video" : "document";
  };
  json.begin_object().key(member(block.kind)).begin_object();
  json.text_field("format", format_of(block.kind, block.media.media_type)).text_field("name", name);
  json.key("source").begin_object();
  if (block.media.from == Media::From::text)
    json.field("text", block.media.data);
  else
    json.key("bytes").plain_string({}, block.media.data);
  json.end_object().text_field("context", block.context);
  if (block.citable)
    json.key("citations").begin_object().field("enabled", *block.citable).end_object();
  json.end_object().end_object();
}

}  // namespace holdfast::dialect::bedrock

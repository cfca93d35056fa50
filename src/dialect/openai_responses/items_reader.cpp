#include <fmt/format.h>

#include "dialect/codec.h"
#include "dialect/openai_responses/annotations.h"
#include "dialect/openai_responses/items.h"

namespace holdfast::dialect::openai_responses {
namespace {

constexpr Dialect own = Dialect::openai_responses;

std::string_view untaken(Fields& fields) {
  std::string_view found;
  fields.rest([&found](std::string_view name, JsonValue) {
    if (found.empty()) found = name;
  });
  return found;
}

// Items that answer a call, in the hosted tools' families.
bool is_output(std::string_view type) {
  return type.ends_with("_output") || type == "mcp_approval_response";
}
bool is_users(std::string_view type) {
  return type == "additional_tools" || type == "compaction_trigger" ||
         type == "configuration_update";
}

std::string_view cache_ttl_of(Fields& fields) {
  const JsonValue mark = fields.object("prompt_cache_breakpoint");
  if (!mark.exists()) return {};
  const std::string_view ttl = mark["ttl"].text(fields.reading().arena);
  return ttl.empty() ? "30m" : ttl;
}

}  // namespace

Media media_of(std::string_view url) {
  if (!url.starts_with("data:")) return {Media::From::url, url, {}};
  url.remove_prefix(5);
  constexpr std::string_view marker = ";base64,";
  const auto at = url.find(marker);
  if (at == url.npos || url.substr(0, at).find(',') != url.npos)
    return {Media::From::base64, {}, {}};
  return {Media::From::base64, url.substr(at + marker.size()), url.substr(0, at)};
}

std::string_view joined_texts(JsonValue parts, Arena& arena) {
  if (parts.is_array() && parts.size() == 1) return (*parts.elements().begin())["text"].text(arena);
  std::string joined;
  for (const JsonValue part : parts.elements()) {
    const std::string_view text = part["text"].text(arena);
    if (!joined.empty() && !text.empty()) joined += between_thoughts;
    joined += text;
  }
  return joined.empty() ? std::string_view() : arena.keep(std::move(joined));
}

void ItemReader::read(JsonValue items, std::string_view path) {
  if (items.is_string()) {
    Block block;
    block.text = items.text(reading_.arena);
    messages_.push_back({Role::user, {}, {block}});
    return;
  }
  if (!items.is_array())
    return reading_.refuse(path, "expected a text or an array of items", "invalid_type");
  std::size_t index = 0;
  for (const JsonValue each : items.elements()) {
    item(each, fmt::format("{}[{}]", path, index++));
    if (reading_.problem) return;
  }
}

void ItemReader::item(JsonValue value, const std::string& path) {
  Fields fields(reading_, value, path);
  const std::string_view type = fields.text("type");
  if (reading_.problem) return;
  if (type == "message" || (type.empty() && value["role"].exists())) return message(fields, value);
  if (type == "function_call") return function_call(fields, value);
  if (type == "function_call_output") return function_output(fields, value);
  if (type == "reasoning") return reasoning(fields, value);
  native(value, path, is_output(type) ? Role::tool : is_users(type) ? Role::user : Role::assistant);
}

std::vector<Block>& ItemReader::blocks_of(Role role) {
  const bool joins = role == Role::assistant || role == Role::tool;
  if (!joins || messages_.empty() || messages_.back().role != role)
    messages_.push_back({role, {}, {}});
  return messages_.back().content;
}

void ItemReader::native(JsonValue value, std::string_view name, Role role) {
  Block block;
  block.kind = BlockKind::native;
  block.extra = {own, reading_.arena.keep(std::string(name)), value.raw(), false};
  blocks_of(role).push_back(block);
}

bool ItemReader::kept_whole(Fields& fields, JsonValue value, Role role) {
  if (reading_.problem) return true;
  const std::string_view name = untaken(fields);
  if (name.empty()) return false;
  native(value, fields.at(name), role);
  return true;
}

void ItemReader::message(Fields& fields, JsonValue value) {
  const std::string_view name = fields.needed_text("role");
  Role role = Role::user;
  if (name == "assistant")
    role = Role::assistant;
  else if (name == "system" || name == "developer")
    role = Role::system;
  else if (name != "user")
    return reading_.refuse(fields.at("role"), "expected user, assistant, system or developer");
  const JsonValue content = fields.take("content");
  const JsonValue phase = fields.take("phase");
  fields.take("id");
  fields.take("status");
  if (!content.exists())
    return reading_.refuse(fields.at("content"), "is needed", "missing_required_parameter");
  if (kept_whole(fields, value, role)) return;
  std::vector<Block> blocks = parts(content, fields.at("content"), role);
  if (phase.exists()) {
    const Extra extra{own, reading_.arena.keep(fields.at("phase")), phase.raw(), true};
    extras_.push_back(extra);
    for (Block& block : blocks)
      if (block.kind != BlockKind::native) block.extra = extra;
  }
  std::vector<Block>& into =
      role == Role::system && system_ && messages_.empty() ? *system_ : blocks_of(role);
  into.insert(into.end(), blocks.begin(), blocks.end());
}

std::vector<Block> ItemReader::parts(JsonValue content, const std::string& path, Role role) {
  std::vector<Block> out;
  if (content.is_string()) {
    out.emplace_back().text = content.text(reading_.arena);
    return out;
  }
  if (!content.is_array()) {
    reading_.refuse(path, "expected a text or an array of parts", "invalid_type");
    return out;
  }
  std::size_t index = 0;
  for (const JsonValue each : content.elements()) {
    Block block;
    const std::string at = fmt::format("{}[{}]", path, index++);
    if (!part(each, at, block)) {
      block = {};
      block.kind = BlockKind::native;
      block.extra = {own, reading_.arena.keep(at), each.raw(), false};
    }
    if (block.kind == BlockKind::refusal && role != Role::assistant) block.kind = BlockKind::text;
    out.push_back(std::move(block));
  }
  return out;
}

bool ItemReader::part(JsonValue value, const std::string& path, Block& out) {
  Fields fields(reading_, value, path);
  const std::string_view type = fields.needed_text("type");
  if (type == "input_text" || type == "output_text") {
    out.text = fields.text("text");
    out.cache_ttl = cache_ttl_of(fields);
    fields.take("logprobs");
    for (const JsonValue each : fields.array("annotations").elements())
      out.citations.push_back(read_annotation(each, reading_.arena));
  } else if (type == "refusal") {
    out.kind = BlockKind::refusal;
    out.text = fields.text("refusal");
  } else if (!media_part(type, fields, out)) {
    return false;
  }
  return untaken(fields).empty();
}

bool ItemReader::media_part(std::string_view type, Fields& fields, Block& out) {
  if (type == "input_image") {
    out.kind = BlockKind::image;
    const std::string_view url = fields.text("image_url");
    const std::string_view file = fields.text("file_id");
    out.media = url.empty() ? Media{Media::From::file_id, file, {}} : media_of(url);
    out.detail = fields.text("detail");
    if (out.detail == "auto") out.detail = {};
  } else if (type == "input_file") {
    out.kind = BlockKind::document;
    const std::string_view data = fields.text("file_data");
    const std::string_view url = fields.text("file_url");
    const std::string_view file = fields.text("file_id");
    out.name = fields.text("filename");
    if (data.starts_with("data:"))
      out.media = media_of(data);
    else if (!data.empty())
      out.media = {Media::From::base64, data, {}};
    else
      out.media =
          url.empty() ? Media{Media::From::file_id, file, {}} : Media{Media::From::url, url, {}};
  } else if (type == "input_audio") {
    out.kind = BlockKind::audio;
    Fields audio(fields.reading(), fields.object("input_audio"), fields.at("input_audio"));
    const std::string_view format = audio.text("format");
    out.media = {Media::From::base64, audio.text("data"),
                 format == "mp3" ? "audio/mpeg" : "audio/wav"};
  } else {
    return false;
  }
  if (out.media.data.empty())
    fields.reading().refuse(fields.at("type"), "the part has no data that can be read",
                            "missing_required_parameter");
  out.cache_ttl = cache_ttl_of(fields);
  return true;
}

void ItemReader::function_call(Fields& fields, JsonValue value) {
  Block block;
  block.kind = BlockKind::tool_call;
  block.id = fields.needed_text("call_id");
  block.name = fields.needed_text("name");
  block.arguments = fields.text("arguments");
  fields.take("id");
  fields.take("status");
  if (!kept_whole(fields, value, Role::assistant)) blocks_of(Role::assistant).push_back(block);
}

void ItemReader::function_output(Fields& fields, JsonValue value) {
  Block block;
  block.kind = BlockKind::tool_result;
  block.id = fields.needed_text("call_id");
  block.name = fields.text("name");
  const JsonValue output = fields.take("output");
  fields.take("id");
  fields.take("status");
  if (!output.exists())
    return reading_.refuse(fields.at("output"), "is needed", "missing_required_parameter");
  if (kept_whole(fields, value, Role::tool)) return;
  if (!output.text_is("")) block.content = parts(output, fields.at("output"), Role::tool);
  // The mark stands behind the last part: there is no other place for one.
  if (!block.content.empty()) std::swap(block.cache_ttl, block.content.back().cache_ttl);
  blocks_of(Role::tool).push_back(std::move(block));
}

void ItemReader::reasoning(Fields& fields, JsonValue value) {
  Block block;
  block.kind = BlockKind::thinking;
  block.text = joined_texts(fields.array("summary"), reading_.arena);
  const std::string_view content = joined_texts(fields.array("content"), reading_.arena);
  if (block.text.empty()) block.text = content;
  const std::string_view encrypted = fields.text("encrypted_content");
  std::string_view id = fields.text("id");
  if (id.starts_with(made_thought_id)) id = {};
  fields.take("status");
  const auto foreign = unwrap_signature(encrypted);
  block.signature = foreign ? *foreign : Signature{encrypted, {}, id};
  const bool redacted = foreign ? foreign->id == redacted_mark : block.text.empty();
  if (redacted) block.kind = BlockKind::redacted_thinking;
  if (foreign && redacted) block.signature.id = {};
  if (!kept_whole(fields, value, Role::assistant)) blocks_of(Role::assistant).push_back(block);
}

}  // namespace holdfast::dialect::openai_responses

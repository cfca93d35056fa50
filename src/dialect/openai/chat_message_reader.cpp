// The messages of a client's request.
#include <fmt/format.h>

#include <utility>

#include "dialect/openai/chat_wire.h"

namespace holdfast::dialect::openai {
namespace {

using std::string_view;

constexpr string_view own_house = "openai";

// A cache mark: OpenAI's, or Anthropic's as routers take it.
string_view read_cache_mark(Fields& part) {
  if (const JsonValue mark = part.object("prompt_cache_breakpoint")) {
    Fields fields(part.reading(), mark, part.at("prompt_cache_breakpoint"));
    const string_view ttl = fields.text("ttl");
    return ttl.empty() ? "30m" : ttl;
  }
  const JsonValue mark = part.object("cache_control");
  if (!mark) return {};
  Fields fields(part.reading(), mark, part.at("cache_control"));
  const string_view ttl = fields.text("ttl");
  return ttl.empty() ? "5m" : ttl;
}

void read_url(Fields& at, string_view url, Media& out) {
  if (const auto data = read_data_url(url)) {
    out = {Media::From::base64, data->base64, data->media_type};
  } else if (url.starts_with("https://") || url.starts_with("http://")) {
    out = {Media::From::url, url, {}};
  } else {
    at.reading().refuse(at.at("url"), "expected an http URL or a data URL in base64",
                        "invalid_image_url");
  }
}

// image_url and video_url: an object with a url, or the URL itself.
void read_url_part(Fields& part, string_view member, Block& out) {
  const JsonValue value = part.take(member);
  if (value.is_string()) {
    read_url(part, value.text(part.reading().arena), out.media);
    return;
  }
  Fields fields(part.reading(), value, part.at(member));
  const string_view url = fields.needed_text("url");
  if (part.reading().problem) return;
  read_url(fields, url, out.media);
  out.detail = fields.text("detail");
}

void read_audio_part(Fields& part, Block& out) {
  const JsonValue value = part.take("input_audio");
  Arena& arena = part.reading().arena;
  string_view data;
  if (value.is_string()) {
    data = value.text(arena);
    if (data.starts_with("http") || data.starts_with("data:"))
      return read_url(part, data, out.media);
    out.media.media_type = "audio/mpeg";
  } else {
    Fields fields(part.reading(), value, part.at("input_audio"));
    data = fields.needed_text("data");
    const string_view format = fields.needed_text("format");
    out.media.media_type =
        format == "mp3" ? string_view("audio/mpeg") : arena.keep(fmt::format("audio/{}", format));
  }
  out.media.data = data;
  if (!needs_no_escape(data))
    part.reading().refuse(part.at("input_audio"), "expected audio in base64");
}

void read_file_part(Fields& part, Block& out) {
  if (const JsonValue id = part.take("file_id"); id.is_string()) {  // Mistral
    out.media = {Media::From::file_id, id.text(part.reading().arena), {}};
    return;
  }
  Fields file(part.reading(), part.object("file"), part.at("file"));
  out.name = file.text("filename");
  const string_view id = file.text("file_id"), data = file.text("file_data");
  if (!id.empty()) {
    out.media = {Media::From::file_id, id, {}};
  } else if (const auto url = read_data_url(data)) {
    out.media = {Media::From::base64, url->base64, url->media_type};
  } else if (data.starts_with("https://")) {
    out.media = {Media::From::url, data, {}};
  } else {
    part.reading().refuse(part.at("file"), "expected file_data, a data URL in base64, or file_id");
  }
}

// Mistral's thoughts: {thinking: [{type: text, text}], signature}.
void read_thinking_part(Fields& part, Block& out) {
  Arena& arena = part.reading().arena;
  std::string text;
  for (const JsonValue piece : part.array("thinking").elements())
    text.append(piece["text"].text(arena));
  out.text = arena.keep(std::move(text));
  if (const string_view signature = part.text("signature"); !signature.empty())
    out.signature = signature_of_client(signature, "mistral");
  part.take("closed");
}

// False for a type that only this dialect knows.
bool read_part(Fields& part, string_view type, Block& out) {
  if (type == "text") {
    out.text = part.text("text");
  } else if (type == "refusal") {
    out.kind = BlockKind::refusal;
    out.text = part.text("refusal");
  } else if (type == "image_url") {
    out.kind = BlockKind::image;
    read_url_part(part, type, out);
  } else if (type == "video_url") {
    out.kind = BlockKind::video;
    read_url_part(part, type, out);
  } else if (type == "input_audio") {
    out.kind = BlockKind::audio;
    read_audio_part(part, out);
  } else if (type == "file") {
    out.kind = BlockKind::document;
    read_file_part(part, out);
  } else if (type == "document_url") {
    out.kind = BlockKind::document;
    const string_view url = part.needed_text("document_url");
    if (!part.reading().problem) read_url(part, url, out.media);
    out.name = part.text("document_name");
  } else if (type == "thinking") {
    out.kind = BlockKind::thinking;
    read_thinking_part(part, out);
  } else {
    return false;
  }
  out.cache_ttl = read_cache_mark(part);
  return true;
}

Extra own(string_view name, string_view raw, bool harmless = false) {
  return {Dialect::openai, name, raw, harmless};
}

Block native(string_view name, JsonValue value, bool harmless = false) {
  Block out;
  out.kind = BlockKind::native;
  out.extra = own(name, value.raw(), harmless);
  return out;
}

void read_tool_calls(Fields& message, std::vector<Block>& out) {
  const JsonValue calls = message.array("tool_calls");
  std::size_t index = 0;
  for (const JsonValue each : calls.elements()) {
    Fields call(message.reading(), each, message.at("tool_calls", index++));
    const string_view type = call.text("type");
    if (!type.empty() && type != "function") {
      out.push_back(native("tool_calls", each));
      continue;
    }
    Fields function(message.reading(), call.object("function"), call.at("function"));
    Block& block = out.emplace_back();
    block.kind = BlockKind::tool_call;
    block.id = call.needed_text("id");
    block.name = function.needed_text("name");
    const JsonValue arguments = function.take("arguments");
    block.arguments =
        arguments.is_object() ? arguments.raw() : arguments.text(message.reading().arena);
    const JsonValue signature = call.take("extra_content")["google"]["thought_signature"];
    if (signature)
      block.signature = signature_of_client(signature.text(message.reading().arena), "google");
  }
}

// Old clients know one call without an id: it is paired with the next result.
class MessagesReader {
 public:
  MessagesReader(Fields& root, Request& out) : root_(root), out_(out) {}

  void read() {
    const JsonValue messages = root_.array("messages");
    if (!messages) root_.reading().refuse("messages", "is needed", "missing_required_parameter");
    std::size_t index = 0;
    for (const JsonValue each : messages.elements()) {
      Fields message(root_.reading(), each, root_.at("messages", index++));
      read_message(message);
      if (root_.reading().problem) return;
    }
    if (index == 0) root_.reading().refuse("messages", "expected at least one", "empty_array");
  }

 private:
  void read_message(Fields& message) {
    const string_view role = message.needed_text("role");
    if (role == "tool" || role == "function") {
      read_result(message, role == "function");
    } else if (role == "system" || role == "developer") {
      read_system(message);
    } else if (role == "user") {
      Message& out = add(Role::user, message);
      read_content(message, out.content);
      read_rest(message, out);
    } else if (role == "assistant") {
      read_assistant(message);
    } else {
      message.reading().refuse(message.at("role"),
                               "expected system, developer, user, assistant, tool or function");
    }
  }

  Message& add(Role role, Fields& message) {
    Message& out = out_.messages.emplace_back();
    out.role = role;
    out.name = message.text("name");
    return out;
  }

  void read_system(Fields& message) {
    Message read;
    read.role = Role::system;
    read.name = message.text("name");
    read_content(message, read.content);
    read_rest(message, read);
    if (out_.messages.empty() && read.name.empty()) {
      for (Block& block : read.content) out_.system.push_back(std::move(block));
    } else {
      out_.messages.push_back(std::move(read));
    }
  }

  void read_assistant(Fields& message) {
    Message& out = add(Role::assistant, message);
    const string_view content_text = message.text("reasoning_content");
    const string_view short_text = message.text("reasoning");
    read_thoughts(message.array("reasoning_details"),
                  content_text.empty() ? short_text : content_text, own_house,
                  message.reading().arena, out.content);
    read_content(message, out.content);
    if (const string_view refusal = message.text("refusal"); !refusal.empty()) {
      Block& block = out.content.emplace_back();
      block.kind = BlockKind::refusal;
      block.text = refusal;
    }
    read_tool_calls(message, out.content);
    if (const JsonValue call = message.object("function_call")) {
      Fields function(message.reading(), call, message.at("function_call"));
      Block& block = out.content.emplace_back();
      block.kind = BlockKind::tool_call;
      block.name = function.needed_text("name");
      block.arguments = function.text("arguments");
      legacy_id_ = message.reading().arena.keep(fmt::format("call_function{}", ++legacy_calls_));
      block.id = legacy_id_;
    }
    read_rest(message, out);
  }

  void read_result(Fields& message, bool legacy) {
    if (out_.messages.empty() || out_.messages.back().role != Role::tool)
      out_.messages.emplace_back().role = Role::tool;
    Block result;
    result.kind = BlockKind::tool_result;
    result.name = message.text("name");
    result.id = legacy ? legacy_id_ : message.needed_text("tool_call_id");
    read_content(message, result.content);
    if (!result.content.empty()) std::swap(result.cache_ttl, result.content.back().cache_ttl);
    Message rest;
    read_rest(message, rest);
    for (Block& block : rest.content) result.content.push_back(std::move(block));
    out_.messages.back().content.push_back(std::move(result));
  }

  // What is this dialect's own stays with the message.
  static void read_rest(Fields& message, Message& out) {
    const std::size_t first = out.content.size();
    message.rest([&](string_view name, JsonValue value) {
      for (std::size_t i = first; i < out.content.size(); ++i)
        if (out.content[i].extra.name == name)
          message.reading().refuse(message.at(name), "is given twice", "duplicate_field");
      const bool empty_list = value.is_array() && value.size() == 0;
      if (!empty_list) out.content.push_back(native(name, value, name == "annotations"));
    });
  }

  Fields& root_;
  Request& out_;
  string_view legacy_id_ = "call_function";
  std::size_t legacy_calls_ = 0;
};

}  // namespace

void read_content(Fields& message, std::vector<Block>& out) {
  const JsonValue content = message.take("content");
  if (content.is_string()) {
    const string_view text = content.text(message.reading().arena);
    if (!text.empty()) out.emplace_back().text = text;
    return;
  }
  if (content && !content.is_array())
    message.reading().refuse(message.at("content"), "expected a string or an array of parts",
                             "invalid_type");
  std::size_t index = 0;
  for (const JsonValue each : content.elements()) {
    Fields part(message.reading(), each, message.at("content", index++));
    Block block;
    const string_view type = part.needed_text("type");
    if (message.reading().problem) return;
    if (!read_part(part, type, block)) block = native("content", each);
    const bool empty = block.kind == BlockKind::text && block.text.empty();
    if (!empty) out.push_back(std::move(block));
  }
}

void read_messages(Fields& root, Request& out) { MessagesReader(root, out).read(); }

}  // namespace holdfast::dialect::openai

// A client's request, member by member. What has no place in the canonical form is kept under its
// path, so that the writer puts it back where it stood.
#include <fmt/format.h>

#include <algorithm>

#include "dialect/anthropic/parts.h"
#include "dialect/request_fields.h"

namespace holdfast::dialect::anthropic {
namespace {

constexpr std::int64_t no_limit = std::int64_t{1} << 53U;
constexpr std::size_t most_messages = 100'000;

// Whether the answer stays what was asked for without this member.
bool harmless(std::string_view place, std::string_view name, JsonValue value) {
  if (place == "metadata") return true;
  if (name == "defer_loading") return value.raw() == "false";
  if (name == "allowed_callers")
    return std::ranges::all_of(value.raw(), [](char c) { return c != '_'; });  // ["direct"]
  if (name == "caller") return value["type"].text_is("direct");
  constexpr std::string_view names[] = {
      "cache_control",   "speed",        "diagnostics", "eager_input_streaming",
      "user_profile_id", "workspace_id", "scope"};
  return std::ranges::find(names, name) != std::end(names);
}

bool plain_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

class Reader {
 public:
  explicit Reader(Request& request) : request_(request), reading_{request.arena, std::nullopt} {}

  std::optional<RequestProblem> read(JsonValue root, bool counting) {
    Fields fields(reading_, root, "");
    request_.model = fields.needed_text("model");
    read_limits(fields, counting);
    read_system(fields);
    read_messages(fields);
    read_tools(fields);
    read_tool_choice(fields);
    read_thinking(fields);
    read_output_config(fields);
    read_metadata(fields);
    const std::string_view tier = fields.text("service_tier");
    if (tier == "standard_only")
      request_.service_tier = "default";
    else if (tier.empty() || tier == "auto")
      request_.service_tier = tier;
    else
      reading_.refuse("service_tier", "expected auto or standard_only");
    keep_rest(fields, "");
    return reading_.problem;
  }

 private:
  // Keeps what nobody has taken under `place`, the object's path as the writer will write it.
  void keep_rest(Fields& fields, std::string_view place) {
    std::vector<std::string_view> names;
    fields.rest([&](std::string_view name, JsonValue value) {
      if (!plain_name(name)) return reading_.refuse(fields.at(name), "is not known");
      names.push_back(name);
      std::string path = place.empty() ? std::string(name) : fmt::format("{}.{}", place, name);
      request_.extras.push_back({Dialect::anthropic, request_.arena.keep(std::move(path)),
                                 value.raw(), harmless(place, name, value)});
    });
    std::ranges::sort(names);
    if (const auto twice = std::ranges::adjacent_find(names); twice != names.end())
      reading_.refuse(fields.at(*twice), "is given twice", "duplicate_field");
  }

  void keep_whole(std::string_view name, JsonValue value) {
    request_.extras.push_back({Dialect::anthropic, name, value.raw(), false});
  }

  void read_limits(Fields& fields, bool counting) {
    request_.max_tokens = fields.integer("max_tokens", 0, no_limit);
    if (!request_.max_tokens && !counting)
      reading_.refuse("max_tokens", "is needed", "missing_required_parameter");
    request_.stream = fields.boolean("stream").value_or(false);
    request_.temperature = fields.number("temperature", 0, 1);
    request_.top_p = fields.number("top_p", 0, 1);
    request_.top_k = fields.integer("top_k", 0, no_limit);
    std::size_t index = 0;
    for (const JsonValue each : fields.array("stop_sequences").elements()) {
      if (!each.is_string())
        reading_.refuse(fields.at("stop_sequences", index), "expected a string", "invalid_type");
      request_.stop.push_back(each.text(request_.arena));
      ++index;
    }
  }

  void read_system(Fields& fields) {
    const JsonValue system = fields.take("system");
    if (!system) return;
    if (system.is_string()) {
      request_.system.push_back(text_block(system));
      return;
    }
    if (!system.is_array())
      return reading_.refuse("system", "expected a string or an array of text blocks",
                             "invalid_type");
    std::size_t index = 0;
    for (const JsonValue each : system.elements()) {
      const std::string path = fields.at("system", index++);
      request_.system.push_back(read_block(each, path, path));
      if (request_.system.back().kind != BlockKind::text)
        reading_.refuse(path, "expected a text block");
      if (reading_.problem) return;
    }
  }

  void read_messages(Fields& fields) {
    const JsonValue messages = fields.array("messages");
    if (messages.size() == 0)
      reading_.refuse("messages", "at least one message is needed", "missing_required_parameter");
    if (messages.size() > most_messages)
      reading_.refuse("messages", fmt::format("more than {} messages", most_messages));
    std::size_t index = 0;
    for (const JsonValue each : messages.elements()) {
      if (reading_.problem) return;
      read_message(each, fields.at("messages", index++));
    }
  }

  void read_message(JsonValue value, const std::string& path) {
    Fields fields(reading_, value, path);
    const std::string_view name = fields.needed_text("role");
    Role role = Role::user;
    if (name == "assistant")
      role = Role::assistant;
    else if (name == "system")
      role = Role::system;
    else if (name != "user")
      reading_.refuse(fields.at("role"), "expected user, assistant or system");
    const JsonValue content = fields.take("content");
    if (!content) reading_.refuse(fields.at("content"), "is needed", "missing_required_parameter");
    if (content.is_string()) {
      open_message(role).content.push_back(text_block(content));
      ++blocks_;
    } else if (content.is_array()) {
      read_content(content, role, fields);
      if (content.size() == 0) open_message(role);
    } else {
      reading_.refuse(fields.at("content"), "expected a string or an array of blocks",
                      "invalid_type");
    }
    keep_rest(fields, fmt::format("messages[{}]", written_ - 1));
  }

  // Begins a canonical message, and counts the written ones as the writer will: tool results and
  // what the user says behind them are one.
  Message& open_message(Role role) {
    const bool joins = !request_.messages.empty() && request_.messages.back().role == Role::tool &&
                       (role == Role::tool || role == Role::user);
    if (!joins) {
      ++written_;
      blocks_ = 0;
    }
    if (joins && role == Role::tool) return request_.messages.back();
    return request_.messages.emplace_back(Message{role, {}, {}});
  }

  void read_content(JsonValue content, Role role, Fields& fields) {
    Message* message = nullptr;
    std::size_t index = 0;
    for (const JsonValue each : content.elements()) {
      if (reading_.problem) return;
      const bool is_result = role == Role::user && each["type"].text_is("tool_result");
      const Role wanted = is_result ? Role::tool : role;
      if (message == nullptr || message->role != wanted) message = &open_message(wanted);
      const std::string place = fmt::format("messages[{}].content[{}]", written_ - 1, blocks_);
      Block block = read_block(each, fields.at("content", index++), place);
      // A signature that Gemini put on a text or a call stands behind it in a block of its own.
      if (block.kind == BlockKind::redacted_thinking && block.signature.house == "google" &&
          !message->content.empty()) {
        Block& marked = message->content.back();
        if (marked.kind == BlockKind::text || marked.kind == BlockKind::tool_call) {
          marked.signature = block.signature;
          continue;
        }
      }
      if (role == Role::system && block.kind != BlockKind::text)
        reading_.refuse(fields.at("content", index - 1), "a system message holds text only");
      message->content.push_back(std::move(block));
      ++blocks_;
    }
  }

  Block text_block(JsonValue text) {
    Block block;
    block.text = text.text(request_.arena);
    return block;
  }

  Block read_block(JsonValue value, const std::string& path, const std::string& place) {
    Block block;
    const JsonValue type = value["type"];
    if (value.is_object() && type.is_string()) {
      if (type.text_is("image") || type.text_is("document")) {
        const JsonValue source = value["source"];
        // A document made of blocks is known nowhere else.
        if (source["type"].text_is("content")) return native(value, place);
      } else if (!is_shared(type)) {
        return native(value, place);
      }
    }
    Fields fields(reading_, value, path);
    const std::string_view kind = fields.needed_text("type");
    if (kind == "text") {
      block.text = fields.text("text");
      read_citations(fields.array("citations"), request_.arena, block.citations);
    } else if (kind == "image") {
      block.kind = BlockKind::image;
      read_source(fields, place, block.media);
    } else if (kind == "document") {
      block.kind = BlockKind::document;
      block.name = fields.text("title");
      block.context = fields.text("context");
      read_source(fields, place, block.media);
      block.citable = read_citable(fields, place);
    } else if (kind == "thinking") {
      block.kind = BlockKind::thinking;
      block.text = fields.text("thinking");
      block.signature = signature_of(fields.text("signature"));
    } else if (kind == "redacted_thinking") {
      block.kind = BlockKind::redacted_thinking;
      block.signature = signature_of(fields.text("data"));
    } else if (kind == "tool_use") {
      block.kind = BlockKind::tool_call;
      block.id = fields.needed_text("id");
      block.name = fields.needed_text("name");
      const JsonValue input = fields.object("input");
      if (!input) reading_.refuse(fields.at("input"), "is needed", "missing_required_parameter");
      block.arguments = input.raw();
    } else if (kind == "tool_result") {
      block.kind = BlockKind::tool_result;
      block.id = fields.needed_text("tool_use_id");
      block.is_error = fields.boolean("is_error").value_or(false);
      read_result(fields, place, block);
    }
    block.cache_ttl = read_cache_mark(fields, place);
    keep_rest(fields, place);
    return block;
  }

  static bool is_shared(JsonValue type) {
    constexpr std::string_view types[] = {"text", "thinking", "redacted_thinking", "tool_use",
                                          "tool_result"};
    return std::ranges::any_of(types, [type](std::string_view each) { return type.text_is(each); });
  }

  Block native(JsonValue value, const std::string& place) {
    Block block;
    block.kind = BlockKind::native;
    block.extra = {Dialect::anthropic, request_.arena.keep(place), value.raw(), false};
    return block;
  }

  static Signature signature_of(std::string_view text) {
    if (const auto wrapped = unwrap_signature(text)) return *wrapped;
    return {text, {}, {}};
  }

  void read_source(Fields& outer, const std::string& place, Media& media) {
    const JsonValue source = outer.object("source");
    if (!source)
      return reading_.refuse(outer.at("source"), "is needed", "missing_required_parameter");
    Fields fields(reading_, source, outer.at("source"));
    const std::string_view type = fields.needed_text("type");
    if (type == "url") {
      media.from = Media::From::url;
      media.data = fields.needed_text("url");
    } else if (type == "file") {
      media.from = Media::From::file_id;
      media.data = fields.needed_text("file_id");
    } else if (type == "base64" || type == "text") {
      media.from = type == "text" ? Media::From::text : Media::From::base64;
      media.media_type = fields.needed_text("media_type");
      media.data = fields.text("data");
    } else {
      reading_.refuse(fields.at("type"), "expected base64, url, file, text or content");
    }
    keep_rest(fields, place + ".source");
  }

  std::optional<bool> read_citable(Fields& outer, const std::string& place) {
    const JsonValue citations = outer.object("citations");
    if (!citations) return std::nullopt;
    Fields fields(reading_, citations, outer.at("citations"));
    const bool enabled = fields.boolean("enabled").value_or(false);
    keep_rest(fields, place + ".citations");
    return enabled;
  }

  void read_result(Fields& fields, const std::string& place, Block& block) {
    const JsonValue content = fields.take("content");
    if (!content) return;
    if (content.is_string()) {
      block.content.push_back(text_block(content));
      return;
    }
    if (!content.is_array())
      return reading_.refuse(fields.at("content"), "expected a string or an array of blocks",
                             "invalid_type");
    std::size_t index = 0;
    for (const JsonValue each : content.elements()) {
      const std::string path = fields.at("content", index);
      if (each["type"].text_is("tool_result"))
        return reading_.refuse(path, "a tool result holds no other");
      block.content.push_back(read_block(each, path, fmt::format("{}.content[{}]", place, index)));
      if (reading_.problem) return;
      ++index;
    }
  }

  std::string_view read_cache_mark(Fields& outer, const std::string& place) {
    const JsonValue mark = outer.object("cache_control");
    if (!mark) return {};
    Fields fields(reading_, mark, outer.at("cache_control"));
    if (fields.needed_text("type") != "ephemeral")
      reading_.refuse(fields.at("type"), "expected ephemeral");
    const std::string_view ttl = fields.text("ttl");
    if (!ttl.empty() && ttl != "5m" && ttl != "1h")
      reading_.refuse(fields.at("ttl"), "expected 5m or 1h");
    keep_rest(fields, place + ".cache_control");
    return ttl.empty() ? "5m" : ttl;
  }

  void read_tools(Fields& outer) {
    std::size_t index = 0;
    for (const JsonValue each : outer.array("tools").elements()) {
      const std::string path = outer.at("tools", index++);
      if (reading_.problem) return;
      const JsonValue type = each["type"];
      Tool& tool = request_.tools.emplace_back();
      if (each.is_object() && type.is_string() && !type.text_is("custom")) {
        tool.native = Extra{Dialect::anthropic, request_.arena.keep(path), each.raw(), false};
        continue;
      }
      Fields fields(reading_, each, path);
      fields.text("type");
      tool.name = fields.needed_text("name");
      tool.description = fields.text("description");
      const JsonValue schema = fields.object("input_schema");
      if (!schema)
        reading_.refuse(fields.at("input_schema"), "is needed", "missing_required_parameter");
      tool.schema = schema.raw();
      tool.strict = fields.boolean("strict");
      tool.cache_ttl = read_cache_mark(fields, path);
      keep_rest(fields, path);
    }
  }

  void read_tool_choice(Fields& outer) {
    const JsonValue choice = outer.object("tool_choice");
    if (!choice) return;
    Fields fields(reading_, choice, "tool_choice");
    const std::string_view type = fields.needed_text("type");
    ToolChoice& out = request_.tool_choice;
    if (type == "auto") {
      out.mode = ToolChoice::Mode::automatic;
    } else if (type == "any") {
      out.mode = ToolChoice::Mode::required;
    } else if (type == "none") {
      out.mode = ToolChoice::Mode::none;
    } else if (type == "tool") {
      out.mode = ToolChoice::Mode::named;
      out.name = fields.needed_text("name");
    } else {
      reading_.refuse("tool_choice.type", "expected auto, any, tool or none");
    }
    if (const auto one = fields.boolean("disable_parallel_tool_use"))
      request_.parallel_tools = !*one;
    keep_rest(fields, "tool_choice");
  }

  void read_thinking(Fields& outer) {
    const JsonValue thinking = outer.object("thinking");
    if (!thinking) return;
    if (thinking["type"].text_is("between_tools")) return keep_whole("thinking", thinking);
    Fields fields(reading_, thinking, "thinking");
    const std::string_view type = fields.needed_text("type");
    Reasoning& out = request_.reasoning;
    if (type == "enabled") {
      out.budget_tokens = fields.integer("budget_tokens", 1024, no_limit);
      if (!out.budget_tokens)
        reading_.refuse("thinking.budget_tokens", "is needed", "missing_required_parameter");
    } else if (type == "adaptive") {
      out.adaptive = true;
    } else if (type == "disabled") {
      out.off = true;
    } else {
      reading_.refuse("thinking.type", "expected enabled, adaptive, between_tools or disabled");
    }
    const std::string_view display = fields.text("display");
    if (display == "summarized" || display == "omitted")
      out.show = display == "summarized";
    else if (!display.empty())
      reading_.refuse("thinking.display", "expected summarized or omitted");
    keep_rest(fields, "thinking");
  }

  void read_output_config(Fields& outer) {
    const JsonValue config = outer.object("output_config");
    if (!config) return;
    Fields fields(reading_, config, "output_config");
    const std::string_view effort = fields.text("effort");
    request_.reasoning.effort = effort_from(effort);
    if (!effort.empty() && request_.reasoning.effort < Effort::low)
      reading_.refuse("output_config.effort", "expected low, medium, high, xhigh or max");
    if (const JsonValue format = fields.object("format")) {
      Fields inner(reading_, format, "output_config.format");
      if (inner.needed_text("type") != "json_schema")
        reading_.refuse("output_config.format.type", "expected json_schema");
      const JsonValue schema = inner.object("schema");
      if (!schema)
        reading_.refuse("output_config.format.schema", "is needed", "missing_required_parameter");
      request_.format.kind = Format::Kind::json_schema;
      request_.format.schema = schema.raw();
      keep_rest(inner, "output_config.format");
    }
    keep_rest(fields, "output_config");
  }

  void read_metadata(Fields& outer) {
    const JsonValue metadata = outer.object("metadata");
    if (!metadata) return;
    Fields fields(reading_, metadata, "metadata");
    request_.user = fields.text("user_id");
    keep_rest(fields, "metadata");
  }

  Request& request_;
  Reading reading_;
  std::size_t written_ = 0;  // messages so far, as the writer will write them
  std::size_t blocks_ = 0;   // of the last of them
};

}  // namespace

std::expected<Request, RequestProblem> read_request(std::string_view body, bool counting) {
  JsonDocument document;
  if (const auto parsed = document.parse(body); !parsed)
    return std::unexpected(
        RequestProblem{400,
                       fmt::format("The body is not JSON: {} (byte {})", parsed.error().message,
                                   parsed.error().offset),
                       "invalid_json",
                       {}});
  Request request;
  request.from = Dialect::anthropic;
  Reader reader(request);
  if (auto problem = reader.read(document.root(), counting))
    return std::unexpected(*std::move(problem));
  return request;
}

}  // namespace holdfast::dialect::anthropic

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "dialect/openai_responses/codec.h"
#include "dialect/openai_responses/items.h"

namespace holdfast::dialect::openai_responses {
namespace {

constexpr Dialect own = Dialect::openai_responses;
constexpr std::int64_t any_count = std::numeric_limits<std::int64_t>::max();

// Members without which the answer stays what was asked for.
constexpr std::string_view harmless_members[] = {
    "include",        "max_tool_calls",         "prompt_cache_key", "prompt_cache_options",
    "stream_options", "prompt_cache_retention", "truncation",       "user"};

bool is_harmless(std::string_view name) {
  return std::ranges::find(harmless_members, name) != std::end(harmless_members) ||
         name.starts_with("stream_options.");
}

class RequestReader {
 public:
  explicit RequestReader(Request& out) : out_(out), reading_{out.arena, std::nullopt} {}

  std::optional<RequestProblem> read(JsonValue root, std::span<const JsonValue> history) {
    Fields fields(reading_, root, "");
    out_.from = own;
    out_.model = fields.needed_text("model");
    conversation(fields, history);
    parameters(fields);
    tools(fields);
    tool_choice(fields);
    reasoning(fields);
    text(fields);
    include(fields);
    identity(fields);
    stream(fields);
    if (fields.text("truncation") == "auto") keep("truncation", root["truncation"]);
    if (fields.boolean("background").value_or(false)) keep("background", root["background"]);
    if (fields.boolean("store").value_or(false)) keep("store", root["store"]);
    rest(fields, "");
    return std::move(reading_.problem);
  }

 private:
  void keep(std::string_view name, JsonValue value) {
    out_.extras.push_back({own, name, value.raw(), is_harmless(name)});
  }
  // What of `fields`, the object at `path`, nobody has taken.
  void rest(Fields& fields, std::string_view path) {
    if (reading_.problem) return;
    fields.rest([this, &fields, path](std::string_view name, JsonValue value) {
      const std::string_view full =
          path.empty() ? name : reading_.arena.keep(fmt::format("{}.{}", path, name));
      const bool twice = std::ranges::find(out_.extras, full, &Extra::name) != out_.extras.end();
      if (twice) reading_.refuse(fields.at(name), "is given twice", "duplicate_field");
      // The paths of extras are told from their names by these.
      if (name.find_first_of(".[") != name.npos)
        reading_.refuse(fields.at(name), "is not known", "unknown_parameter");
      keep(full, value);
    });
  }

  void conversation(Fields& fields, std::span<const JsonValue> history) {
    const std::string_view instructions = fields.text("instructions");
    if (!instructions.empty()) out_.system.emplace_back().text = instructions;
    ItemReader items(reading_, &out_.system, out_.messages, out_.extras);
    for (const JsonValue& before : history) items.read(before, "previous_response_id");
    forget_bare_thoughts();
    const JsonValue input = fields.take("input");
    if (input.exists()) items.read(input, "input");
  }

  void forget_bare_thoughts() {
    for (Message& message : out_.messages)
      std::erase_if(message.content, [](const Block& block) {
        const bool thought =
            block.kind == BlockKind::thinking || block.kind == BlockKind::redacted_thinking;
        return thought && block.signature.value.empty();
      });
    std::erase_if(out_.messages, [](const Message& message) { return message.content.empty(); });
  }

  void parameters(Fields& fields) {
    out_.max_tokens = fields.integer("max_output_tokens", 1, any_count);
    out_.temperature = fields.number("temperature", 0, 2);
    out_.top_p = fields.number("top_p", 0, 1);
    out_.top_logprobs = fields.integer("top_logprobs", 0, 20);
    out_.parallel_tools = fields.boolean("parallel_tool_calls");
    const JsonValue metadata = fields.object("metadata");
    if (metadata.size() > 0) out_.metadata = metadata.raw();
    out_.service_tier = fields.text("service_tier");
  }

  void tools(Fields& fields) {
    std::size_t index = 0;
    for (const JsonValue each : fields.array("tools").elements()) {
      tool(each, fields.at("tools", index++));
      if (reading_.problem) return;
    }
  }
  void tool(JsonValue value, const std::string& path) {
    Fields fields(reading_, value, path);
    Tool tool;
    std::string name = path;
    if (fields.needed_text("type") == "function") {
      tool.name = fields.needed_text("name");
      tool.description = fields.text("description");
      tool.schema = fields.object("parameters").raw();
      tool.strict = fields.boolean("strict");
      name.clear();
      fields.rest([&name, &fields](std::string_view other, JsonValue it) {
        if (it.boolean() != false) name = fields.at(other);
      });
    }
    if (!name.empty()) {
      tool = {};
      tool.native = Extra{own, reading_.arena.keep(std::move(name)), value.raw(), false};
    }
    out_.tools.push_back(tool);
  }

  void tool_choice(Fields& fields) {
    const JsonValue value = fields.take("tool_choice");
    ToolChoice& choice = out_.tool_choice;
    using Mode = ToolChoice::Mode;
    if (value.is_string()) {
      const std::string_view mode = value.text(reading_.arena);
      if (mode == "auto")
        choice.mode = Mode::automatic;
      else if (mode == "required")
        choice.mode = Mode::required;
      else if (mode == "none")
        choice.mode = Mode::none;
      else
        reading_.refuse("tool_choice", "expected auto, required or none");
    } else if (value["type"].text_is("function")) {
      choice.mode = Mode::named;
      choice.name = Fields(reading_, value, "tool_choice").needed_text("name");
    } else if (value["type"].text_is("allowed_tools") && only_functions(value["tools"])) {
      choice.mode = value["mode"].text_is("required") ? Mode::required : Mode::automatic;
      for (const JsonValue each : value["tools"].elements())
        choice.allowed.push_back(each["name"].text(reading_.arena));
    } else if (value.exists()) {
      keep("tool_choice", value);
    }
  }
  static bool only_functions(JsonValue tools) {
    if (tools.size() == 0) return false;
    bool only = true;
    for (const JsonValue each : tools.elements())
      only = only && each["type"].text_is("function") && each["name"].is_string();
    return only;
  }

  void reasoning(Fields& root) {
    Fields fields(reading_, root.object("reasoning"), "reasoning");
    Reasoning& out = out_.reasoning;
    const std::string_view effort = fields.text("effort");
    out.effort = effort_from(effort);
    if (!effort.empty() && out.effort == Effort::unset)
      reading_.refuse("reasoning.effort",
                      "expected none, minimal, low, medium, high, xhigh or max");
    out.summary = fields.text("summary");
    const std::string_view older = fields.text("generate_summary");
    if (out.summary.empty()) out.summary = older;
    if (!out.summary.empty()) out.show = true;
    rest(fields, "reasoning");
  }

  void text(Fields& root) {
    Fields fields(reading_, root.object("text"), "text");
    out_.verbosity = fields.text("verbosity");
    const JsonValue value = fields.object("format");
    if (value.exists()) {
      Fields format(reading_, value, "text.format");
      read_format(format);
      rest(format, "text.format");
    }
    rest(fields, "text");
  }
  void read_format(Fields& fields) {
    Format& out = out_.format;
    const std::string_view type = fields.needed_text("type");
    if (type == "text") {
      out.kind = Format::Kind::text;
    } else if (type == "json_object") {
      out.kind = Format::Kind::json_object;
    } else if (type == "json_schema") {
      out.kind = Format::Kind::json_schema;
      out.name = fields.needed_text("name");
      out.description = fields.text("description");
      out.schema = fields.object("schema").raw();
      out.strict = fields.boolean("strict");
      if (out.schema.empty())
        reading_.refuse("text.format.schema", "is needed", "missing_required_parameter");
    } else {
      reading_.refuse("text.format.type", "expected text, json_object or json_schema");
    }
  }

  void include(Fields& fields) {
    const JsonValue value = fields.array("include");
    bool others = false;
    for (const JsonValue each : value.elements()) {
      if (each.text_is(include_logprobs))
        out_.logprobs = true;
      else
        others = true;
    }
    if (others) keep("include", value);
  }

  void identity(Fields& fields) {
    const JsonValue user = fields.take("user");
    out_.user = fields.text("safety_identifier");
    if (out_.user.empty())
      out_.user = user.text(reading_.arena);
    else if (user.exists())
      keep("user", user);
  }

  void stream(Fields& root) {
    out_.stream = root.boolean("stream").value_or(false);
    Fields fields(reading_, root.object("stream_options"), "stream_options");
    out_.pad_stream = fields.boolean("include_obfuscation").value_or(true);
    rest(fields, "stream_options");
  }

  Request& out_;
  Reading reading_;
};

}  // namespace

std::expected<Request, RequestProblem> read_request(std::string_view body,
                                                    std::span<const JsonValue> history) {
  JsonDocument document;
  if (auto parsed = document.parse(body); !parsed)
    return std::unexpected(RequestProblem{
        400, fmt::format("the body is not JSON: {}", parsed.error().message), "invalid_json", {}});
  Request out;
  const JsonValue root = document.root();
  auto problem = RequestReader(out).read(root, history);
  if (!problem && out.messages.empty() && !root["input"].exists() && !root["prompt"].exists() &&
      !root["previous_response_id"].exists() && !root["conversation"].exists())
    problem = RequestProblem{400, "input: is needed", "missing_required_parameter", "input"};
  if (problem) return std::unexpected(std::move(*problem));
  return out;
}

std::expected<std::vector<Message>, RequestProblem> messages_of(JsonValue items, Arena& arena) {
  std::vector<Message> out;
  std::vector<Extra> extras;
  Reading reading{arena, std::nullopt};
  ItemReader(reading, nullptr, out, extras).read(items, "input");
  if (reading.problem) return std::unexpected(std::move(*reading.problem));
  return out;
}

StateFields read_state(JsonValue root) {
  Arena arena;
  StateFields out;
  out.previous_response_id = root["previous_response_id"].text(arena);
  const JsonValue conversation = root["conversation"];
  out.conversation = (conversation.is_object() ? conversation["id"] : conversation).text(arena);
  out.store = root["store"].boolean();
  out.background = root["background"].boolean().value_or(false);
  return out;
}

void forget_state(Request& request, std::string_view name) {
  std::erase_if(request.extras,
                [name](const Extra& extra) { return extra.from == own && extra.name == name; });
}

}  // namespace holdfast::dialect::openai_responses

#include <fmt/format.h>

#include "dialect/bedrock/parts.h"

namespace holdfast::dialect::bedrock {
namespace {

constexpr std::int64_t most = std::int64_t{1} << 31U;

class RequestReader {
 public:
  explicit RequestReader(Request& out) : out_(out), reading_{out.arena, std::nullopt} {}

  std::optional<RequestProblem> read(JsonValue root) {
    Fields fields(reading_, root, "");
    read_system(fields);
    read_messages(fields);
    read_inference(fields);
    read_tools(fields);
    read_output(fields);
    read_model_fields(fields);
    read_tier(fields);
    read_metadata(fields.object("requestMetadata"));
    // What a service promises besides the answer may be left out; guardrails and the rest not.
    keep_rest(fields, "", [](std::string_view name) { return name == "performanceConfig"; });
    return std::move(reading_.problem);
  }

 private:
  void extra(std::string name, JsonValue value, bool harmless = false) {
    out_.extras.push_back(
        {Dialect::bedrock, reading_.arena.keep(std::move(name)), value.raw(), harmless});
  }
  template <class Harmless>
  void keep_rest(Fields& fields, std::string_view prefix, Harmless harmless) {
    fields.rest([&](std::string_view name, JsonValue value) {
      extra(fmt::format("{}{}", prefix, name), value, harmless(name));
    });
  }
  void keep_rest(Fields& fields, std::string_view prefix) {
    keep_rest(fields, prefix, [](std::string_view) { return false; });
  }

  void read_system(Fields& fields) {
    read_content(reading_, fields.array("system"), "system", out_.system);
    for (std::size_t i = 0; i < out_.system.size(); ++i)
      if (out_.system[i].kind != BlockKind::text && out_.system[i].kind != BlockKind::native)
        reading_.refuse(fmt::format("system[{}]", i), "expected a text");
  }

  void read_messages(Fields& fields) {
    const JsonValue array = fields.array("messages");
    if (array.size() == 0)
      return reading_.refuse("messages", "is needed", "missing_required_parameter");
    std::size_t i = 0;
    for (const JsonValue each : array.elements()) {
      if (reading_.problem) return;
      read_message(each, fmt::format("messages[{}]", i++));
    }
  }

  void read_message(JsonValue value, const std::string& path) {
    Fields fields(reading_, value, path);
    const std::string_view role = fields.needed_text("role");
    Message message;
    if (role == "assistant")
      message.role = Role::assistant;
    else if (role == "user" || role == "system")
      message.role = role == "user" ? Role::user : Role::system;
    else
      return reading_.refuse(fields.at("role"), "expected user, assistant or system");
    read_content(reading_, fields.array("content"), fields.at("content"), message.content);
    if (message.role == Role::user)
      split(std::move(message));
    else
      out_.messages.push_back(std::move(message));
  }

  // Tool results become messages of their own.
  void split(Message message) {
    for (Block& block : message.content) {
      const Role role = block.kind == BlockKind::tool_result ? Role::tool : Role::user;
      const bool first = &block == message.content.data();
      if (first || out_.messages.back().role != role)
        out_.messages.push_back(Message{role, {}, {}});
      out_.messages.back().content.push_back(std::move(block));
    }
    if (message.content.empty()) out_.messages.push_back(Message{Role::user, {}, {}});
  }

  void read_inference(Fields& fields) {
    Fields inference(reading_, fields.object("inferenceConfig"), "inferenceConfig");
    out_.max_tokens = inference.integer("maxTokens", 1, most);
    out_.temperature = inference.number("temperature", 0, 1);
    out_.top_p = inference.number("topP", 0, 1);
    for (const JsonValue each : inference.array("stopSequences").elements()) {
      if (!each.is_string())
        reading_.refuse("inferenceConfig.stopSequences", "expected strings", "invalid_type");
      out_.stop.push_back(each.text(reading_.arena));
    }
    keep_rest(inference, "inferenceConfig.");
  }

  void read_tools(Fields& fields) {
    Fields config(reading_, fields.object("toolConfig"), "toolConfig");
    std::size_t i = 0;
    for (const JsonValue each : config.array("tools").elements())
      read_tool(each, fmt::format("toolConfig.tools[{}]", i++));
    const JsonValue choice = config.object("toolChoice");
    using Mode = ToolChoice::Mode;
    if (choice["auto"].is_object()) {
      out_.tool_choice.mode = Mode::automatic;
    } else if (choice["any"].is_object()) {
      out_.tool_choice.mode = Mode::required;
    } else if (choice["tool"].is_object()) {
      out_.tool_choice.mode = Mode::named;
      Fields named(reading_, choice["tool"], "toolConfig.toolChoice.tool");
      out_.tool_choice.name = named.needed_text("name");
    } else if (choice.exists()) {
      extra("toolConfig.toolChoice", choice);
    }
    keep_rest(config, "toolConfig.");
  }

  void read_tool(JsonValue value, const std::string& path) {
    if (reading_.problem) return;
    if (!value.is_object() || value.size() != 1)
      return reading_.refuse(path, "expected an object with one member");
    if (value["cachePoint"].exists() && mark_last(out_.tools, value["cachePoint"], reading_.arena))
      return;
    Tool tool;
    bool plain = false;
    if (const JsonValue spec = value["toolSpec"]; spec.exists()) {
      Fields fields(reading_, spec, path + ".toolSpec");
      tool.name = fields.needed_text("name");
      tool.description = fields.text("description");
      const JsonValue schema = fields.object("inputSchema");
      tool.schema = schema["json"].raw();
      tool.strict = fields.boolean("strict");
      plain = schema.size() <= 1;
      fields.rest([&plain](std::string_view, JsonValue) { plain = false; });
    }
    if (!plain) {
      tool = Tool();
      const JsonValue::Member member = *value.members().begin();
      tool.native = Extra{Dialect::bedrock, member.key.text(reading_.arena), value.raw(), false};
    }
    out_.tools.push_back(tool);
  }

  void read_output(Fields& fields) {
    Fields output(reading_, fields.object("outputConfig"), "outputConfig");
    if (const JsonValue effort = output.take("effort"); effort.exists()) {
      out_.reasoning.effort = effort_from(effort.text(reading_.arena));
      if (out_.reasoning.effort == Effort::unset) extra("outputConfig.effort", effort);
    }
    const JsonValue format = output.object("textFormat");
    const JsonValue schema = format["structure"]["jsonSchema"];
    if (format["type"].text_is("json_schema") && schema.is_object()) {
      Fields described(reading_, schema, "outputConfig.textFormat.structure.jsonSchema");
      out_.format.kind = Format::Kind::json_schema;
      out_.format.schema = described.needed_text("schema");
      out_.format.name = described.text("name");
      out_.format.description = described.text("description");
      JsonDocument document;
      if (!reading_.problem && !document.parse(out_.format.schema))
        reading_.refuse(described.at("schema"), "is no JSON");
    } else if (format.exists()) {
      extra("outputConfig.textFormat", format);
    }
    keep_rest(output, "outputConfig.");
  }

  void read_model_fields(Fields& fields) {
    constexpr std::string_view path = "additionalModelRequestFields";
    Fields model(reading_, fields.object(path), std::string(path));
    out_.top_k = model.integer("top_k", 0, most);
    if (const JsonValue thinking = model.take("thinking"); thinking.exists())
      if (!read_thinking(thinking)) extra(model.at("thinking"), thinking);
    if (const JsonValue choice = model.take("tool_choice"); choice.exists())
      if (!read_model_choice(choice)) extra(model.at("tool_choice"), choice);
    keep_rest(model, "additionalModelRequestFields.");
  }

  // False: it says something that is not known here.
  bool read_thinking(JsonValue value) {
    Fields fields(reading_, value, "additionalModelRequestFields.thinking");
    const std::string_view type = fields.text("type");
    const auto budget = fields.integer("budget_tokens", 1, most);
    const std::string_view display = fields.text("display");
    bool known = type == "enabled" ? budget.has_value() : !budget;
    known = known && (type == "enabled" || type == "adaptive" || type == "disabled");
    known = known && (display.empty() || display == "summarized" || display == "omitted");
    fields.rest([&known](std::string_view, JsonValue) { known = false; });
    if (!known || reading_.problem) return false;
    out_.reasoning.budget_tokens = budget;
    out_.reasoning.adaptive = type == "adaptive";
    out_.reasoning.off = type == "disabled";
    if (!display.empty()) out_.reasoning.show = display == "summarized";
    return true;
  }

  // Claude's own choice of tools, which Converse has no word for: one call at a time.
  bool read_model_choice(JsonValue value) {
    const auto disabled = value["disable_parallel_tool_use"].boolean();
    const std::string_view type = value["type"].text(reading_.arena);
    using Mode = ToolChoice::Mode;
    if (!disabled || value.size() != (type == "tool" ? 3U : 2U)) return false;
    if (type != "auto" && type != "any" && (type != "tool" || !value["name"].is_string()))
      return false;
    out_.parallel_tools = !*disabled;
    ToolChoice& choice = out_.tool_choice;
    if (choice.mode == Mode::unset && type != "auto") {
      choice.mode = type == "any" ? Mode::required : Mode::named;
      choice.name = value["name"].text(reading_.arena);
    }
    return true;
  }

  void read_tier(Fields& fields) {
    const JsonValue tier = fields.object("serviceTier");
    const std::string_view type = tier["type"].text(reading_.arena);
    if (tier.size() == 1 && (type == "default" || type == "flex" || type == "priority"))
      out_.service_tier = type;
    else if (tier.exists())
      extra("serviceTier", tier, true);
  }

  // The end user is `user_id` of the metadata.
  void read_metadata(JsonValue metadata) {
    std::string rest;
    for (const auto& member : metadata.members()) {
      if (!member.value.is_string())
        reading_.refuse("requestMetadata", "expected strings", "invalid_type");
      if (member.key.text_is("user_id"))
        out_.user = member.value.text(reading_.arena);
      else
        rest.append(rest.empty() ? "{" : ",")
            .append(member.key.raw())
            .append(":")
            .append(member.value.raw());
    }
    if (out_.user.empty())
      out_.metadata = metadata.size() > 0 ? metadata.raw() : std::string_view();
    else if (!rest.empty())
      out_.metadata = reading_.arena.keep(rest.append("}"));
  }

  Request& out_;
  Reading reading_;
};

}  // namespace

std::expected<Request, RequestProblem> read_request(std::string_view body, std::string_view model,
                                                    bool stream) {
  JsonDocument document;
  if (const auto parsed = document.parse(body); !parsed)
    return std::unexpected(
        RequestProblem{400,
                       fmt::format("The body is not acceptable JSON at byte {}: {}",
                                   parsed.error().offset, parsed.error().message),
                       "invalid_json",
                       {}});
  if (!document.root().is_object())
    return std::unexpected(RequestProblem{400, "The body is not an object.", "invalid_json", {}});
  Request out;
  out.from = Dialect::bedrock;
  out.model = out.arena.keep(std::string(model));
  out.stream = stream;
  if (auto problem = RequestReader(out).read(document.root()))
    return std::unexpected(std::move(*problem));
  return out;
}

}  // namespace holdfast::dialect::bedrock

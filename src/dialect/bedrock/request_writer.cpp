#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "dialect/bedrock/writing.h"

namespace holdfast::dialect::bedrock {
namespace {

// The objects in which fields of this dialect's own may stand.
constexpr std::array<std::string_view, 4> containers = {
    "inferenceConfig.", "toolConfig.", "outputConfig.", "additionalModelRequestFields."};
constexpr std::int64_t least_budget = 1024;

// How the model is told to think.
struct Thinking {
  std::string_view type;  // enabled, adaptive, disabled; empty: nothing is said
  std::int64_t budget = 0;
  Effort effort = Effort::unset;  // outputConfig.effort
};

std::int64_t budget_of(Effort effort) {
  if (effort <= Effort::low) return least_budget;
  return effort == Effort::medium ? 8192 : 24'576;
}

class RequestWriter {
 public:
  RequestWriter(const Request& request, const Abilities& abilities, std::vector<Loss>& losses,
                WireText& out)
      : request_(request),
        abilities_(abilities),
        losses_(request, abilities, losses),
        conversation_(request, abilities, losses_),
        json_(out) {}

  Result<void> write() {
    if (auto collected = conversation_.collect(); !collected) return collected;
    if (auto chosen = choose_tools(); !chosen) return chosen;
    decide_thinking();
    note_losses();
    json_.begin_object().key("messages");
    conversation_.write(json_);
    write_system();
    write_inference();
    write_tool_config();
    write_output();
    write_model_fields();
    if (losses_.foreign && losses_.anthropic && !request_.stop.empty())  // tells which one it was
      json_.raw_field("additionalModelResponseFieldPaths", R"(["/stop_sequence"])");
    write_tier();
    write_metadata();
    write_extras({});
    json_.end_object();
    return {};
  }

 private:
  using Mode = ToolChoice::Mode;

  // ---- what there is to decide

  Result<void> choose_tools() {
    const ToolChoice& choice = request_.tool_choice;
    mode_ = choice.mode;
    for (std::size_t i = 0; i < request_.tools.size(); ++i) {
      const Tool& tool = request_.tools[i];
      const std::string place =
          fmt::format("{}[{}]", losses_.foreign ? "tools" : "toolConfig.tools", i);
      if (tool.native && tool.native->from != Dialect::bedrock) {
        losses_.refuse(place, fmt::format("Converse has no {}", tool.native->name));
        continue;
      }
      if (!choice.allowed.empty() &&
          std::ranges::find(choice.allowed, tool.name) == choice.allowed.end())
        continue;
      if (!tool.native && !is_tool_name(tool.name))
        return fail(ErrorCode::invalid_request,
                    place + ".name: Converse takes 1 to 64 letters, digits, '_' and '-'");
      if (!tool.cache_ttl.empty() && !losses_.cacheable)
        losses_.drop(place, "the model has no cache points");
      tools_.push_back(&tool);
    }
    const bool needed = conversation_.has_tool_blocks();
    if (mode_ == Mode::none && needed)
      losses_.refuse("tool_choice", "Converse cannot forbid calls after a call");
    else if (mode_ == Mode::none)
      tools_.clear();
    if (tools_.empty() && needed) {
      losses_.refuse("tools", "Converse needs the tools that the conversation has called");
      tools_from_history();
    }
    const bool forced = mode_ == Mode::required || mode_ == Mode::named;
    if (mode_ == Mode::none) mode_ = Mode::unset;
    if (forced && !abilities_.forced_tools) {
      losses_.refuse("tool_choice", "the model cannot be made to call a tool");
      mode_ = Mode::automatic;
    }
    if (request_.parallel_tools == false && !tools_.empty() && losses_.foreign &&
        !losses_.anthropic)
      losses_.refuse("parallel_tool_calls");
    return {};
  }

  // They are described by name only: enough for what was said already.
  void tools_from_history() {
    for (const Message& message : request_.messages)
      for (const Block& block : message.content) {
        const bool known = std::ranges::any_of(
            made_tools_, [&block](const Tool& tool) { return tool.name == block.name; });
        if (block.kind != BlockKind::tool_call || known) continue;
        Tool& made = made_tools_.emplace_back();
        made.name = block.name;
        tools_.push_back(&made);
      }
  }

  void decide_thinking() {
    const Reasoning& asked = request_.reasoning;
    const bool forced = mode_ == Mode::required || mode_ == Mode::named;
    if (!losses_.foreign) {
      thinking_.effort = asked.effort;
      if (asked.budget_tokens) thinking_ = {"enabled", *asked.budget_tokens, asked.effort};
      if (asked.adaptive) thinking_.type = "adaptive";
      if (asked.off) thinking_.type = "disabled";
      return;
    }
    if (asked.off || asked.effort == Effort::none) {
      if (losses_.anthropic && abilities_.adaptive_thinking) thinking_.type = "disabled";
      return;
    }
    if (!losses_.anthropic) {
      thinking_.effort = asked.effort;
      if (asked.effort == Effort::unset && asked.budget_tokens)
        thinking_.effort = *asked.budget_tokens < 8192     ? Effort::low
                           : *asked.budget_tokens < 24'576 ? Effort::medium
                                                           : Effort::high;
      return;
    }
    const bool explicit_budget = asked.budget_tokens.value_or(0) > 0;
    const bool wanted = asked.as_it_likes() || asked.budget_tokens || asked.effort != Effort::unset;
    if (!wanted || asked.budget_tokens == 0) return;
    if (forced && !explicit_budget && !asked.adaptive) {  // an effort is a hint, a choice is none
      losses_.drop(field("reasoning_effort"), "the model cannot think when it has to call a tool");
      return;
    }
    if (!explicit_budget && abilities_.adaptive_thinking) {
      thinking_ = {"adaptive", 0, asked.effort};
      if (asked.effort == Effort::minimal) thinking_.effort = Effort::low;
    } else {
      const Effort effort = asked.effort == Effort::unset ? Effort::medium : asked.effort;
      set_budget(explicit_budget ? *asked.budget_tokens : budget_of(effort), explicit_budget);
    }
    if (thinking_.type.empty()) return;
    if (forced) {
      losses_.refuse("tool_choice", "a model that thinks cannot be made to call a tool");
      mode_ = Mode::automatic;
    }
  }

  // The answer has to fit behind the thoughts.
  void set_budget(std::int64_t budget, bool exact) {
    if (const auto most = request_.max_tokens; most && budget >= *most)
      budget = exact ? *most - 1 : *most / 2;
    if (budget >= least_budget)
      thinking_ = {"enabled", budget, Effort::unset};
    else
      losses_.drop(field("reasoning_effort"), "the limit of tokens leaves no room to think");
  }

  std::string field(std::string_view name) const {
    return std::string(spelled(losses_.client, name));
  }

  // ---- what cannot be said

  void note_losses() {
    if (request_.n.value_or(1) != 1) losses_.refuse("n");
    if (request_.seed) losses_.refuse("seed");
    if (request_.frequency_penalty && request_.frequency_penalty->value != 0)
      losses_.refuse("frequency_penalty");
    if (request_.presence_penalty && request_.presence_penalty->value != 0)
      losses_.refuse("presence_penalty");
    if (request_.logprobs.value_or(false)) losses_.refuse("logprobs");
    if (request_.top_logprobs.value_or(0) > 0) losses_.refuse("top_logprobs");
    if (!request_.verbosity.empty() && request_.verbosity != "medium") losses_.refuse("verbosity");
    if (request_.format.kind == Format::Kind::json_object)
      losses_.refuse(
          losses_.client == Dialect::openai_responses ? "text.format" : "response_format",
          "Converse takes a JSON schema, not any object");
    for (const Extra& extra : request_.extras) {
      if (extra.from == Dialect::bedrock) continue;
      const std::string reason = fmt::format("only {} has it", to_string(extra.from));
      if (extra.harmless)
        losses_.drop(std::string(extra.name), reason);
      else
        losses_.refuse(std::string(extra.name), reason);
    }
  }

  // Nothing when the model would refuse it.
  std::optional<Number> sampled(const std::optional<Number>& value, std::string_view name,
                                double least_default) {
    if (!value) return std::nullopt;
    if (value->value < 0 || value->value > 1) {
      losses_.refuse(field(name), "Converse takes 0 to 1");
      return std::nullopt;
    }
    const bool thinks =
        losses_.foreign && (thinking_.type == "enabled" || thinking_.type == "adaptive");
    if (abilities_.sampling && !(thinks && name == "temperature")) return value;
    if (value->value < least_default)
      losses_.refuse(field(name), thinks ? "a model that thinks takes no temperature"
                                         : "the model takes no sampling parameters");
    return std::nullopt;
  }

  // ---- the parts of the body

  void write_extras(std::string_view container) {
    for (const Extra& extra : request_.extras) {
      if (extra.from != Dialect::bedrock) continue;
      std::string_view within;
      for (const std::string_view each : containers)
        if (extra.name.starts_with(each)) within = each;
      if (within == container) json_.raw_field(extra.name.substr(within.size()), extra.raw);
    }
  }
  bool has_extras(std::string_view container) const {
    return std::ranges::any_of(request_.extras, [container](const Extra& extra) {
      return extra.from == Dialect::bedrock && extra.name.starts_with(container);
    });
  }

  void write_system() {
    std::vector<const Block*> carried;
    for (std::size_t i = 0; i < request_.system.size(); ++i)
      if (conversation_.carries(request_.system[i], fmt::format("system[{}]", i)))
        carried.push_back(&request_.system[i]);
    if (carried.empty()) return;
    json_.key("system").begin_array();
    for (const Block* block : carried) conversation_.write_block(json_, *block);
    json_.end_array();
  }

  void write_inference() {
    const auto temperature = sampled(request_.temperature, "temperature", 1);
    const auto top_p = sampled(request_.top_p, "top_p", 0.99);
    auto limit = request_.max_tokens;
    if (limit && abilities_.max_output > 0 && *limit > abilities_.max_output) {
      losses_.drop(field("max_tokens"),
                   fmt::format("the model writes at most {}", abilities_.max_output));
      limit = abilities_.max_output;
    }
    if (limit && *limit < 1) {
      losses_.refuse(field("max_tokens"), "Converse takes 1 and more");
      limit.reset();
    }
    constexpr std::string_view container = containers[0];
    if (!temperature && !top_p && !limit && request_.stop.empty() && !has_extras(container)) return;
    json_.key("inferenceConfig").begin_object();
    json_.optional_field("maxTokens", limit).optional_field("temperature", temperature);
    json_.optional_field("topP", top_p);
    if (!request_.stop.empty()) {
      json_.key("stopSequences").begin_array();
      for (const std::string_view each : request_.stop) json_.string(each);
      json_.end_array();
    }
    write_extras(container);
    json_.end_object();
  }

  void write_tool(const Tool& tool) {
    if (tool.native) {
      json_.raw(tool.native->raw);
    } else {
      json_.begin_object().key("toolSpec").begin_object();
      json_.field("name", tool.name).text_field("description", tool.description);
      json_.key("inputSchema").begin_object();
      json_.raw_field("json",
                      tool.schema.empty() ? R"({"type":"object","properties":{}})" : tool.schema);
      json_.end_object().optional_field("strict", tool.strict).end_object().end_object();
    }
    if (!tool.cache_ttl.empty() && losses_.cacheable) write_cache_point(json_, tool.cache_ttl);
  }

  void write_tool_config() {
    constexpr std::string_view container = containers[1];
    if (tools_.empty() && !has_extras(container)) return;
    json_.key("toolConfig").begin_object().key("tools").begin_array();
    for (const Tool* tool : tools_) write_tool(*tool);
    json_.end_array();
    if (mode_ != Mode::unset) {
      json_.key("toolChoice").begin_object();
      json_.key(mode_ == Mode::automatic ? "auto" : mode_ == Mode::required ? "any" : "tool");
      json_.begin_object();
      if (mode_ == Mode::named) json_.field("name", request_.tool_choice.name);
      json_.end_object().end_object();
    }
    write_extras(container);
    json_.end_object();
  }

  void write_output() {
    constexpr std::string_view container = containers[2];
    const Format& format = request_.format;
    const bool schema = format.kind == Format::Kind::json_schema;
    if (!schema && thinking_.effort == Effort::unset && !has_extras(container)) return;
    json_.key("outputConfig").begin_object();
    if (schema) {
      json_.key("textFormat").begin_object().field("type", "json_schema");
      json_.key("structure").begin_object().key("jsonSchema").begin_object();
      json_.field("schema", format.schema.empty() ? R"({"type":"object"})" : format.schema);
      json_.text_field("name", format.name).text_field("description", format.description);
      json_.end_object().end_object().end_object();
    }
    json_.text_field("effort", to_string(thinking_.effort));
    write_extras(container);
    json_.end_object();
  }

  // What the model knows and Converse does not.
  void write_model_fields() {
    constexpr std::string_view container = containers[3];
    const bool top_k = request_.top_k && takes_top_k();
    const bool parallel = request_.parallel_tools && !tools_.empty() && losses_.anthropic &&
                          (!losses_.foreign || !*request_.parallel_tools);
    if (!top_k && !parallel && thinking_.type.empty() && !has_extras(container)) return;
    json_.key("additionalModelRequestFields").begin_object();
    if (top_k && losses_.foreign && abilities_.house == "amazon")
      json_.key("inferenceConfig").begin_object().field("topK", *request_.top_k).end_object();
    else if (top_k)
      json_.field("top_k", *request_.top_k);
    if (!thinking_.type.empty()) {
      json_.key("thinking").begin_object().field("type", thinking_.type);
      if (thinking_.type == "enabled") json_.field("budget_tokens", thinking_.budget);
      if (request_.reasoning.show && thinking_.type != "disabled")
        json_.field("display", *request_.reasoning.show ? "summarized" : "omitted");
      json_.end_object();
    }
    if (parallel) {
      json_.key("tool_choice").begin_object();
      json_.field("type", mode_ == Mode::required ? "any" : mode_ == Mode::named ? "tool" : "auto");
      if (mode_ == Mode::named) json_.field("name", request_.tool_choice.name);
      json_.field("disable_parallel_tool_use", !*request_.parallel_tools).end_object();
    }
    write_extras(container);
    json_.end_object();
  }

  bool takes_top_k() {
    if (abilities_.sampling) return true;
    losses_.refuse(field("top_k"), "the model takes no sampling parameters");
    return false;
  }

  void write_tier() {
    const std::string_view tier = request_.service_tier;
    if (tier.empty() || tier == "auto") return;
    if (tier == "default" || tier == "flex" || tier == "priority")
      json_.key("serviceTier").begin_object().field("type", tier).end_object();
    else
      losses_.drop("service_tier", fmt::format("Bedrock has no tier \"{}\"", tier));
  }

  // At most 16 short strings of a narrow alphabet; they only serve to find a request again.
  static bool is_metadata(std::string_view text) {
    return text.size() <= 256 && std::ranges::all_of(text, [](char c) {
             return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                    std::string_view(" \t:_@$#=/+,-.").find(c) != std::string_view::npos;
           });
  }

  void write_metadata() {
    Arena arena;
    JsonDocument document;
    bool user = !request_.user.empty();
    if (user && !is_metadata(request_.user)) {
      losses_.drop(field("user"), "Bedrock takes 256 letters, digits and a few signs");
      user = false;
    }
    bool good = !request_.metadata.empty() && document.parse(request_.metadata) &&
                document.root().is_object() && document.root().size() + (user ? 1 : 0) <= 16;
    for (const auto& member : document.root().members()) {
      good = good && member.value.is_string() && is_metadata(member.value.text(arena));
      good = good && is_metadata(member.key.text(arena)) && !member.key.text_is("user_id");
    }
    if (!good && !request_.metadata.empty() && request_.metadata != "{}")
      losses_.drop("metadata", "Bedrock takes 16 texts of letters, digits and a few signs");
    good = good && document.root().size() > 0;
    if (!user && !good) return;
    json_.key("requestMetadata").begin_object();
    if (user) json_.field("user_id", request_.user);
    if (good)
      for (const auto& member : document.root().members())
        json_.raw_field(member.key.text(arena), member.value.raw());
    json_.end_object();
  }

  const Request& request_;
  const Abilities& abilities_;
  Losses losses_;
  Conversation conversation_;
  JsonWriter json_;
  std::vector<const Tool*> tools_;  // those that are sent
  std::deque<Tool> made_tools_;
  Mode mode_ = Mode::unset;
  Thinking thinking_;
};

}  // namespace

Result<WireRequest> write_request(const Request& request, std::string_view model,
                                  const Abilities& abilities, std::vector<Loss>& losses) {
  WireRequest out;
  out.path = path_of(model, request.stream);
  RequestWriter writer(request, abilities, losses, out.body);
  if (auto written = writer.write(); !written) return std::unexpected(std::move(written).error());
  return out;
}

}  // namespace holdfast::dialect::bedrock

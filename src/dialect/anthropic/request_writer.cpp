// A request as an upstream that speaks Messages takes it.
#include <fmt/format.h>

#include <algorithm>

#include "dialect/anthropic/message_writer.h"

namespace holdfast::dialect::anthropic {
namespace {

constexpr std::int64_t least_budget = 1024;

std::int64_t budget_for(Effort effort) {
  switch (effort) {
    case Effort::none:
    case Effort::minimal:
    case Effort::low:
      return least_budget;
    case Effort::unset:
    case Effort::medium:
      return 8192;
    case Effort::high:
      return 24'576;
    case Effort::xhigh:
    case Effort::max:
      break;
  }
  return 32'768;
}

Effort effort_for(std::int64_t budget) {
  if (budget < 0) return Effort::unset;  // as the model likes
  if (budget <= budget_for(Effort::low)) return Effort::low;
  if (budget <= budget_for(Effort::medium)) return Effort::medium;
  return budget <= budget_for(Effort::high) ? Effort::high : Effort::max;
}

bool blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

// How the answer is to be thought about, as this target says it.
struct Thinking {
  std::string_view type;  // empty: not said
  std::int64_t budget = 0;
  Effort effort = Effort::unset;
  std::optional<bool> show;
  bool on() const { return type == "enabled" || type == "adaptive"; }
};

class RequestWriter {
 public:
  RequestWriter(const Request& request, const Abilities& abilities, std::vector<Loss>& losses,
                WireText& text)
      : w_(request, abilities, losses, text), request_(request), json_(w_.json) {}

  Result<void> write(std::string_view model, const Hosting& hosting, bool counting) {
    refuse_foreign();
    refuse_prefill();
    thinking_ = decide_thinking();
    json_.begin_object();
    if (hosting.in_body) json_.field("model", model);
    json_.text_field("anthropic_version", hosting.anthropic_version);
    if (!counting) {
      json_.field("max_tokens", max_tokens());
      if (hosting.in_body && request_.stream) json_.field("stream", true);
    }
    if (auto written = write_conversation(w_); !written) return written;
    write_tools();
    write_tool_choice();
    write_thinking();
    write_output_config();
    if (counting) {
      w_.extras.write(json_, "");
      json_.end_object();
      return {};
    }
    write_sampling();
    write_stop();
    write_metadata();
    write_service_tier();
    w_.extras.write(json_, "");
    json_.end_object();
    return {};
  }

 private:
  // What only other houses have.
  void refuse_foreign() {
    const auto penalty = [this](Field field, const std::optional<Number>& value) {
      if (value && value->value != 0) w_.lose(field, "Anthropic has no penalties");
    };
    penalty(Field::frequency_penalty, request_.frequency_penalty);
    penalty(Field::presence_penalty, request_.presence_penalty);
    if (request_.n.value_or(1) > 1) w_.lose(Field::n, "Anthropic gives one answer");
    if (request_.seed) w_.lose(Field::seed, "Anthropic has no seed");
    if (request_.logprobs.value_or(false))
      w_.lose(Field::logprobs, "Anthropic tells no probabilities");
    else if (request_.top_logprobs.value_or(0) > 0)
      w_.lose(Field::top_logprobs, "Anthropic tells no probabilities");
    if (!request_.verbosity.empty() && request_.verbosity != "medium")
      w_.lose(Field::verbosity, "Anthropic has no verbosity");
    if (request_.format.kind == Format::Kind::json_object)
      w_.lose(Field::format, "Anthropic takes JSON only by schema");
    if (!request_.format.description.empty())
      w_.lose(std::string(spelled(request_.from, Field::format)) + ".description",
              "Anthropic's formats have no description", true);
    for (const Extra& extra : request_.extras)
      if (extra.from != Dialect::anthropic)
        w_.lose(std::string(extra.name), "Anthropic has no such field", extra.harmless);
  }

  // An assistant's text at the end would be continued by old models, and is refused by new ones.
  void refuse_prefill() {
    const auto& messages = request_.messages;
    if (messages.empty() || messages.back().role != Role::assistant) return;
    if (messages.back().content.empty() || messages.back().content.back().kind != BlockKind::text)
      return;  // a turn that was paused is sent back as it is
    if ((w_.kin || request_.begun) && w_.abilities.prefill) return;
    w_.lose(
        spelled_message(request_.from, {messages.size() - 1, messages.size() - 1, 0}, w_.leading),
        w_.kin ? "the model does not continue an answer that has begun"
               : "Anthropic would continue the assistant's last message");
    if (!w_.abilities.prefill) --w_.end;
  }

  Thinking decide_thinking() {
    const Reasoning& asked = request_.reasoning;
    Thinking out;
    for (const Extra& extra : request_.extras)
      if (extra.from == Dialect::anthropic && extra.name == "thinking") {
        out.effort = asked.effort;
        return out;
      }
    out.show = asked.show;
    if (!out.show && !asked.summary.empty()) out.show = true;
    out.effort = asked.effort == Effort::none ? Effort::unset : asked.effort;
    if (out.effort == Effort::minimal) {
      w_.lose(Field::reasoning, "Anthropic's least effort is low", true);
      out.effort = Effort::low;
    }
    if (asked.off || asked.effort == Effort::none) {
      // Models that know nothing of adaptive thinking do not think unasked.
      if (w_.kin || w_.abilities.adaptive_thinking) out.type = "disabled";
      return out;
    }
    if (w_.kin)
      decide_kin(out);
    else
      decide_foreign(out);
    if (out.type == "enabled" && loop_lacks_thinking(w_)) {
      w_.lose(Field::reasoning,
              "the calls that are answered were made without thoughts of this house", true);
      out.type = {};
    }
    return out;
  }

  void decide_kin(Thinking& out) {
    const Reasoning& asked = request_.reasoning;
    if (asked.budget_tokens.value_or(-1) > 0) {
      out.type = "enabled";
      out.budget = std::max(*asked.budget_tokens, least_budget);
    } else if (asked.adaptive || asked.budget_tokens) {
      if (w_.abilities.adaptive_thinking) {
        out.type = "adaptive";
      } else {
        w_.lose(Field::reasoning, "the model has no adaptive thinking: it gets a budget", true);
        set_budget(out, budget_for(asked.effort == Effort::unset ? Effort::high : asked.effort));
      }
    }
  }

  void decide_foreign(Thinking& out) {
    const Reasoning& asked = request_.reasoning;
    if (asked.effort == Effort::unset && !asked.budget_tokens && !asked.as_it_likes()) return;
    if (w_.abilities.adaptive_thinking) {
      out.type = "adaptive";
      if (out.effort == Effort::unset && asked.budget_tokens)
        out.effort = effort_for(*asked.budget_tokens);
      return;
    }
    const std::int64_t budget = asked.budget_tokens.value_or(-1);
    set_budget(out, budget > 0 ? std::max(budget, least_budget) : budget_for(asked.effort));
    out.effort = Effort::unset;  // the budget says it
  }

  // Thinking within `budget`, which has to stay below max_tokens.
  void set_budget(Thinking& out, std::int64_t budget) {
    std::int64_t most = request_.max_tokens.value_or(w_.abilities.max_output);
    if (most <= 0) most = budget + 1;
    if (most <= least_budget)
      return w_.lose(Field::reasoning, "max_tokens leaves no room to think", true);
    out.type = "enabled";
    out.budget = std::min(budget, most - 1);
  }

  std::int64_t max_tokens() {
    const std::int64_t most = w_.abilities.max_output;
    if (request_.max_tokens) {
      if (most <= 0 || *request_.max_tokens <= most) return *request_.max_tokens;
      w_.lose(Field::max_tokens, fmt::format("the model writes at most {} tokens", most), true);
      return most;
    }
    if (most > 0) return most;
    return w_.abilities.default_max_tokens + (thinking_.type == "enabled" ? thinking_.budget : 0);
  }

  void write_tools() {
    const auto& allowed = request_.tool_choice.allowed;
    std::size_t index = 0;
    for (const Tool& tool : request_.tools) {
      const std::string place = fmt::format("tools[{}]", index++);
      if (!tool.native && !allowed.empty() &&
          std::ranges::find(allowed, tool.name) == allowed.end())
        continue;
      write_tool(tool, place);
    }
    if (tools_open_) json_.end_array();
  }

  void write_tool(const Tool& tool, const std::string& place) {
    if (tool.native && tool.native->from != Dialect::anthropic)
      return w_.lose(std::string(tool.native->name), "Anthropic has no such tool",
                     tool.native->harmless);
    if (!std::exchange(tools_open_, true)) json_.key("tools").begin_array();
    if (tool.native) {
      json_.raw(tool.native->raw);
      return;
    }
    json_.begin_object().field("name", tool.name).text_field("description", tool.description);
    json_.raw_field("input_schema",
                    tool.schema.empty() ? R"({"type":"object","properties":{}})" : tool.schema);
    json_.optional_field("strict", tool.strict);
    w_.write_cache_mark(tool.cache_ttl, place);
    if (!w_.extras.empty()) w_.extras.write(json_, place);
    json_.end_object();
  }

  void write_tool_choice() {
    using Mode = ToolChoice::Mode;
    Mode mode = request_.tool_choice.mode;
    const bool one_at_a_time = !request_.parallel_tools.value_or(true);
    if (!tools_open_ && request_.from != Dialect::anthropic) return;  // refused without tools
    if (mode == Mode::required || mode == Mode::named) {
      if (!w_.abilities.forced_tools || thinking_.on()) {
        w_.lose(Field::tool_choice, thinking_.on() && w_.abilities.forced_tools
                                        ? "Anthropic forces no tool while it thinks"
                                        : "the model's tools cannot be forced");
        mode = Mode::automatic;
      }
    }
    const bool says_parallel =
        request_.parallel_tools && (one_at_a_time || mode != Mode::unset || w_.kin);
    if (mode == Mode::unset && !says_parallel) return;
    json_.key("tool_choice").begin_object();
    switch (mode) {
      case Mode::unset:
      case Mode::automatic:
        json_.field("type", "auto");
        break;
      case Mode::required:
        json_.field("type", "any");
        break;
      case Mode::none:
        json_.field("type", "none");
        break;
      case Mode::named:
        json_.field("type", "tool").field("name", request_.tool_choice.name);
    }
    if (says_parallel && mode != Mode::none)
      json_.field("disable_parallel_tool_use", one_at_a_time);
    w_.extras.write(json_, "tool_choice");
    json_.end_object();
  }

  void write_thinking() {
    if (thinking_.type.empty()) return;
    json_.key("thinking").begin_object().field("type", thinking_.type);
    if (thinking_.type == "enabled") json_.field("budget_tokens", thinking_.budget);
    if (thinking_.show && thinking_.on())
      json_.field("display", *thinking_.show ? "summarized" : "omitted");
    w_.extras.write(json_, "thinking");
    json_.end_object();
  }

  void write_output_config() {
    const bool schema = request_.format.kind == Format::Kind::json_schema;
    if (thinking_.effort == Effort::unset && !schema && !w_.extras.has("output_config")) return;
    json_.key("output_config").begin_object();
    json_.text_field("effort", to_string(thinking_.effort));
    if (schema) {
      json_.key("format").begin_object().field("type", "json_schema");
      json_.raw_field("schema", request_.format.schema.empty() ? R"({"type":"object"})"
                                                               : request_.format.schema);
      w_.extras.write(json_, "output_config.format");
      json_.end_object();
    }
    w_.extras.write(json_, "output_config");
    json_.end_object();
  }

  // Values that are the default anyway are left out without a word where they cannot be said.
  void write_sampling() {
    const bool thinks = thinking_.on() && !w_.kin;
    const char* reason = w_.abilities.sampling ? "Anthropic samples as it likes while it thinks"
                                               : "the model takes no sampling parameters";
    const bool free = w_.abilities.sampling && !thinks;
    if (const auto& value = request_.temperature) {
      if (value->value > 1)
        w_.lose(Field::temperature, "Anthropic takes 0 to 1");
      else if (free)
        json_.field("temperature", *value);
      else if (value->value != 1)
        w_.lose(Field::temperature, reason);
    }
    if (const auto& value = request_.top_p) {
      if (free || (w_.abilities.sampling && value->value >= 0.95))
        json_.field("top_p", *value);
      else if (value->value < 0.99)
        w_.lose(Field::top_p, reason);
    }
    if (request_.top_k) {
      if (free)
        json_.field("top_k", *request_.top_k);
      else
        w_.lose(Field::top_k, reason);
    }
  }

  void write_stop() {
    bool open = false;
    for (const std::string_view stop : request_.stop) {
      if (blank(stop) && request_.from != Dialect::anthropic) {
        w_.lose(Field::stop, "Anthropic's stop sequences are not white space alone");
        continue;
      }
      if (!std::exchange(open, true)) json_.key("stop_sequences").begin_array();
      json_.string(stop);
    }
    if (open) json_.end_array();
  }

  void write_metadata() {
    if (!request_.metadata.empty())
      w_.lose(Field::metadata, "Anthropic's metadata has a user_id only", true);
    if (request_.user.empty() && !w_.extras.has("metadata")) return;
    json_.key("metadata").begin_object().text_field("user_id", request_.user);
    w_.extras.write(json_, "metadata");
    json_.end_object();
  }

  void write_service_tier() {
    const std::string_view tier = request_.service_tier;
    if (tier == "auto")
      json_.field("service_tier", "auto");
    else if (tier == "default")
      json_.field("service_tier", "standard_only");
    else if (!tier.empty())
      w_.lose(Field::service_tier, "Anthropic's tiers are auto and standard_only", true);
  }

  Writing w_;
  const Request& request_;
  JsonWriter& json_;
  Thinking thinking_;
  bool tools_open_ = false;
};

}  // namespace

Result<WireRequest> write_request(const Request& request, std::string_view model,
                                  const Abilities& abilities, std::vector<Loss>& losses,
                                  const Hosting& hosting) {
  WireRequest out;
  out.path = "/v1/messages";
  RequestWriter writer(request, abilities, losses, out.body);
  if (auto written = writer.write(model, hosting, false); !written)
    return std::unexpected(std::move(written).error());
  return out;
}

Result<WireRequest> write_count_request(const Request& request, std::string_view model,
                                        const Abilities& abilities, std::vector<Loss>& losses) {
  WireRequest out;
  out.path = "/v1/messages/count_tokens";
  RequestWriter writer(request, abilities, losses, out.body);
  if (auto written = writer.write(model, Hosting{}, true); !written)
    return std::unexpected(std::move(written).error());
  return out;
}

}  // namespace holdfast::dialect::anthropic

#include <fmt/format.h>

#include <algorithm>

#include "dialect/cohere/chat.h"
#include "dialect/cohere/messages_writer.h"
#include "dialect/field_names.h"

namespace holdfast::dialect::cohere {
namespace {

constexpr std::size_t most_stops = 5;
constexpr std::int64_t most_top_k = 500;
// The usual budgets of thinking.
constexpr std::int64_t low_budget = 1024, medium_budget = 8192, high_budget = 24'576;

class RequestWriter {
 public:
  RequestWriter(const Request& request, const Abilities& abilities, std::vector<Loss>& losses,
                WireText& body)
      : request_(request), abilities_(abilities), losses_(losses), json_(body) {}

  void write(std::string_view model) {
    json_.begin_object().field("model", model);
    json_.key("messages").begin_array();
    MessagesWriter(json_, request_, abilities_, losses_).write();
    json_.end_array();
    if (request_.stream) json_.field("stream", true);
    json_.optional_field("max_tokens", request_.max_tokens);
    sampling();
    stops();
    tools();
    format();
    thinking();
    if (request_.logprobs.value_or(false)) json_.field("logprobs", true);
    extras();
    json_.end_object();
    inexpressible();
  }

 private:
  void lose(std::string_view name, std::string reason, bool harmless = false) {
    losses_.push_back({std::string(spelled(request_.from, name)), std::move(reason), harmless});
  }
  // A number that Cohere takes from `least` to `most`.
  void ranged(std::string_view name, std::string_view ours, const std::optional<Number>& value,
              double least, double most) {
    if (!value) return;
    if (value->value >= least && value->value <= most)
      json_.field(ours, *value);
    else
      lose(name, fmt::format("Cohere takes {} to {}", least, most));
  }

  void sampling() {
    if (abilities_.sampling) {
      ranged("temperature", "temperature", request_.temperature, 0, 1);
      top_p();
      if (request_.top_k && *request_.top_k <= most_top_k)
        json_.field("k", *request_.top_k);
      else if (request_.top_k)
        lose("top_k", fmt::format("Cohere takes {} at most", most_top_k));
    } else {
      const auto told = [](const std::optional<Number>& value) {
        return value && (value->value < 1 || value->value > 1);
      };
      if (told(request_.temperature)) lose("temperature", "the model takes none");
      if (told(request_.top_p)) lose("top_p", "the model takes none");
      if (request_.top_k) lose("top_k", "the model takes none");
    }
    ranged("frequency_penalty", "frequency_penalty", request_.frequency_penalty, 0, 1);
    ranged("presence_penalty", "presence_penalty", request_.presence_penalty, 0, 1);
    ranged("seed", "seed", request_.seed, 0, 18446744073709551615.0);
  }
  // The ends of the range mean the same as what lies just beyond them.
  void top_p() {
    if (!request_.top_p) return;
    const double value = request_.top_p->value;
    if (value >= 0.01 && value <= 0.99) {
      json_.field("p", *request_.top_p);
      return;
    }
    const std::string_view nearest = value > 0.5 ? "0.99" : "0.01";
    json_.raw_field("p", nearest);
    lose("top_p", fmt::format("said as {}", nearest), true);
  }

  void stops() {
    if (request_.stop.empty()) return;
    json_.key("stop_sequences").begin_array();
    for (std::size_t i = 0; i < std::min(request_.stop.size(), most_stops); ++i)
      json_.string(request_.stop[i]);
    json_.end_array();
    if (request_.stop.size() > most_stops)
      lose("stop", fmt::format("Cohere takes {} at most", most_stops));
  }

  // Which tools the model may call at all: there is no other way to name one.
  bool is_allowed(const Tool& tool) const {
    const ToolChoice& choice = request_.tool_choice;
    if (choice.mode == ToolChoice::Mode::named) return tool.name == choice.name;
    return choice.allowed.empty() ||
           std::ranges::find(choice.allowed, tool.name) != choice.allowed.end();
  }
  void tools() {
    std::size_t written = 0, strict = 0;
    for (std::size_t i = 0; i < request_.tools.size(); ++i) {
      const Tool& tool = request_.tools[i];
      if (tool.native) {
        losses_.push_back({std::string(tool.native->name), "a tool that Cohere does not know"});
        continue;
      }
      if (!is_allowed(tool)) continue;
      if (written++ == 0) json_.key("tools").begin_array();
      if (tool.strict.value_or(false)) ++strict;
      if (!tool.cache_ttl.empty())
        losses_.push_back(
            {fmt::format("tools[{}].cache_control", i), "Cohere caches by itself", true});
      json_.begin_object().field("type", "function").key("function").begin_object();
      json_.field("name", tool.name).text_field("description", tool.description);
      json_.raw_field("parameters",
                      tool.schema.empty() ? R"({"type":"object","properties":{}})" : tool.schema);
      json_.end_object().end_object();
    }
    if (written > 0) json_.end_array();
    if (strict > 0 && strict == written) json_.field("strict_tools", true);
    if (strict > 0 && strict < written)
      lose("tools.strict", "Cohere is strict with all tools or with none");
    tool_choice();
    if (!request_.parallel_tools.value_or(true))
      lose("parallel_tool_calls", "Cohere cannot be kept to one call at a time",
           request_.tool_choice.names_one(request_.tools.size()));  // as a rule it is called once
  }
  void tool_choice() {
    using Mode = ToolChoice::Mode;
    const Mode mode = request_.tool_choice.mode;
    if (mode == Mode::none) json_.field("tool_choice", "NONE");
    if (mode != Mode::required && mode != Mode::named) return;
    if (abilities_.forced_tools)
      json_.field("tool_choice", "REQUIRED");
    else
      lose("tool_choice", "the model cannot be made to call a tool");
  }

  void format() {
    const Format& format = request_.format;
    if (format.kind == Format::Kind::unset) return;
    json_.key("response_format").begin_object();
    json_.field("type", format.kind == Format::Kind::text ? "text" : "json_object");
    if (format.kind == Format::Kind::json_schema) json_.raw_field("json_schema", format.schema);
    json_.end_object();
  }

  void thinking() {
    const Reasoning& asked = request_.reasoning;
    const bool off = asked.off || asked.effort == Effort::none || asked.budget_tokens == 0;
    if (!off && asked.effort == Effort::unset && !asked.budget_tokens && !asked.as_it_likes())
      return;
    json_.key("thinking").begin_object().field("type", off ? "disabled" : "enabled");
    if (!off && asked.budget_tokens.value_or(-1) > 0) {
      json_.field("token_budget", *asked.budget_tokens);
    } else if (!off && asked.effort != Effort::unset) {
      const std::int64_t budget = budget_of(asked.effort);
      json_.field("token_budget", budget);
      lose("reasoning_effort", fmt::format("said as thinking.token_budget {}", budget), true);
    }
    json_.end_object();
  }
  static std::int64_t budget_of(Effort effort) {
    if (effort == Effort::minimal || effort == Effort::low) return low_budget;
    return effort == Effort::medium ? medium_budget : high_budget;
  }

  void extras() {
    for (const Extra& each : request_.extras) {
      if (each.from == Dialect::cohere)
        json_.raw_field(each.name, each.raw);
      else
        losses_.push_back({std::string(each.name), "Cohere has nothing like it", each.harmless});
    }
  }

  void inexpressible() {
    if (request_.n.value_or(1) > 1) lose("n", "Cohere gives one answer");
    if (request_.top_logprobs.value_or(0) > 0) lose("top_logprobs", "Cohere tells no alternatives");
    if (!request_.verbosity.empty()) lose("verbosity", "Cohere has no verbosity");
    if (!request_.user.empty()) lose("user", "Cohere has no users", true);
    if (!request_.metadata.empty()) lose("metadata", "Cohere has no metadata", true);
    const std::string_view tier = request_.service_tier;
    if (!tier.empty() && tier != "auto" && tier != "default")
      lose("service_tier", "Cohere has no tiers", true);
  }

  const Request& request_;
  const Abilities& abilities_;
  std::vector<Loss>& losses_;
  JsonWriter json_;
};

}  // namespace

Result<WireRequest> write_request(const Request& request, std::string_view model,
                                  const Abilities& abilities, std::vector<Loss>& losses) {
  WireRequest out;
  out.path = "/chat";
  RequestWriter(request, abilities, losses, out.body).write(model);
  return out;
}

}  // namespace holdfast::dialect::cohere

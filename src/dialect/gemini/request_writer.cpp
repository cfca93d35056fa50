#include "dialect/gemini/request_writer.h"

#include <fmt/format.h>

#include <algorithm>

#include "dialect/field_names.h"
#include "dialect/gemini/wire.h"

namespace holdfast::dialect::gemini {
namespace {

using std::string_view;

constexpr std::size_t max_stops = 5;
constexpr std::int64_t max_candidates = 8;
constexpr double max_seed = 2'147'483'647;

constexpr string_view config_prefix = "generationConfig.";
constexpr string_view thinking_prefix = "generationConfig.thinkingConfig.";

// Names and values of Google's labels: small letters, digits, _ and -, at most 63.
bool are_labels(JsonValue metadata) {
  const auto fits = [](JsonValue value) {
    const string_view quoted = value.raw();
    return value.is_string() && quoted.size() <= 65 &&
           std::ranges::all_of(quoted.substr(1, quoted.size() - 2), [](char c) {
             return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
           });
  };
  for (const auto& [key, value] : metadata.members())
    if (!fits(key) || !fits(value)) return false;
  return metadata.is_object();
}

struct Level {
  Effort effort;
  string_view name;
  std::int64_t budget;  // for models before Gemini 3
};
constexpr Level levels[] = {
    {Effort::minimal, "MINIMAL", 512}, {Effort::low, "LOW", 1024},
    {Effort::medium, "MEDIUM", 8192},  {Effort::high, "HIGH", 24'576},
    {Effort::xhigh, "XHIGH", 24'576},
};

}  // namespace

std::string path_of(string_view model, string_view verb) {
  std::string out = model.contains('/') ? "/" : "/models/";
  for (const char c : model) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       string_view("-._~/").contains(c);
    if (plain)
      out.push_back(c);
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out.append(":").append(verb);
}

RequestWriter::RequestWriter(const Request& request, string_view model, const Abilities& abilities,
                             std::vector<Loss>& losses)
    : request_(request), model_(model), abilities_(abilities), losses_(losses) {}

void RequestWriter::lose(std::string field, std::string reason, bool harmless) {
  losses_.push_back({std::move(field), std::move(reason), harmless});
}

void RequestWriter::lose_parameter(string_view name, std::string reason, bool harmless) {
  lose(std::string(spelled(request_.from, name)), std::move(reason), harmless);
}

void RequestWriter::lose_cache_mark(string_view ttl, const std::string& place) {
  if (!ttl.empty()) lose(place + ".cache_control", "Gemini marks no caches in a request", true);
}

void RequestWriter::write(WireText& out) {
  JsonWriter json(out);
  json.begin_object();
  write_members(json);
  json.end_object();
}

void RequestWriter::write_members(JsonWriter& json) {
  write_contents(json);
  write_tools(json);
  write_tool_config(json);
  write_generation_config(json);
  write_rest(json);
}

void RequestWriter::write_generation_config(JsonWriter& json) {
  WireText text;
  JsonWriter config(text);
  config.begin_object();
  write_sampling(config);
  write_format(config);
  write_thinking_config(config);
  write_extras(config, config_prefix);
  config.end_object();
  if (text.own() != "{}") json.raw_field("generationConfig", text.own());
}

void RequestWriter::write_sampling(JsonWriter& json) {
  const Request& r = request_;
  const auto sampling = [&](string_view name, string_view wire,
                            const std::optional<Number>& value) {
    if (value && !abilities_.sampling && value->value != 1)
      lose_parameter(name, "the model takes no sampling parameters");
    else if (value && abilities_.sampling)
      json.field(wire, *value);
  };
  sampling("temperature", "temperature", r.temperature);
  sampling("top_p", "topP", r.top_p);
  if (r.top_k && !abilities_.sampling)
    lose_parameter("top_k", "the model takes no sampling parameters");
  else
    json.optional_field("topK", r.top_k);
  if (r.n && *r.n > max_candidates)
    lose_parameter("n", fmt::format("Gemini gives at most {} candidates", max_candidates));
  else
    json.optional_field("candidateCount", r.n);
  if (r.max_tokens && abilities_.max_output > 0 && *r.max_tokens > abilities_.max_output) {
    lose_parameter("max_tokens",
                   fmt::format("the model writes at most {} tokens", abilities_.max_output), true);
    json.field("maxOutputTokens", abilities_.max_output);
  } else if (r.max_tokens == 0) {
    lose_parameter("max_tokens", "Gemini cannot answer without a token");
  } else {
    json.optional_field("maxOutputTokens", r.max_tokens);
  }
  if (!r.stop.empty()) {
    if (r.stop.size() > max_stops)
      lose_parameter("stop", fmt::format("Gemini takes at most {} stop strings", max_stops));
    json.key("stopSequences").begin_array();
    for (std::size_t i = 0; i < std::min(r.stop.size(), max_stops); ++i) json.string(r.stop[i]);
    json.end_array();
  }
  if (r.seed && (r.seed->value > max_seed || r.seed->value < -max_seed - 1 ||
                 r.seed->spelled.find_first_of(".eE") != string_view::npos))
    lose_parameter("seed", "Gemini's seed is a whole number of 32 bits");
  else
    json.optional_field("seed", r.seed);
  json.optional_field("presencePenalty", r.presence_penalty);
  json.optional_field("frequencyPenalty", r.frequency_penalty);
  json.optional_field("responseLogprobs", r.logprobs);
  json.optional_field("logprobs", r.top_logprobs);
}

void RequestWriter::write_format(JsonWriter& json) {
  switch (request_.format.kind) {
    case Format::Kind::unset:
      return;
    case Format::Kind::text:
      json.field("responseMimeType", "text/plain");
      return;
    case Format::Kind::json_object:
      json.field("responseMimeType", "application/json");
      return;
    case Format::Kind::json_schema:
      json.field("responseMimeType", "application/json");
      if (!request_.format.schema.empty())
        json.raw_field("responseJsonSchema", request_.format.schema);
      if (!request_.format.description.empty())
        lose("response_format.json_schema.description", "Gemini's schemas have none beside them",
             true);
  }
}

void RequestWriter::write_thinking_config(JsonWriter& json) {
  WireText text;
  JsonWriter config(text);
  const Reasoning& reasoning = request_.reasoning;
  // Anthropic's clients see the thoughts that they ask for, unless they say otherwise.
  const bool shown_unasked =
      (request_.from == Dialect::anthropic || request_.from == Dialect::bedrock) &&
      (reasoning.budget_tokens || reasoning.adaptive);
  config.begin_object();
  if (reasoning.show)
    config.field("includeThoughts", *reasoning.show);
  else if (!reasoning.summary.empty() || shown_unasked)
    config.field("includeThoughts", true);
  write_effort(config);
  write_extras(config, thinking_prefix);
  config.end_object();
  if (text.own() != "{}") json.raw_field("thinkingConfig", text.own());
}

// Models before Gemini 3 know budgets, later ones levels; a Google client knows which it talks to.
void RequestWriter::write_effort(JsonWriter& json) {
  const Reasoning& reasoning = request_.reasoning;
  const bool by_budget = model_.contains("gemini-2");
  const bool always_thinks = model_.contains("gemini-2.5-pro");
  const auto rounded = [&](string_view to) {
    lose_parameter("reasoning_effort", fmt::format("rounded to {}, the nearest there is", to),
                   true);
  };
  if (reasoning.off || reasoning.effort == Effort::none) {
    if (own() || (by_budget && !always_thinks)) {
      json.field("thinkingBudget", std::int64_t{0});
    } else if (by_budget) {
      json.field("thinkingBudget", std::int64_t{128});
      rounded("128 tokens");
    } else {
      json.field("thinkingLevel", "MINIMAL");
      rounded("MINIMAL");
    }
    return;
  }
  Effort effort = reasoning.effort;
  if (effort == Effort::max) {
    effort = Effort::xhigh;
    rounded("XHIGH");
  }
  const bool has_budget = reasoning.budget_tokens.has_value();
  for (const Level& level : levels) {
    if (level.effort != effort) continue;
    if (own() || !by_budget)
      json.field("thinkingLevel", level.name);
    else if (!has_budget)
      json.field("thinkingBudget", level.budget);
  }
  // Levels and budgets exclude each other.
  if (has_budget && (own() || by_budget || effort == Effort::unset)) {
    const std::int64_t most = always_thinks ? 32'768 : 24'576;
    const bool clamp = !own() && by_budget && *reasoning.budget_tokens > most;
    if (clamp) rounded(fmt::format("{} tokens", most));
    json.field("thinkingBudget", clamp ? most : *reasoning.budget_tokens);
  } else if (reasoning.adaptive && effort == Effort::unset && by_budget) {
    json.field("thinkingBudget", std::int64_t{-1});
  }
}

void RequestWriter::write_rest(JsonWriter& json) {
  if (!request_.metadata.empty()) {
    const bool readable = scratch_.parse(request_.metadata).has_value();
    if (own() || (readable && are_labels(scratch_.root())))
      json.raw_field("labels", request_.metadata);
    else
      lose_parameter("metadata", "Google's labels are of small letters, digits, _ and -", true);
  }
  if (!request_.user.empty()) lose_parameter("user", "Gemini is not told the end user", true);
  const string_view tier = tier_name(request_.service_tier);
  if (tier.empty() && !request_.service_tier.empty())
    lose_parameter("service_tier", "Google has no such tier", true);
  else if (own() || (tier != "unspecified" && tier != "standard"))
    json.text_field("serviceTier", tier);
  if (!request_.verbosity.empty()) lose_parameter("verbosity", "Gemini has no verbosity");
  for (const Extra& extra : request_.extras)
    if (extra.from != Dialect::gemini)
      lose(std::string(extra.name), "Gemini has no such field", extra.harmless);
  write_extras(json, {});
}

bool RequestWriter::has_extra(string_view prefix) const {
  return std::ranges::any_of(request_.extras, [prefix](const Extra& extra) {
    return extra.from == Dialect::gemini && extra.name.starts_with(prefix);
  });
}

void RequestWriter::write_extras(JsonWriter& json, string_view prefix) {
  for (const Extra& extra : request_.extras) {
    if (extra.from != Dialect::gemini || !extra.name.starts_with(prefix)) continue;
    const string_view name = extra.name.substr(prefix.size());
    if (name.find_first_of(".[") != string_view::npos) continue;  // stands deeper
    if (name == "streamFunctionCallArguments" || name == "stream_function_call_arguments")
      lose(std::string(extra.name), "calls come whole when they are translated", true);
    else
      json.raw_field(name, extra.raw);
  }
}

}  // namespace holdfast::dialect::gemini

// A request to an upstream.
#include <algorithm>

#include "dialect/openai/chat_writing.h"
#include "dialect/openai/codec.h"

namespace holdfast::dialect::openai {
namespace {

using std::string_view;

constexpr string_view no_parameters = R"({"type":"object","properties":{}})";

bool is_function_name(string_view name) {
  if (name.empty() || name.size() > 64) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '-';
  });
}

// The older way to say how much to think, in the newer one (usable defaults of several houses).
Effort effort_of_budget(std::int64_t tokens) {
  if (tokens <= 0) return Effort::unset;
  if (tokens < 4'096) return Effort::low;
  return tokens < 16'384 ? Effort::medium : Effort::high;
}

class RequestWriter {
 public:
  explicit RequestWriter(const Writing& writing)
      : writing_(writing), request_(writing.request), json_(writing.json), d_(writing.deviations) {}

  void write(string_view model) {
    json_.begin_object().field("model", model);
    write_messages(writing_);
    write_tools();
    write_numbers();
    write_stop();
    write_format();
    write_reasoning();
    write_words();
    write_stream();
    write_extras();
    json_.end_object();
  }

 private:
  // --- tools

  bool is_allowed(const Tool& tool) const {
    const auto& allowed = request_.tool_choice.allowed;
    if (allowed.empty() || d_.allowed_tools) return true;
    return std::find(allowed.begin(), allowed.end(), tool.name) != allowed.end();
  }

  void write_tools() {
    using Mode = ToolChoice::Mode;
    const bool none = request_.tool_choice.mode == Mode::none && !d_.tool_choice;
    if (request_.tools.empty() || none) return;  // where it cannot be forbidden, there is none
    json_.key("tools").begin_array();
    for (std::size_t i = 0; i < request_.tools.size(); ++i)
      if (is_allowed(request_.tools[i])) write_tool(request_.tools[i], fmt::format("tools[{}]", i));
    json_.end_array();
    write_choice();
    if (!request_.parallel_tools) return;
    if (d_.parallel_tools) {
      json_.field("parallel_tool_calls", *request_.parallel_tools);
    } else if (!*request_.parallel_tools) {
      writing_.lose_parameter("parallel_tool_calls", "cannot be held to one call at a time");
    }
  }

  void write_tool(const Tool& tool, const std::string& field) {
    if (tool.native) {
      if (tool.native->from == Dialect::openai && writing_.takes("tools")) {
        json_.raw(tool.native->raw);
      } else {
        writing_.lose(field, "has no such tool");
      }
      return;
    }
    if (d_.any_extra && !is_function_name(tool.name))
      writing_.lose(field + ".name", "takes 64 letters, digits, _ and - as a name");
    json_.begin_object().field("type", "function").key("function").begin_object();
    json_.field("name", tool.name).text_field("description", tool.description);
    if (!tool.schema.empty() || d_.needs_parameters)
      json_.raw_field("parameters", tool.schema.empty() ? no_parameters : tool.schema);
    if (tool.strict && d_.strict_tools) json_.field("strict", *tool.strict);
    if (tool.strict == true && !d_.strict_tools)
      writing_.lose(field + ".strict", "does not promise that calls keep to the schema", true);
    json_.end_object();
    if (!tool.cache_ttl.empty()) {
      if (d_.cache_marks == CacheMarks::cache_control) {
        json_.key("cache_control").begin_object().field("type", "ephemeral");
        json_.field("ttl", tool.cache_ttl == "5m" ? "5m" : "1h").end_object();
      } else {
        writing_.lose(field + ".cache_control", "takes no cache marks on tools", true);
      }
    }
    json_.end_object();
  }

  void write_named(string_view name) {
    json_.begin_object().field("type", "function").key("function").begin_object();
    json_.field("name", name).end_object().end_object();
  }

  void write_choice() {
    using Mode = ToolChoice::Mode;
    const ToolChoice& choice = request_.tool_choice;
    if (choice.mode == Mode::unset) return;
    const bool forced = choice.mode == Mode::required || choice.mode == Mode::named;
    if (forced && !(d_.tool_choice && writing_.abilities.forced_tools)) {
      writing_.lose_parameter("tool_choice", "cannot be made to call a tool");
      return;
    }
    if (!d_.tool_choice) return;
    const string_view word = choice.mode == Mode::required ? d_.required
                             : choice.mode == Mode::none   ? "none"
                                                           : "auto";
    json_.key("tool_choice");
    if (choice.mode == Mode::named) {
      write_named(choice.name);
    } else if (!choice.allowed.empty() && d_.allowed_tools) {
      json_.begin_object().field("type", "allowed_tools").key("allowed_tools").begin_object();
      json_.field("mode", word).key("tools").begin_array();
      for (const string_view name : choice.allowed) write_named(name);
      json_.end_array().end_object().end_object();
    } else {
      json_.string(word);
    }
  }

  // --- parameters

  // Writes it where it is taken; a default is left out freely.
  template <class T>
  void write_if(bool taken, string_view name, const std::optional<T>& value, bool is_default) {
    if (!value) return;
    if (taken) {
      json_.field(name, *value);
    } else if (!is_default) {
      writing_.lose_parameter(name, fmt::format("has no {}", name));
    }
  }
  static bool is(const std::optional<Number>& number, double value) {
    return number && number->value == value;
  }

  void write_numbers() {
    if (request_.max_tokens) {
      const std::int64_t most = writing_.abilities.max_output;
      const bool beyond = most > 0 && *request_.max_tokens > most;
      json_.field(d_.max_tokens, beyond ? most : *request_.max_tokens);
      if (beyond)
        writing_.lose_parameter("max_tokens", fmt::format("writes {} tokens at most", most), true);
    }
    const bool sampling = writing_.abilities.sampling;
    if (request_.temperature && request_.temperature->value > d_.most_temperature) {
      writing_.lose_parameter("temperature", fmt::format("takes {} at most", d_.most_temperature));
    } else {
      write_if(sampling, "temperature", request_.temperature, is(request_.temperature, 1));
    }
    write_if(sampling, "top_p", request_.top_p, is(request_.top_p, 1));
    write_if(sampling && d_.top_k, "top_k", request_.top_k, false);
    write_if(d_.penalties, "frequency_penalty", request_.frequency_penalty,
             is(request_.frequency_penalty, 0));
    write_if(d_.penalties, "presence_penalty", request_.presence_penalty,
             is(request_.presence_penalty, 0));
    write_if(d_.n, "n", request_.n, request_.n == 1);
    if (request_.seed) {
      if (d_.seed.empty()) {
        writing_.lose_parameter("seed", "has no seed");
      } else {
        json_.field(d_.seed, *request_.seed);
      }
    }
    write_if(d_.logprobs, "logprobs", request_.logprobs, request_.logprobs == false);
    write_if(d_.logprobs, "top_logprobs", request_.top_logprobs, request_.top_logprobs == 0);
  }

  void write_stop() {
    if (request_.stop.empty()) return;
    if (request_.stop.size() > d_.most_stops) {
      writing_.lose_parameter("stop", fmt::format("takes {} stop strings at most", d_.most_stops));
      return;
    }
    json_.key("stop").begin_array();
    for (const string_view stop : request_.stop) json_.string(stop);
    json_.end_array();
  }

  void write_format() {
    const Format& format = request_.format;
    const bool json_object = format.kind == Format::Kind::json_object;
    const bool json_schema = format.kind == Format::Kind::json_schema;
    if (format.kind == Format::Kind::unset) return;
    if ((json_object && !d_.json_object) || (json_schema && !d_.json_schema)) {
      writing_.lose_parameter("response_format",
                              json_schema ? "keeps to no schema" : "has no JSON mode");
      return;
    }
    json_.key("response_format").begin_object();
    json_.field("type", json_schema ? "json_schema" : json_object ? "json_object" : "text");
    if (json_schema) {
      json_.key("json_schema").begin_object();
      json_.field("name", format.name.empty() ? string_view("answer") : format.name);
      json_.text_field("description", format.description);
      if (!format.schema.empty()) json_.raw_field("schema", format.schema);
      json_.optional_field("strict", format.strict).end_object();
    }
    json_.end_object();
  }

  // --- reasoning

  Effort wanted_effort() const {
    const Reasoning& reasoning = request_.reasoning;
    if (reasoning.off) return Effort::none;
    if (reasoning.effort != Effort::unset) return reasoning.effort;
    if (reasoning.budget_tokens) return effort_of_budget(*reasoning.budget_tokens);
    // Its models show thoughts only when they are asked for an effort.
    return reasoning.show == true && d_.thinking_chunks ? Effort::medium : Effort::unset;
  }

  // The nearest that the target knows; of two, the lower.
  Effort nearest(Effort wanted) const {
    const auto distance = [wanted](Effort each) {
      return each < wanted ? static_cast<int>(wanted) - static_cast<int>(each)
                           : static_cast<int>(each) - static_cast<int>(wanted);
    };
    Effort best = Effort::unset;
    for (const Effort each : d_.efforts) {
      if (wanted != Effort::none && each == Effort::none) continue;  // asked to think
      if (best == Effort::unset || distance(each) < distance(best)) best = each;
    }
    return best;
  }

  void write_reasoning() {
    const Reasoning& reasoning = request_.reasoning;
    if (reasoning.show == true) {
      if (!d_.show.empty()) json_.raw_field(d_.show, d_.show_value);
      if (d_.any_extra)
        writing_.lose_parameter("reasoning_effort", "does not show what the model thought", true);
    }
    if (!reasoning.summary.empty() && !d_.reasoning_object)
      writing_.lose("reasoning.summary", "has no choice of summaries", true);
    if (d_.reasoning_object) return write_reasoning_object();
    const Effort wanted = wanted_effort();
    if (wanted == Effort::unset) return;
    if (d_.thinking_switch && d_.efforts.empty()) {
      json_.key("thinking").begin_object();
      json_.field("type", wanted == Effort::none ? "disabled" : "enabled").end_object();
      if (wanted != Effort::none)
        writing_.lose_parameter("reasoning_effort", "only switches thinking on and off", true);
      return;
    }
    const Effort nearby = nearest(wanted);
    if (nearby == Effort::unset || (wanted == Effort::none && nearby != Effort::none)) {
      writing_.lose_parameter("reasoning_effort", nearby == Effort::unset
                                                      ? "has no effort to choose"
                                                      : "always thinks");
      return;
    }
    json_.field("reasoning_effort", to_string(nearby));
    if (nearby != wanted || reasoning.effort == Effort::unset)
      writing_.lose_parameter("reasoning_effort",
                              fmt::format("was asked for {}", to_string(nearby)), !reasoning.off);
  }

  void write_reasoning_object() {
    const Reasoning& reasoning = request_.reasoning;
    const bool told = reasoning.effort != Effort::unset || reasoning.budget_tokens ||
                      reasoning.off || reasoning.adaptive || reasoning.show ||
                      !reasoning.summary.empty();
    if (!told) return;
    json_.key("reasoning").begin_object();
    if (reasoning.effort != Effort::unset) json_.field("effort", to_string(reasoning.effort));
    json_.optional_field("max_tokens", reasoning.budget_tokens);
    if (reasoning.off || reasoning.adaptive) json_.field("enabled", !reasoning.off);
    if (reasoning.show) json_.field("exclude", !*reasoning.show);
    json_.text_field("summary", reasoning.summary).end_object();
  }

  // --- the rest

  void write_words() {
    if (!request_.verbosity.empty()) {
      if (d_.verbosity) {
        json_.field("verbosity", request_.verbosity);
      } else {
        writing_.lose_parameter("verbosity", "has no verbosity");
      }
    }
    if (!request_.user.empty()) {
      if (d_.user.empty()) {
        writing_.lose_parameter("user", "is not told of end users", true);
      } else {
        json_.field(d_.user, request_.user);
      }
    }
    if (!request_.metadata.empty()) {
      if (d_.metadata) {
        json_.raw_field("metadata", request_.metadata);
      } else {
        writing_.lose_parameter("metadata", "keeps no metadata", true);
      }
    }
    const string_view tier = request_.service_tier;
    if (tier.empty()) return;
    if (std::find(d_.service_tiers.begin(), d_.service_tiers.end(), tier) !=
        d_.service_tiers.end()) {
      json_.field("service_tier", tier);
    } else {
      writing_.lose_parameter("service_tier", "has no such tier", true);
    }
  }

  static constexpr string_view stream_option = "stream_options.";

  void write_stream() {
    if (!request_.stream) return;
    json_.field("stream", true);
    if (!d_.ask_usage) return;
    json_.key("stream_options").begin_object().field("include_usage", true);
    if (d_.padding && !request_.pad_stream) json_.field("include_obfuscation", false);
    for (const Extra& extra : request_.extras)
      if (extra.name.starts_with(stream_option) && may_send(extra))
        json_.raw_field(extra.name.substr(stream_option.size()), extra.raw);
    json_.end_object();
  }

  bool may_send(const Extra& extra) const {
    return extra.from == Dialect::openai && writing_.takes(extra.name);
  }

  // Whether a field has been written from what the dialects share.
  bool is_written(string_view name) const {
    const bool thinks = wanted_effort() != Effort::unset;
    if (name == "user") return !request_.user.empty() && d_.user == name;
    if (name == "tool_choice") return request_.tool_choice.mode != ToolChoice::Mode::unset;
    if (name == "reasoning_effort") return thinks || d_.reasoning_object;
    if (name == "thinking") return thinks && d_.thinking_switch;
    return request_.reasoning.show == true && d_.show == name;
  }

  void write_extras() {
    for (const Extra& extra : request_.extras) {
      if (is_written(extra.name)) {
        writing_.lose(std::string(extra.name), "is told of this by another field", true);
        continue;
      }
      const bool option = extra.name.starts_with(stream_option);
      if (!may_send(extra) || (option && !(request_.stream && d_.ask_usage))) {
        writing_.lose(std::string(extra.name), fmt::format("has no {}", extra.name),
                      extra.harmless || option);
      } else if (!option) {
        json_.raw_field(extra.name, extra.raw);
      }
    }
    if (request_.goes_on() && d_.prefill == Prefill::continue_final)
      json_.field("continue_final_message", true).field("add_generation_prompt", false);
  }

  const Writing& writing_;
  const Request& request_;
  JsonWriter& json_;
  const Deviations& d_;
};

}  // namespace

Result<WireRequest> ChatCodec::write_request(const Request& request, string_view model,
                                             const Abilities& abilities,
                                             std::vector<Loss>& losses) const {
  WireRequest out;
  out.path = "/chat/completions";
  JsonWriter json(out.body);
  RequestWriter(Writing{request, deviations_, abilities, json, losses}).write(model);
  return out;
}

}  // namespace holdfast::dialect::openai

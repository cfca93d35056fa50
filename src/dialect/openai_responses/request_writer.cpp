#include "dialect/openai_responses/request_writer.h"

#include <fmt/format.h>

#include <algorithm>

#include "dialect/field_names.h"
#include "dialect/openai_responses/items.h"
#include "dialect/openai_responses/items_writer.h"
#include "dialect/openai_responses/tools.h"

namespace holdfast::dialect::openai_responses {
namespace {

constexpr Dialect own = Dialect::openai_responses;
constexpr std::int64_t least_max_tokens = 16;  // OpenAI: integer_below_min_value

class RequestWriter {
 public:
  RequestWriter(const Request& request, const Abilities& abilities, std::vector<Loss>& losses,
                WireText& body)
      : request_(request), abilities_(abilities), losses_(losses), json_(body) {}

  void write(std::string_view model) {
    json_.begin_object().field("model", model);
    conversation();
    if (request_.max_tokens) json_.field("max_output_tokens", max_tokens());
    sampling();
    tools();
    reasoning();
    text();
    include();
    json_.optional_field("top_logprobs", request_.top_logprobs);
    if (!request_.metadata.empty()) json_.raw_field("metadata", request_.metadata);
    json_.text_field("safety_identifier", request_.user);
    json_.text_field("service_tier", request_.service_tier);
    if (request_.stream) json_.field("stream", true);
    stream_options();
    // The client never learns the upstream's ids: what is not asked for is not kept there.
    if (!extra("store")) json_.field("store", false);
    extras();
    json_.end_object();
    inexpressible();
  }

 private:
  void lose(std::string_view name, std::string reason, bool harmless = false) {
    losses_.push_back({std::string(spelled(request_.from, name)), std::move(reason), harmless});
  }
  const Extra* extra(std::string_view name) const {
    const auto found = std::ranges::find_if(request_.extras, [name](const Extra& each) {
      return each.from == own && each.name == name;
    });
    return found == request_.extras.end() ? nullptr : &*found;
  }
  // Own extras of the object `prefix` ("reasoning.").
  void nested(std::string_view prefix) {
    for (const Extra& each : request_.extras)
      if (each.from == own && each.name.starts_with(prefix) &&
          each.name.find('.', prefix.size()) == each.name.npos)
        json_.raw_field(each.name.substr(prefix.size()), each.raw);
  }
  bool has_nested(std::string_view prefix) const {
    return std::ranges::any_of(request_.extras, [prefix](const Extra& each) {
      return each.from == own && each.name.starts_with(prefix);
    });
  }

  void conversation() {
    const std::vector<Block>& system = request_.system;
    const bool plain = system.size() == 1 && system.front().kind == BlockKind::text &&
                       system.front().cache_ttl.empty();
    if (plain) json_.text_field("instructions", system.front().text);
    json_.key("input").begin_array();
    ItemWriter items(json_, request_, abilities_, losses_);
    if (!plain) items.system(system);
    for (std::size_t i = 0; i < request_.messages.size(); ++i) items.message(i);
    json_.end_array();
    prefill();
  }
  // OpenAI's dialects take a last word of the assistant as history and answer anew; the others'
  // clients mean that it is gone on with.
  void prefill() {
    if (!request_.goes_on()) return;
    const Message& last = request_.messages.back();
    if (last.role == Role::assistant && !last.content.empty() &&
        last.content.back().kind == BlockKind::text)
      losses_.push_back({place_of(request_.from, request_.messages.size() - 1),
                         "Responses does not go on with the assistant's last message", false});
  }

  std::int64_t max_tokens() {
    if (abilities_.house != "openai" || *request_.max_tokens >= least_max_tokens)
      return *request_.max_tokens;
    lose("max_tokens", fmt::format("OpenAI takes {} at least", least_max_tokens));
    return least_max_tokens;
  }

  void sampling() {
    const auto one = [this](std::string_view name, const std::optional<Number>& value) {
      if (!value) return;
      if (abilities_.sampling) {
        json_.field(name, *value);
      } else if (value->value < 1 || value->value > 1) {
        lose(name, "the model takes no sampling parameters");
      }
    };
    one("temperature", request_.temperature);
    one("top_p", request_.top_p);
  }

  void tools() {
    if (!request_.tools.empty()) {
      json_.key("tools").begin_array();
      for (std::size_t i = 0; i < request_.tools.size(); ++i) tool(request_.tools[i], i);
      json_.end_array();
    }
    ToolChoice choice = request_.tool_choice;
    if (choice.mode == ToolChoice::Mode::named || choice.mode == ToolChoice::Mode::required) {
      if (!abilities_.forced_tools) {
        lose("tool_choice", "the model cannot be made to call a tool");
        choice.mode = ToolChoice::Mode::automatic;
      }
    }
    write_tool_choice(json_, choice);
    json_.optional_field("parallel_tool_calls", request_.parallel_tools);
  }
  void tool(const Tool& tool, std::size_t index) {
    if (tool.native && tool.native->from != own) {
      losses_.push_back(
          {std::string(tool.native->name), "a tool that Responses does not know", false});
      return;
    }
    if (!tool.native && !is_tool_name(tool.name))
      losses_.push_back({fmt::format("tools[{}].name", index),
                         "Responses takes 128 letters, digits, _ and - in a name", false});
    if (!tool.cache_ttl.empty())
      losses_.push_back({fmt::format("tools[{}].cache_control", index),
                         "Responses marks no caches behind tools", true});
    // Unlike elsewhere, strict is what Responses takes for granted.
    write_tool(json_, tool,
               tool.strict || request_.from == own ? tool.strict : std::optional(false));
  }
  static bool is_tool_name(std::string_view name) {
    return !name.empty() && name.size() <= 128 && std::ranges::all_of(name, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '_' || c == '-';
    });
  }

  Effort effort() {
    const Reasoning& asked = request_.reasoning;
    if (asked.off) return Effort::none;
    if (asked.effort != Effort::unset || !asked.budget_tokens || *asked.budget_tokens < 0)
      return asked.effort;
    constexpr std::int64_t low = 1024, medium = 8192, high = 24'576;  // the usual budgets
    const std::int64_t budget = *asked.budget_tokens;
    Effort nearest = Effort::low;
    if (budget == 0)
      nearest = Effort::none;
    else if (budget > (medium + high) / 2)
      nearest = Effort::high;
    else if (budget > (low + medium) / 2)
      nearest = Effort::medium;
    losses_.push_back({fmt::format("{}.budget_tokens", spelled(request_.from, "reasoning_effort")),
                       fmt::format("said as effort {}", to_string(nearest)), true});
    return nearest;
  }
  void reasoning() {
    effort_ = effort();
    const Reasoning& asked = request_.reasoning;
    std::string_view summary = asked.summary;
    if (summary.empty() && asked.show.value_or(false)) summary = "auto";
    if (effort_ == Effort::unset && summary.empty() && !has_nested("reasoning.")) return;
    json_.key("reasoning").begin_object();
    json_.text_field("effort", to_string(effort_)).text_field("summary", summary);
    nested("reasoning.");
    json_.end_object();
  }

  void text() {
    const Format& format = request_.format;
    if (format.kind == Format::Kind::unset && request_.verbosity.empty() && !has_nested("text."))
      return;
    json_.key("text").begin_object();
    if (format.kind != Format::Kind::unset) {
      json_.key("format").begin_object();
      write_format(json_, format);
      nested("text.format.");
      json_.end_object();
    }
    json_.text_field("verbosity", request_.verbosity);
    nested("text.");
    json_.end_object();
  }

  // Encrypted thoughts are asked for where they can be given back, and only of models that were
  // told to think: others refuse the word.
  void include() {
    const bool logprobs = request_.logprobs.value_or(false);
    const Extra* said = extra("include");
    const bool thinks = request_.reasoning.adaptive || request_.reasoning.show.value_or(false) ||
                        (effort_ != Effort::unset && effort_ != Effort::none);
    const bool encrypted = request_.from != own && thinks && abilities_.house == "openai";
    if (!logprobs && !encrypted && !said) return;
    json_.key("include").begin_array();
    if (said) json_.raw(said->raw.substr(1, said->raw.size() - 2));
    if (logprobs && !(said && said->raw.find(include_logprobs) != said->raw.npos))
      json_.string(include_logprobs);
    if (encrypted) json_.string(include_encrypted);
    json_.end_array();
  }

  void stream_options() {
    const bool unpadded = request_.stream && !request_.pad_stream;
    if (!unpadded && !has_nested("stream_options.")) return;
    json_.key("stream_options").begin_object();
    if (unpadded) json_.field("include_obfuscation", false);
    nested("stream_options.");
    json_.end_object();
  }

  void extras() {
    for (const Extra& each : request_.extras) {
      if (each.from != own)
        losses_.push_back({std::string(each.name), "Responses has nothing like it", each.harmless});
      else if (!names_a_place(each.name) && each.name.find('.') == each.name.npos &&
               each.name != "include")
        json_.raw_field(each.name, each.raw);
    }
  }

  void inexpressible() {
    const auto no = [this](std::string_view name, bool asked) {
      if (asked) lose(name, fmt::format("Responses has no {}", name));
    };
    const auto is_set = [](const std::optional<Number>& value) {
      return value && (value->value < 0 || value->value > 0);
    };
    no("stop", !request_.stop.empty());
    no("n", request_.n.value_or(1) > 1);
    no("top_k", request_.top_k.has_value());
    no("seed", request_.seed.has_value());
    no("frequency_penalty", is_set(request_.frequency_penalty));
    no("presence_penalty", is_set(request_.presence_penalty));
  }

  const Request& request_;
  const Abilities& abilities_;
  std::vector<Loss>& losses_;
  JsonWriter json_;
  Effort effort_ = Effort::unset;
};

}  // namespace

Result<WireRequest> write_request(const Request& request, std::string_view model,
                                  const Abilities& abilities, std::vector<Loss>& losses) {
  WireRequest out;
  out.path = "/responses";
  RequestWriter(request, abilities, losses, out.body).write(model);
  return out;
}

}  // namespace holdfast::dialect::openai_responses

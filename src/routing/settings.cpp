#include "routing/settings.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <string_view>
#include <unordered_map>

#include "base/limits.h"
#include "config/section.h"
#include "dialect/canonical.h"

namespace holdfast::routing {
namespace {
using namespace std::chrono_literals;
using config::Section;
using Providers = std::unordered_map<std::string_view, const provider::Settings*>;

constexpr std::array<config::Choice<bool>, 2> losses = {{{"refuse", false}, {"allow", true}}};
constexpr std::array<config::Choice<Policy>, 1> policies = {{{"failover", Policy::failover}}};

void read_overrides(Section& section, Overrides& overrides) {
  const auto about = "what this target is asked instead; it is then always asked by translation";
  section.section("overrides", about, [&](Section& inner) {
    inner.text("system", overrides.system, "the system prompt");
    if (inner.word("temperature", overrides.temperature, "a number, as in 0.2")) {
      double value = 0;
      const char* end = overrides.temperature.data() + overrides.temperature.size();
      const auto read = std::from_chars(overrides.temperature.data(), end, value);
      if (read.ec != std::errc() || read.ptr != end || !(value >= 0 && value <= 2))
        inner.problem("temperature", "not a number from 0 to 2");
    }
    if (inner.word("reasoning_effort", overrides.effort, "none, minimal, low, medium, high ...") &&
        dialect::effort_from(overrides.effort) == dialect::Effort::unset)
      inner.problem("reasoning_effort", "unknown value", "",
                    "none, minimal, low, medium, high, xhigh, max");
    inner.integer("max_tokens", overrides.max_tokens, 0, 1 << 30, "most tokens of the answer");
  });
}

void read_target(Section& section, const Providers& providers, TargetSettings& target) {
  const bool given = section.word("provider", target.provider, "a name under providers");
  section.require("provider", "name one of providers");
  const auto found = providers.find(target.provider);
  if (found != providers.end()) {
    target.timeouts = found->second->timeouts;
  } else if (given) {
    std::vector<std::string_view> names;
    for (const auto& [name, settings] : providers) names.push_back(name);
    std::ranges::sort(names);
    section.unknown_name("provider", target.provider, "not the name of a provider",
                         std::move(names));
  }
  section.word("model", target.model, "what the provider calls the model");
  section.require("model", "say what the provider calls it, as in model: gpt-4o-mini");
  section.word("vector_space", target.vector_space,
               "embeddings fail over only between targets that name the same one");
  read_overrides(section, target.overrides);
  provider::read_timeouts(section, target.timeouts,
                          "deadlines of one attempt; those not given are the provider's");
}

void read_model(Section& section, const Providers& providers, ModelSettings& model,
                std::size_t& targets_total) {
  section.choice("policy", model.policy, policies, "failover: targets are tried in their order");
  const bool listed =
      section.items("targets", "who answers for it, in this order", [&](Section& inner) {
        TargetSettings target;
        read_target(inner, providers, target);
        model.targets.push_back(std::move(target));
        if (++targets_total == limits::targets_total + 1)
          inner.problem("", fmt::format("more than {} targets in all", limits::targets_total));
      });
  section.require("targets",
                  "list who answers for it, as in targets: [{provider: ..., model: ...}]");
  if (listed && section.has("targets") && model.targets.empty())
    section.problem("targets", "empty", "list at least one, as in {provider: ..., model: ...}");
  if (model.targets.size() > limits::targets_per_model)
    section.problem("targets", fmt::format("more than {} targets", limits::targets_per_model));
  section.duration("deadline", model.deadline, 1ms, 24h, "of a request, over all its attempts");
  section.choice("lossy", model.lossy, losses,
                 "whether what a target of another dialect cannot express is dropped (and named in "
                 "x-holdfast-dropped) or refused");
  section.flag("pad_streams", model.pad_streams,
               "whether events of translated streams are padded to hide their lengths");
  section.duration("hold_keepalive", model.hold_keepalive, 1ms, 24h,
                   "without content for so long, a stream's head and comments go out");
}
}  // namespace

void read_settings(Section& top, std::span<const provider::Settings> providers,
                   std::vector<ModelSettings>& into) {
  Providers by_name;
  for (const provider::Settings& one : providers) by_name.emplace(one.name, &one);
  std::size_t targets_total = 0;
  const bool listed = top.entries("models", "What applications ask for, by name",
                                  [&](const std::string& name, Section& section) {
                                    ModelSettings model;
                                    model.name = name;
                                    read_model(section, by_name, model, targets_total);
                                    into.push_back(std::move(model));
                                  });
  top.require("models", "name at least one, as in models: {chat: {targets: [...]}}");
  if (listed && top.has("models") && into.empty())
    top.problem("models", "empty", "name at least one, as in models: {chat: {targets: [...]}}");
}
}  // namespace holdfast::routing

#include "routing/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <unordered_map>

#include "base/limits.h"
#include "config/section.h"
#include "dialect/canonical.h"
#include "records/price_settings.h"
#include "routing/policy_settings.h"
#include "routing/shadow.h"

namespace holdfast::routing {
namespace {
using namespace std::chrono_literals;
using config::Section;
using Providers = std::unordered_map<std::string_view, const provider::Settings*>;

constexpr std::array<config::Choice<bool>, 2> losses = {{{"refuse", false}, {"allow", true}}};
constexpr std::array<config::Choice<bool>, 2> last_resorts = {{{"try", true}, {"refuse", false}}};
constexpr std::array<config::Choice<bool>, 2> after_filter = {{{"stop", false}, {"next", true}}};
constexpr std::array<config::Choice<int>, 3> percentiles = {
    {{"p90", 90}, {"p95", 95}, {"p99", 99}}};
constexpr int most_tokens = 100'000'000;
constexpr std::array<config::Choice<bool>, 2> breaks = {{{"error", false}, {"continue", true}}};

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

//   serves   it answers clients; else it only gets copies
void read_target(Section& section, const Providers& providers, TargetSettings& target,
                 bool serves) {
  const bool given = section.word("provider", target.provider, "a name under providers");
  section.require("provider", "name one of providers");
  const auto found = providers.find(target.provider);
  if (found != providers.end()) {
    target.timeouts = found->second->timeouts;
    target.region = found->second->region;
  } else if (given) {
    std::vector<std::string_view> names;
    for (const auto& [name, settings] : providers) names.push_back(name);
    std::ranges::sort(names);
    section.unknown_name("provider", target.provider, "not the name of a provider",
                         std::move(names));
  }
  section.word("model", target.model, "what the provider calls the model");
  section.require("model", "say what the provider calls it, as in model: gpt-4o-mini");
  if (serves) {
    section.word("vector_space", target.vector_space,
                 "embeddings fail over only between targets that name the same one");
    int window = 0;
    section.integer("context_window", window, 0, most_tokens,
                    "tokens that question and answer may have; what is too long for one target "
                    "goes to those that declare more; 0: not said");
    target.context_window = window;
  }
  read_overrides(section, target.overrides);
  target.price =
      records::read_price(section, "price", "what it costs here; before all of `prices`");
  provider::read_timeouts(section, target.timeouts,
                          "deadlines of one attempt; those not given are the provider's");
}

void read_hedge(Section& section, ModelSettings& model) {
  const bool given = section.has("hedge");
  HedgeSettings hedge{.percentile = 95};
  section.section(
      "hedge",
      "a request whose target is late asks the next one too; who has content first answers",
      [&](Section& inner) {
        inner.choice("after", hedge.percentile, percentiles,
                     "late is what takes longer than this share of the target's last "
                     "answers took to their first content");
        inner.duration("at_least", hedge.at_least, 1ms, 1h,
                       "not before, however quick the target usually is");
      });
  if (!given) return;
  model.hedge = hedge;
  if (model.targets.size() == 1)
    section.problem("hedge", "the model has one target only",
                    "add a second one that may be asked, or leave hedge out");
}

// One entry of `shadow`.
void read_shadow(Section& inner, const Providers& providers, ModelSettings& model,
                 std::size_t& targets_total) {
  ShadowSettings shadow;
  read_target(inner, providers, shadow.target, false);
  std::string share;
  if (inner.word("share", share, "of the requests, in percent, as in 5 or 0.5")) {
    if (const auto value = parse_percent(share); value && *value > 0)
      shadow.share = *value;
    else
      inner.problem("share", "not a share", "write it as in 5 or 0.5, above 0 and up to 100");
  }
  inner.require("share", "say how much of the requests it gets copies of, as in share: 5");
  read_when(inner,
            "copies only requests for which this holds, as in sensitivity != \"restricted\"; none: "
            "all",
            shadow.when);
  const auto same = [&](const TargetSettings& other) {
    return other.provider == shadow.target.provider && other.model == shadow.target.model;
  };
  const std::string name = fmt::format("{}/{}", shadow.target.provider, shadow.target.model);
  if (shadow.target.provider.empty()) return;  // told already
  if (std::ranges::any_of(model.targets, same))
    inner.problem("", fmt::format("{} is a target of this model, which serves", name),
                  "name one that is not among its targets, or leave it out");
  else if (std::ranges::any_of(model.shadows, same, &ShadowSettings::target))
    inner.problem("", fmt::format("{} is listed twice", name), "list it once");
  if (++targets_total == limits::targets_total + 1)
    inner.problem("", fmt::format("more than {} targets in all", limits::targets_total));
  if (model.shadows.size() == limits::shadows_per_model) {
    inner.problem("", fmt::format("more than {} shadows", limits::shadows_per_model));
    return;
  }
  model.shadows.push_back(std::move(shadow));
}

void read_shadows(Section& section, const Providers& providers, ModelSettings& model,
                  std::size_t& targets_total) {
  const bool listed = section.items(
      "shadow",
      "targets on trial: each gets copies of a share of the requests, and its answers are recorded "
      "and thrown away; an entry is a target, as in {provider: ..., model: ..., share: 5}",
      [&](Section& inner) { read_shadow(inner, providers, model, targets_total); });
  if (listed && section.has("shadow") && model.shadows.empty())
    section.problem("shadow", "empty",
                    "list a target, as in {provider: ..., model: ..., share: 5}");
  for (std::size_t i = 0; i < model.shadows.size(); ++i)
    if (!in_regions(model.shadows[i].target.region, model.regions))
      section.problem(fmt::format("shadow[{}]", i), "not in the regions of the model",
                      "a copy would never be sent: name a provider in them, or leave it out");
}

void read_model(Section& section, const Providers& providers, ModelSettings& model,
                std::size_t& targets_total) {
  const auto read_one = [&](Section& inner, TargetSettings& target) {
    read_target(inner, providers, target, true);
    if (++targets_total == limits::targets_total + 1)
      inner.problem("", fmt::format("more than {} targets in all", limits::targets_total));
    if (model.targets.size() < limits::targets_per_model) return true;
    inner.problem("", fmt::format("more than {} targets", limits::targets_per_model));
    return false;
  };
  read_policies(section, read_one, model);
  section.words(
      "regions", model.regions,
      "where it may be answered: only by providers whose region is one of these or begins "
      "with it, as eu-west does with eu; none: anywhere");
  const auto allowed = [&](const TargetSettings& target) {
    return in_regions(target.region, model.regions);
  };
  if (!model.targets.empty() && std::ranges::none_of(model.targets, allowed))
    section.problem("regions", "no target is in them",
                    "add one whose provider says region: and is in one of them");
  section.choice("last_resort", model.last_resort, last_resorts,
                 "whether targets whose breaker is open are tried when no other is left");
  section.choice("on_content_filter", model.next_on_content_filter, after_filter,
                 "whether another provider may answer what one refuses by its content policy");
  section.duration("wait_for_cooling", model.wait_for_cooling, 0ms, 15s,
                   "when all that is left cools down, a request waits for the first to be back if "
                   "that is within this; 0ms: it is answered 429 with Retry-After at once");
  section.duration("deadline", model.deadline, 1ms, 24h, "of a request, over all its attempts");
  section.choice("lossy", model.lossy, losses,
                 "whether what a target of another dialect cannot express is dropped (and named in "
                 "x-holdfast-dropped) or refused");
  section.choice("midstream", model.continues, breaks,
                 "a stream that breaks after content ends in an error event, or is gone on with by "
                 "the next target; streams of such a model are always translated");
  section.flag("pad_streams", model.pad_streams,
               "whether events of translated streams are padded to hide their lengths");
  model.cache = section.has("cache");
  section.section("cache",
                  "answers are kept and given again, to the same key, for the same question",
                  [&](Section& inner) {
                    inner.duration("ttl", model.cache_ttl, 1s, 30 * 24h, "how long each is kept");
                    inner.size("max_answer", model.cache_max_answer, 1024, 64U << 20U,
                               "larger ones are not kept");
                  });
  read_hedge(section, model);
  read_shadows(section, providers, model, targets_total);
  section.duration("hold_keepalive", model.hold_keepalive, 1ms, 24h,
                   "without content for so long, a stream's head and comments go out");
  config::read_limits(section, model.limits, "how much may be asked of it by all together");
}
}  // namespace

Route make_route(const ModelSettings& model, std::span<const std::uint16_t> indices) {
  Route route;
  route.nodes = model.tree;
  route.needs = needs_of(route.nodes);
  route.last_resort = model.last_resort;
  route.next_on_content_filter = model.next_on_content_filter;
  route.wait_for_cooling = model.wait_for_cooling;
  for (std::size_t i = 0; i < model.targets.size(); ++i) {
    const TargetSettings& target = model.targets[i];
    const auto same = std::ranges::find(model.targets, target.provider, &TargetSettings::provider);
    Leaf leaf;
    leaf.index = indices[i];
    leaf.provider = static_cast<std::uint16_t>(same - model.targets.begin());
    leaf.region = target.region;
    leaf.context_window = target.context_window;
    route.leaves.push_back(std::move(leaf));
    if (in_regions(target.region, model.regions)) route.permitted |= 1U << i;
  }
  return route;
}

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

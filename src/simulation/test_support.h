// What the tests of this room share: configurations drawn from a seed.
#pragma once
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>

#include "base/log.h"
#include "base/random.h"
#include "config/section.h"
#include "provider/kind.h"
#include "simulation/engine.h"
#include "simulation/invariants.h"
#include "simulation/random_scenario.h"

namespace holdfast::simulation::test {
using namespace std::chrono_literals;

inline constexpr const char* kinds[] = {"openai_compatible", "anthropic", "gemini", "openai"};

inline constexpr const char* policies[] = {"failover", "failover",      "weighted", "round_robin",
                                           "failover", "least_latency", "failover", "least_busy"};

// One provider of a kind at an address of its own.
inline std::shared_ptr<const routing::Provider> make_provider(const std::string& name,
                                                              std::string_view kind) {
  provider::Settings settings;
  settings.name = name;
  settings.kind = provider::find_kind(kind);
  settings.base = *net::parse_base_url("https://" + name + ".invalid/v1");
  // One stands in what takes its place in messages ("[redacted]"): taking it out never ended once.
  settings.key = Secret(name == "p0" ? "e" : "key-of-" + name);
  auto made = std::make_shared<routing::Provider>();
  made->name = name;
  made->kind = settings.kind;
  made->adapter = settings.kind->make(settings, {});
  made->origin = settings.base.origin;
  made->pool_key = made->origin.key();
  made->authority = made->origin.authority();
  made->path = settings.base.path;
  made->key = settings.key;
  return made;
}

// A model "chat" and its client.
struct Shape {
  std::size_t targets = 3;
  std::size_t idle = 0;        // providers behind those of the targets
  std::size_t first_kind = 0;  // turns the kinds round
  std::string_view kind;       // of all providers instead; empty: each has its own
  std::string chat;            // `models.chat` as its operator would write it
  std::chrono::milliseconds deadline = 60s;
  bool with_key = false;                 // of team x, in the east
  std::vector<std::string> key_regions;  // of that key
};

inline constexpr std::array<std::string_view, 4> regions = {"west", "east-1", "west-2", "east"};

// `policy` over `targets` targets.
inline std::string plain_list(std::size_t targets, std::string_view policy) {
  std::string text = fmt::format("{{policy: {}, targets: [", policy);
  for (std::size_t i = 0; i < targets; ++i)
    text += fmt::format("{}{{provider: p{}, model: m}}", i == 0 ? "" : ", ", i);
  return text + "]}";
}

// The model `chat` with hedging; it has several targets.
inline std::string hedged(std::string chat) {
  chat.pop_back();
  return chat + ", hedge: {after: p95}}";
}

// The model `chat` with copies of `share` in 100 requests for the provider of that number.
inline std::string on_trial(std::string chat, std::size_t provider, std::uint64_t share) {
  chat.pop_back();
  return chat +
         fmt::format(", shadow: [{{provider: p{}, model: m, share: {}}}]}}", provider, share);
}

// A tree of policies in policies, with weights, percentages and conditions, and regions of the
// model, as an operator would write it.
class ChatMaker {
 public:
  ChatMaker(Random& random, std::size_t targets) : random_(random), targets_(targets) {}

  std::string make() {
    std::string model = group(targets_, 1, "");
    if (random_.below(3) != 0) return model;
    // At least one target is in them.
    const std::string_view region = regions.at(random_.below(targets_));
    model.pop_back();
    return model + fmt::format(", regions: [{}]}}", region.substr(0, region.find('-')));
  }

 private:
  //   place   what the group above says of it
  std::string group(std::size_t count, int depth, const std::string& place) {
    const std::string_view policy = all_policies.at(random_.below(all_policies.size()));
    std::string text = fmt::format("{{{}policy: {}, targets: [", place, policy);
    std::size_t percent_left = 100;
    while (count > 0) {
      const std::size_t here = depth < 3 ? 1 + random_.below(count) : 1;
      const std::size_t percent = here == count ? percent_left : random_.below(percent_left + 1);
      percent_left -= percent;
      const std::string inner = place_in(policy, percent);
      const bool is_leaf = here == 1 && (depth >= 3 || random_.below(4) != 0);
      text += is_leaf ? leaf(inner) : group(here, depth + 1, inner);
      count -= here;
      if (count > 0) text += ", ";
    }
    return text + "]}";
  }

  std::string leaf(const std::string& place) {
    return fmt::format("{{{}provider: p{}, model: m}}", place, next_++);
  }

  std::string place_in(std::string_view policy, std::size_t percent) {
    if (policy == "weighted" || policy == "sticky")
      return fmt::format("weight: {}, ", 1 + random_.below(4));
    if (policy == "split") return fmt::format("percent: {}, ", percent);
    if (policy != "conditional" || random_.below(2) == 0) return {};
    return fmt::format("when: '{}', ", conditions.at(random_.below(conditions.size())));
  }

  static constexpr std::array<std::string_view, 9> all_policies = {
      "failover",   "weighted", "round_robin", "least_latency", "least_cost",
      "least_busy", "sticky",   "conditional", "split"};
  static constexpr std::array<std::string_view, 6> conditions = {
      "stream",           "not stream", R"(team == "x")", R"(region == "west")",
      R"(tokens > 4000)", "hour < 24"};
  Random& random_;
  std::size_t targets_;
  std::size_t next_ = 0;
};

inline routing::ModelSettings read_chat(const std::string& chat,
                                        const std::vector<ProviderFacts>& providers) {
  std::vector<provider::Settings> known(providers.size());
  for (std::size_t i = 0; i < providers.size(); ++i) {
    known[i].name = providers[i].name;
    known[i].region = providers[i].region;
  }
  const auto document = config::parse("models: {chat: " + chat + "}\n", "chat.yaml");
  std::vector<routing::ModelSettings> models;
  config::Reader reader(document);
  reader.read([&](config::Section& top) { routing::read_settings(top, known, models); });
  for (const config::Problem& problem : reader.take_problems())
    EXPECT_EQ(problem.severity, config::Severity::warning) << config::to_string(problem) << "\n"
                                                           << chat;
  return models.at(0);
}

inline identity::Keys one_key(const std::vector<std::string>& regions_of_it) {
  identity::KeySettings key;
  key.name = "app";
  key.key = Secret("key-of-app");
  key.team = "x";
  key.region = "east";
  key.regions = regions_of_it;
  std::vector<identity::KeySettings> keys;
  keys.push_back(std::move(key));
  return identity::Keys(std::move(keys));
}

inline Stage make_stage(const Shape& shape) {
  auto snapshot = std::make_shared<routing::Snapshot>();
  snapshot->max_body = limits::request_body_bytes;
  snapshot->response_buffer = limits::response_buffer_bytes;
  Stage stage;
  routing::Model model;
  model.name = "chat";
  model.deadline = shape.deadline;
  model.hold_keepalive = 15s;
  provider::Timeouts timeouts;
  timeouts.connect = 1s;
  timeouts.headers = 8s;
  timeouts.first_content = 8s;
  timeouts.idle = 4s;
  timeouts.total = 40s;
  const auto target_at = [&](std::size_t i) {
    routing::Target target;
    target.provider = snapshot->providers.at(i);
    target.model = "m";
    target.timeouts = timeouts;
    return target;
  };
  for (std::size_t i = 0; i < shape.targets + shape.idle; ++i) {
    const std::string name = fmt::format("p{}", i);
    snapshot->providers.push_back(make_provider(
        name, shape.kind.empty() ? kinds[(shape.first_kind + i) % std::size(kinds)] : shape.kind));
    stage.providers.push_back({name, i < 2 ? "one-owner" : "another", i % 2 == 0 ? "even" : "odd",
                               std::string(regions.at(i % regions.size())),
                               i > 1 ? "shared" : name});
    if (i >= shape.targets) continue;
    model.targets.push_back(target_at(i));
    model.indices.push_back(static_cast<std::uint16_t>(i));
  }
  const routing::ModelSettings settings = read_chat(shape.chat, stage.providers);
  model.route = routing::make_route(settings, model.indices);
  model.hedge = settings.hedge;
  const std::vector<routing::ShadowRule> rules = routing::shadow_rules(settings);
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const auto at = static_cast<std::size_t>(std::ranges::find(stage.providers,
                                                               settings.shadows[i].target.provider,
                                                               &ProviderFacts::name) -
                                             stage.providers.begin());
    model.shadows.push_back({target_at(at), static_cast<std::uint16_t>(at), rules[i]});
  }
  stage.regions["chat"] = settings.regions;
  snapshot->models.emplace("chat", std::move(model));
  if (shape.with_key) {
    snapshot->keys = one_key(shape.key_regions);
    stage.client_key = "key-of-app";
  }
  stage.snapshot = std::move(snapshot);
  return stage;
}

inline Stage make_stage(std::size_t targets, std::size_t first_kind = 0,
                        std::string_view policy = "failover") {
  Shape shape;
  shape.targets = targets;
  shape.first_kind = first_kind;
  shape.chat = plain_list(targets, policy);
  return make_stage(shape);
}

// Half of them plain lists, half trees; some keys may be answered in some regions only, some
// deadlines are short, half of those with several targets hedge, some have another on trial.
inline Stage random_stage(std::uint64_t seed) {
  Random random(~seed);
  Shape shape;
  shape.targets = 1 + random.below(4);
  shape.first_kind = random.below(std::size(kinds));
  shape.chat = random.below(2) == 0
                   ? plain_list(shape.targets, policies[random.below(std::size(policies))])
                   : ChatMaker(random, shape.targets).make();
  shape.with_key = random.below(2) == 0;
  if (random.below(3) == 0) shape.key_regions = {random.below(2) == 0 ? "west" : "east"};
  constexpr std::array<std::chrono::seconds, 4> deadlines = {60s, 60s, 20s, 5s};
  shape.deadline = deadlines.at(random.below(deadlines.size()));
  if (shape.targets > 1 && random.below(2) == 0) shape.chat = hedged(std::move(shape.chat));
  if (random.below(3) == 0 && shape.chat.find("regions: ") == std::string::npos)
    shape.chat = on_trial(std::move(shape.chat), shape.targets, 1 + random.below(100));
  if (shape.chat.find("shadow: ") != std::string::npos) shape.idle = 1;
  return make_stage(shape);
}

inline std::string lines(const std::vector<std::string>& all) {
  return fmt::format("{}", fmt::join(all, "\n"));
}

}  // namespace holdfast::simulation::test

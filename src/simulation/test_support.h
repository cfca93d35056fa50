// What the tests of this room share: configurations drawn from a seed.
#pragma once
#include <fmt/format.h>
#include <gtest/gtest.h>

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

// The route of "chat" as its operator would write it.
inline routing::Route make_route(const std::vector<ProviderFacts>& providers,
                                 std::span<const std::uint16_t> indices, std::string_view policy) {
  std::string yaml = fmt::format("models:\n  chat:\n    policy: {}\n    targets:\n", policy);
  std::vector<provider::Settings> known(providers.size());
  for (std::size_t i = 0; i < providers.size(); ++i) {
    known[i].name = providers[i].name;
    yaml += fmt::format("      - {{ provider: {}, model: m }}\n", providers[i].name);
  }
  const auto document = config::parse(yaml, "chat.yaml");
  std::vector<routing::ModelSettings> models;
  config::Reader reader(document);
  reader.read([&](config::Section& top) { routing::read_settings(top, known, models); });
  const auto problems = reader.take_problems();
  EXPECT_TRUE(problems.empty()) << config::to_string(problems.front());
  return routing::make_route(models.at(0), indices);
}

// A model "chat" with `targets` targets; `first_kind` turns the kinds round.
inline Stage make_stage(std::size_t targets, std::size_t first_kind = 0,
                        std::string_view policy = "failover") {
  auto snapshot = std::make_shared<routing::Snapshot>();
  snapshot->max_body = limits::request_body_bytes;
  snapshot->response_buffer = limits::response_buffer_bytes;
  Stage stage;
  routing::Model model;
  model.name = "chat";
  model.deadline = 60s;
  model.hold_keepalive = 15s;
  provider::Timeouts timeouts;
  timeouts.connect = 1s;
  timeouts.headers = 8s;
  timeouts.first_content = 8s;
  timeouts.idle = 4s;
  timeouts.total = 40s;
  for (std::size_t i = 0; i < targets; ++i) {
    const std::string name = fmt::format("p{}", i);
    const auto provider = make_provider(name, kinds[(first_kind + i) % std::size(kinds)]);
    snapshot->providers.push_back(provider);
    routing::Target target;
    target.provider = provider;
    target.model = "m";
    target.timeouts = timeouts;
    model.targets.push_back(std::move(target));
    model.indices.push_back(static_cast<std::uint16_t>(i));
    stage.providers.push_back({name, i < 2 ? "one-owner" : "another", i % 2 == 0 ? "even" : "odd",
                               i < 3 ? "west" : "east", i > 1 ? "shared" : name});
  }
  model.route = make_route(stage.providers, model.indices, policy);
  snapshot->models.emplace("chat", std::move(model));
  stage.snapshot = std::move(snapshot);
  return stage;
}

inline Stage random_stage(std::uint64_t seed) {
  Random random(~seed);
  const std::size_t targets = 1 + random.below(4);
  const std::size_t first_kind = random.below(std::size(kinds));
  return make_stage(targets, first_kind, policies[random.below(std::size(policies))]);
}

inline std::string lines(const std::vector<std::string>& all) {
  return fmt::format("{}", fmt::join(all, "\n"));
}

}  // namespace holdfast::simulation::test

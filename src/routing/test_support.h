// What the tests of decisions share: models without providers, a clock, everybody's health.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "config/document.h"
#include "config/section.h"
#include "config/test_support.h"
#include "provider/kind.h"
#include "routing/plan.h"
#include "routing/settings.h"

namespace holdfast::routing {

// `models: {chat: ...}` as its operator writes it, over the providers that `regions` names with
// theirs ("" for none).
struct ReadModel {
  std::vector<ModelSettings> models;
  std::vector<config::Problem> problems;
};
inline ReadModel read_model(const std::string& yaml,
                            const std::vector<std::pair<std::string, std::string>>& regions = {
                                {"a", "eu-west"}, {"b", "us-east"}, {"c", "eu"}, {"d", ""}}) {
  std::vector<provider::Settings> providers;
  for (const auto& [name, region] : regions) {
    provider::Settings one;
    one.name = name;
    one.region = region;
    providers.push_back(std::move(one));
  }
  ReadModel out;
  const auto document =
      config::parse("models:\n  chat:\n" + yaml, "f.yaml", config::environment_of({}), "/");
  config::Reader reader(document);
  reader.read([&](config::Section& top) { read_settings(top, providers, out.models); });
  out.problems = reader.take_problems();
  return out;
}

// The indices 0, 1, 2 ... by position.
inline Route route_of(const std::string& yaml) {
  const ReadModel read = read_model(yaml);
  std::vector<std::uint16_t> indices;
  indices.reserve(read.models.at(0).targets.size());
  for (std::size_t i = 0; i < read.models.at(0).targets.size(); ++i)
    indices.push_back(static_cast<std::uint16_t>(i));
  return make_route(read.models.at(0), indices);
}

struct World {
  void fail(std::size_t target, FailureClass failure,
            std::optional<std::chrono::milliseconds> retry_after = std::nullopt) {
    health->failed(target, failure, 0, clock.now(), clock.wall_us(), retry_after);
  }
  Plan plan(const Route& route, const Facts& facts = {}, Fit fit = {}) {
    return {route, facts, fit, *health, *load, random, clock.now()};
  }
  // All that one request would be given, in order.
  std::vector<std::size_t> order(const Route& route, const Facts& facts = {}, Fit fit = {}) {
    Plan walk = plan(route, facts, fit);
    std::vector<std::size_t> out;
    while (const auto position = walk.next(clock.now())) out.push_back(*position);
    return out;
  }
  ManualClock clock;
  Random random{7};
  std::unique_ptr<HealthTable> health = std::make_unique<HealthTable>();
  std::unique_ptr<LoadTable> load = std::make_unique<LoadTable>();
};
using Positions = std::vector<std::size_t>;

}  // namespace holdfast::routing

#include "simulation/simulation.h"

#include <cstdlib>

#include "routing/retry_budget.h"
#include "simulation/pool_rules.h"
#include "simulation/test_support.h"

namespace holdfast::simulation {
namespace {
using namespace std::chrono_literals;
using test::lines;
using test::make_stage;
using test::random_stage;

// Histories of this many seeds are checked; HOLDFAST_SIM_SEEDS and HOLDFAST_SIM_FIRST say
// otherwise.
constexpr std::uint64_t usual_seeds = 300;

std::uint64_t setting(const char* name, std::uint64_t usual) {
  const char* text = std::getenv(name);
  return text == nullptr ? usual : std::strtoull(text, nullptr, 10);
}

Course run_seed(std::uint64_t seed) {
  log::set_level(log::Level::off);  // full disks are told there
  const Stage stage = random_stage(seed);
  auto course = simulate(stage, random_scenario(stage.providers, seed), seed);
  EXPECT_TRUE(course) << (course ? "" : course.error().detail);
  return course ? std::move(*course) : Course{};
}

TEST(Simulation, AQuietHistoryHasNoErrors) {
  const Stage stage = make_stage(3);
  Scenario scenario;
  scenario.lasts = 60s;
  const auto course = simulate(stage, scenario, 1);
  ASSERT_TRUE(course) << course.error().detail;
  EXPECT_GT(course->history.fates.size(), 2'000U);
  for (const Fate& fate : course->history.fates) ASSERT_EQ(to_string(fate.ending), "whole");
  EXPECT_EQ(lines(check_invariants(*course)), "");
}

TEST(Simulation, TheSameSeedIsTheSameHistory) {
  for (const std::uint64_t seed : {1ULL, 17ULL, 4711ULL})
    EXPECT_EQ(run_seed(seed).history.hash, run_seed(seed).history.hash) << "seed " << seed;
  EXPECT_NE(run_seed(1).history.hash, run_seed(2).history.hash);
}

TEST(Simulation, InvariantsHoldForEverySeed) {
  const std::uint64_t first = setting("HOLDFAST_SIM_FIRST", 1);
  const std::uint64_t count = setting("HOLDFAST_SIM_SEEDS", usual_seeds);
  std::uint64_t requests = 0, attempts = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    const Course course = run_seed(seed);
    const auto broken = check_invariants(course);
    EXPECT_EQ(lines(broken), "") << "seed " << seed
                                 << ": run it alone with HOLDFAST_SIM_SEEDS=1 HOLDFAST_SIM_FIRST="
                                 << seed;
    requests += course.history.fates.size();
    attempts += course.meters.attempts_counted;
  }
  RecordProperty("requests", static_cast<int>(requests));
  RecordProperty("attempts", static_cast<int>(attempts));
}

// What a pool of any size makes of an outage of everything: a fifth more attempts than requests,
// and what the budget has saved up.
TEST(Simulation, ATotalOutageDoesNotMultiplyTheTraffic) {
  constexpr FaultKind kinds_of_outage[] = {FaultKind::outage, FaultKind::unreachable,
                                           FaultKind::revoked};
  double most = 0;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    Scenario scenario;
    scenario.lasts = 80s;
    scenario.traffic.requests_per_second = 100;
    scenario.traffic.tokens = 4;
    Fault fault;
    fault.kind = kinds_of_outage[seed % 3];
    fault.everything = true;
    fault.at = 5s;
    fault.lasts = 70s;
    scenario.faults.push_back(fault);
    const auto course = simulate(make_stage(2 + seed % 3), scenario, seed);
    ASSERT_TRUE(course) << course.error().detail;
    EXPECT_EQ(lines(check_invariants(*course)), "") << "seed " << seed;
    const Hopeless hopeless = hopeless_requests(*course);
    ASSERT_GT(hopeless.requests, 5'000U) << "seed " << seed;
    most = std::max(
        most, static_cast<double>(hopeless.attempts) / static_cast<double>(hopeless.requests));
  }
  RecordProperty("attempts_a_request", fmt::format("{:.4f}", most));
}

}  // namespace
}  // namespace holdfast::simulation

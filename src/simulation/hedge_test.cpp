// What hedging does to the slowest answers, and what it costs.
#include <algorithm>

#include "simulation/simulation.h"
#include "simulation/test_support.h"

namespace holdfast::simulation {
namespace {
using namespace std::chrono_literals;
using test::lines;
using test::make_stage;

Course course_of(bool hedging, int stream_percent, std::vector<Fault> faults = {}) {
  log::set_level(log::Level::off);
  test::Shape shape;
  shape.targets = 2;
  shape.chat = test::plain_list(2, "failover");
  if (hedging) shape.chat = test::hedged(std::move(shape.chat));
  const Stage stage = make_stage(shape);
  Scenario scenario;
  scenario.traffic.stream_percent = stream_percent;
  scenario.traffic.tokens = 5;  // what is late is late by its thinking, not by its length
  scenario.faults = std::move(faults);
  auto course = simulate(stage, scenario, 11);
  EXPECT_TRUE(course) << (course ? "" : course.error().detail);
  if (!course) return {};
  EXPECT_EQ(lines(check_invariants(*course)), "");
  return std::move(*course);
}

// Of all requests, the time within which all but `beyond` of a thousand had their first content.
Duration first_content_of(const Course& course, std::size_t beyond) {
  std::vector<Duration> times;
  times.reserve(course.history.fates.size());
  for (const Fate& fate : course.history.fates) times.push_back(fate.first_content - fate.sent);
  std::ranges::sort(times);
  return times.at(times.size() - 1 - times.size() * beyond / 1'000);
}

// Each request earns a fifth of a hedge, and ten are there from the beginning.
void expect_within_budget(const Course& course) {
  const std::size_t requests = course.history.fates.size();
  const std::size_t added = course.history.arrivals.size() - requests;
  EXPECT_LE(added, course.meters.hedges);  // one that has lost at once may not have arrived
  EXPECT_LE(course.meters.hedges, requests / 5 + 10);
}

// One answer in fifty takes three times as long: who asks twice rarely meets two of these.
TEST(Hedging, CutsTheTailOfStreamsAndOfWholeAnswers) {
  for (const int stream_percent : {100, 0}) {
    const Course without = course_of(false, stream_percent);
    const Course with = course_of(true, stream_percent);
    EXPECT_EQ(without.meters.hedges, 0U);
    EXPECT_GT(with.meters.hedges_won, 0U);
    EXPECT_LT(first_content_of(with, 1), first_content_of(without, 1) * 17 / 20)
        << "streams: " << stream_percent << " %";
    EXPECT_LE(first_content_of(with, 500), first_content_of(without, 500) * 11 / 10)
        << "the usual answer takes as long as before";
    for (const Fate& fate : with.history.fates) ASSERT_EQ(to_string(fate.ending), "whole");
    expect_within_budget(with);
    // About one in twenty is later than the percentile.
    EXPECT_LT(with.meters.hedges, with.history.fates.size() / 10);
  }
}

// All answers of the first target are late at once: the budget bounds what that adds.
TEST(Hedging, StaysWithinItsBudgetWhenEverythingIsLate) {
  Fault slow;
  slow.kind = FaultKind::slow;
  slow.provider = "p0";
  slow.at = 40s;
  slow.lasts = 60s;
  const Course course = course_of(true, 100, {slow});
  EXPECT_GT(course.meters.hedges_refused, 0U);
  expect_within_budget(course);
}

TEST(Hedging, IsTheSameForTheSameSeed) {
  EXPECT_EQ(course_of(true, 50).history.hash, course_of(true, 50).history.hash);
}

}  // namespace
}  // namespace holdfast::simulation

#include "routing/first_content.h"

#include <gtest/gtest.h>

#include "routing/test_support.h"

namespace holdfast::routing {
namespace {

using namespace std::chrono_literals;
using std::chrono::duration_cast;
using std::chrono::microseconds;

std::int64_t within_us(const FirstContentTimes& times, int percent) {
  const auto within = times.within(percent);
  return within ? duration_cast<microseconds>(*within).count() : -1;
}

TEST(FirstContentTimes, SayNothingBeforeEnoughIsKnown) {
  FirstContentTimes times;
  for (std::uint32_t i = 1; i < FirstContentTimes::least; ++i) times.note(1'000);
  EXPECT_FALSE(times.within(95));
  times.note(1'000);
  EXPECT_TRUE(times.within(95));
}

// A bucket is a quarter of its beginning wide, so no answer is off by more.
TEST(FirstContentTimes, AreExactToAQuarter) {
  struct Case {
    const char* rule;
    std::int64_t usual_us, late_us;
    int late_of_hundred, percent;
    std::int64_t want_us;
  };
  constexpr Case cases[] = {
      {"all alike", 200'000, 200'000, 0, 95, 200'000},
      {"few late ones are beyond it", 200'000, 2'000'000, 4, 95, 200'000},
      {"many are not", 200'000, 2'000'000, 6, 95, 2'000'000},
      {"of a hundredth", 200'000, 2'000'000, 2, 99, 2'000'000},
      {"of a tenth", 200'000, 2'000'000, 9, 90, 200'000},
      {"less than a millisecond counts as one", 3, 3, 0, 95, 1'000},
      {"more than there are buckets for", 9'000'000'000, 9'000'000'000, 0, 95, 1'000'000'000},
  };
  for (const Case& c : cases) {
    FirstContentTimes times;
    for (int i = 0; i < 100; ++i) times.note(i < c.late_of_hundred ? c.late_us : c.usual_us);
    const std::int64_t got = within_us(times, c.percent);
    EXPECT_GE(got, c.want_us * 3 / 4) << c.rule;
    EXPECT_LE(got, c.want_us * 5 / 4) << c.rule;
  }
}

TEST(FirstContentTimes, NeverFallAsThePercentageGrows) {
  FirstContentTimes times;
  Random random(5);
  for (int i = 0; i < 700; ++i) times.note(static_cast<std::int64_t>(random.below(3'000'000)));
  std::int64_t before = 0;
  for (int percent = 1; percent < 100; ++percent) {
    const std::int64_t now = within_us(times, percent);
    EXPECT_GE(now, before) << percent;
    before = now;
  }
}

TEST(FirstContentTimes, ForgetWhatIsLongPast) {
  FirstContentTimes times;
  for (int i = 0; i < 5'000; ++i) times.note(4'000'000);
  ASSERT_GT(within_us(times, 95), 3'000'000);
  for (int i = 0; i < 5'000; ++i) times.note(10'000);
  EXPECT_LT(within_us(times, 95), 20'000);
}

// What was given up counts as late: if it were left out, each hedge would make the next one
// earlier.
TEST(FirstContentTimes, StandStillThoughTheLateOnesAreGivenUp) {
  FirstContentTimes times;
  Random random(7);
  const auto took = [&random] {
    return 100'000 + static_cast<std::int64_t>(random.below(900'000));
  };
  for (int i = 0; i < 500; ++i) times.note(took());
  const std::int64_t first = within_us(times, 95);
  for (int i = 0; i < 20'000; ++i) times.note(std::min(took(), within_us(times, 95)));
  EXPECT_GT(within_us(times, 95), first * 3 / 4);
}

constexpr const char* three =
    "    targets: [{provider: a, model: m}, {provider: b, model: m}, "
    "{provider: c, model: m}]\n";

TEST(NextWell, IsTheNextThatIsWellAndNoOther) {
  World world;
  const Route route = route_of(three);
  Plan plan = world.plan(route);
  ASSERT_EQ(plan.next(world.clock.now()), 0U);
  world.fail(1, FailureClass::connect);
  EXPECT_EQ(plan.next_well(world.clock.now()), 2U) << "a target that is out is passed over";
  EXPECT_FALSE(plan.next_well(world.clock.now())) << "each is given out once";
  plan.give_back(2);
  EXPECT_EQ(plan.next(world.clock.now()), 2U) << "what was not asked may be asked later";
}

TEST(NextWell, IsNeverAProbe) {
  World world;
  const Route route = route_of(three);
  world.fail(1, FailureClass::connect);
  world.fail(2, FailureClass::connect);
  world.clock.advance(2s);  // their breakers' time is over
  Plan plan = world.plan(route);
  ASSERT_EQ(plan.next(world.clock.now()), 0U);
  EXPECT_FALSE(plan.next_well(world.clock.now()));
  EXPECT_EQ(plan.next(world.clock.now()), 1U) << "and leaves it to others to probe";
}

TEST(HedgeSettings, AreReadAndChecked) {
  struct Case {
    const char* rule;
    std::string yaml;
    int percentile;
    std::chrono::milliseconds at_least;
    const char* problem;
  };
  const std::string one = "    targets: [{provider: a, model: m}]\n";
  const Case cases[] = {
      {"off by default", three, 0, 100ms, ""},
      {"an empty section turns it on", std::string(three) + "    hedge: {}\n", 95, 100ms, ""},
      {"both keys", std::string(three) + "    hedge: {after: p99, at_least: 2s}\n", 99, 2s, ""},
      {"no other shares", std::string(three) + "    hedge: {after: p50}\n", 95, 100ms, "p90"},
      {"a second target is needed", one + "    hedge: {}\n", 95, 100ms, "one target only"},
  };
  for (const Case& c : cases) {
    const ReadModel read = read_model(c.yaml);
    ASSERT_EQ(read.models.size(), 1U) << c.rule;
    EXPECT_EQ(read.models[0].hedge.percentile, c.percentile) << c.rule;
    EXPECT_EQ(read.models[0].hedge.at_least, c.at_least) << c.rule;
    EXPECT_EQ(read.problems.empty(), std::string_view(c.problem).empty()) << c.rule;
    if (read.problems.empty()) continue;
    EXPECT_NE(config::to_string(read.problems[0]).find(c.problem), std::string::npos)
        << c.rule << ": " << config::to_string(read.problems[0]);
  }
}

}  // namespace
}  // namespace holdfast::routing

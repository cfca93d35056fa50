#include "routing/latency.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/random.h"

namespace holdfast::routing {
namespace {

using namespace std::chrono_literals;

// Finagle's peak EWMA with a decay of 10 s.
TEST(Latency, PeakEwmaAsPublished) {
  struct Step {
    int at_s;
    double sample, want;
  };
  constexpr Step steps[] = {{0, 100, 100},     {1, 120, 120},      {2, 50, 113.338619},
                            {5, 0, 83.963314}, {10, 0, 50.926324}, {20, 0, 18.734748}};
  double cost = 0;
  MonoTime at{};
  for (const Step& step : steps) {
    const MonoTime now = MonoTime{} + std::chrono::seconds(step.at_s);
    cost = peak_ewma(cost, at, step.sample, now, 10s);
    at = now;
    EXPECT_NEAR(cost, step.want, 1e-6) << step.at_s;
  }
}

TEST(Latency, SlowIsFarAboveItsOwnUsual) {
  struct Case {
    const char* rule;
    std::int64_t usual_ms;
    SlowRule how;
    std::int64_t took_ms;
    bool want;
  };
  const Case cases[] = {
      {"ten times the usual", 300, {5, {}}, 3000, true},
      {"four times the usual", 300, {5, {}}, 1200, false},
      {"a hundred times of next to nothing hurts nobody", 5, {5, {}}, 500, false},
      {"never, if the operator says so", 300, {0, {}}, 30'000, false},
      {"beyond the bound", 300, {0, 1s}, 1001, true},
      {"at the bound", 300, {0, 1s}, 1000, false},
  };
  for (const Case& c : cases) {
    LatencyTrack track;
    MonoTime now{};
    for (int i = 0; i < 20; ++i) track.note(now += 1s, c.usual_ms * 1000, 1, c.how);
    EXPECT_NEAR(track.usual_us(), static_cast<double>(c.usual_ms) * 1000, 1) << c.rule;
    EXPECT_EQ(track.note(now += 1s, c.took_ms * 1000, 1, c.how), c.want) << c.rule;
  }
}

TEST(Latency, LongAnswersAreNotSlowOnes) {
  LatencyTrack track;
  MonoTime now{};
  const SlowRule rule{5, {}};
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(track.note(now += 1s, 640'000, 32, rule));
  EXPECT_FALSE(track.note(now += 1s, 40'000'000, 2000, rule)) << "20 ms a token as ever";
  EXPECT_TRUE(track.note(now += 1s, 6'400'000, 32, rule)) << "ten times as long for each";
}

// The first answers of a brown-out are those that are the least late; at hundreds a second they
// were usual before the next comparison, and all that followed with them.
TEST(Latency, ABrownOutUnderHeavyTrafficDoesNotBecomeUsual) {
  LatencyTrack track;
  MonoTime now{};
  const SlowRule rule{5, {}};
  for (int i = 0; i < 1'500; ++i) track.note(now += 2ms, 100'000 + 200'000 * (i % 10) / 9, 1, rule);
  EXPECT_NEAR(track.usual_us(), 200'000, 20'000);
  for (int i = 0; i < 50; ++i) track.note(now += 10ms, 1'000'000 + 4'000 * i, 1, rule);
  int slow = 0;
  constexpr int late = 2'000;
  for (int i = 0; i < late; ++i)
    slow += track.note(now += 2ms, 1'200'000 + 1'800'000 * (i % 10) / 9, 1, rule) ? 1 : 0;
  EXPECT_GT(slow, late / 2);
}

TEST(Latency, WhatIsSlowForGoodBecomesUsual) {
  LatencyTrack track;
  MonoTime now{};
  const SlowRule rule{5, {}};
  for (int i = 0; i < 20; ++i) track.note(now += 1s, 300'000, 1, rule);
  int slow = 0;
  while (track.note(now += 1s, 3'000'000, 1, rule) && slow < 1000) ++slow;
  EXPECT_GT(slow, 20) << "not within the probes of a brown-out";
  EXPECT_LT(slow, 200);
}

// Requests at an even rate to a target that takes ten times as long from `slow_from` on: 0.1 to
// 0.3 s as usual and one in fifty three times that, answers noted as they come.
// What is said at each second from there on, within the six that it lasts.
std::optional<int> second_of_notice(int rate, Duration slow_from, std::uint64_t seed) {
  Random random(seed);
  std::vector<std::pair<MonoTime, std::int64_t>> answers;  // when, how long it took
  const Duration between = Duration(1s) / rate;
  for (MonoTime sent{}; sent < MonoTime{} + slow_from + 6s; sent += between) {
    std::int64_t took_us = 100'000 + static_cast<std::int64_t>(random.below(200'000));
    if (random.below(50) == 0) took_us *= 3;
    if (sent >= MonoTime{} + slow_from) took_us *= 10;
    answers.emplace_back(sent + std::chrono::microseconds(took_us), took_us);
  }
  std::ranges::sort(answers);
  LatencyTrack track;
  SlowAnswers slow;
  MonoTime look = MonoTime{} + 1s;
  for (const auto& [now, took_us] : answers) {
    for (; look <= now; look += 1s)
      if (slow.target_is_slow())
        return static_cast<int>((look - MonoTime{} - slow_from) / Duration(1s));
    slow.note(track.note(now, took_us, 1, {5, {}}));
  }
  return std::nullopt;
}

// Only the whole of the answers tells at such rates: among hundreds a second some that are just not
// slow are always the last ones when the comparison comes.
TEST(Latency, ABrownOutIsNoticedWithinThreeSeconds) {
  for (const int rate : {50, 500, 2000})
    for (const Duration slow_from : {Duration(3s), Duration(60s)})
      for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        const auto second = second_of_notice(rate, slow_from, seed);
        ASSERT_TRUE(second) << rate << " a second, seed " << seed;
        EXPECT_GE(*second, 1) << "before it began: " << rate << " a second, seed " << seed;
        EXPECT_LE(*second, 3) << rate << " a second, seed " << seed;
      }
}

TEST(SlowAnswers, ThreeInARowOrHalfOfSixteen) {
  struct Case {
    const char* rule;
    std::vector<bool> answers;
    bool want;
  };
  const auto turns = [](int of, int slow_ones) {  // `slow_ones` of each `of`, of sixteen
    std::vector<bool> out(SlowAnswers::looked_at);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<int>(i) % of < slow_ones;
    return out;
  };
  const std::vector<Case> cases = {
      {"nothing yet", {}, false},
      {"two are chance", {false, true, true}, false},
      {"three in a row", {true, true, true}, true},
      {"three, and one in time", {true, true, true, false}, false},
      {"every other one", turns(2, 1), true},
      {"one in three", turns(3, 1), false},
      {"two of three", turns(3, 2), true},
  };
  for (const Case& c : cases) {
    SlowAnswers slow;
    for (const bool answer : c.answers) slow.note(answer);
    EXPECT_EQ(slow.target_is_slow(), c.want) << c.rule;
    slow.clear();
    EXPECT_FALSE(slow.target_is_slow()) << c.rule;
  }
}

}  // namespace
}  // namespace holdfast::routing

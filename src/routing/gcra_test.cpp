#include "routing/gcra.h"

#include <gtest/gtest.h>

#include <atomic>
#include <limits>
#include <thread>
#include <vector>

#include "base/random.h"

namespace holdfast::routing {
namespace {

using namespace std::chrono_literals;

constexpr MonoTime start{std::chrono::hours(1)};

MonoTime at_ms(std::int64_t ms) { return start + std::chrono::milliseconds(ms); }

// The published table of redis-cell's algorithm: five at once, one a second.
TEST(Gcra, AnswersAsThePublishedTable) {
  const Rate rate{5, 1s};
  Gcra gcra;
  struct Step {
    std::int64_t at_ms, quantity;
    std::int64_t remaining, reset_ms, retry_ms;  // retry -1: none
    bool limited;
  };
  constexpr Step steps[] = {{0, 6, 5, 0, -1, true},           {0, 1, 4, 1'000, -1, false},
                            {0, 1, 3, 2'000, -1, false},      {0, 1, 2, 3'000, -1, false},
                            {0, 1, 1, 4'000, -1, false},      {0, 1, 0, 5'000, -1, false},
                            {0, 1, 0, 5'000, 1'000, true},    {3'000, 1, 2, 3'000, -1, false},
                            {3'100, 1, 1, 3'900, -1, false},  {4'000, 1, 1, 4'000, -1, false},
                            {8'000, 1, 4, 1'000, -1, false},  {9'500, 1, 4, 1'000, -1, false},
                            {9'500, 0, 4, 1'000, -1, false},  {9'500, 2, 2, 3'000, -1, false},
                            {9'500, 5, 2, 3'000, 3'000, true}};
  for (const Step& step : steps) {
    const GcraVerdict got = gcra.take(rate, step.quantity, at_ms(step.at_ms));
    const auto where = testing::Message() << "at " << step.at_ms << " ms, " << step.quantity;
    EXPECT_EQ(got.limited, step.limited) << where;
    EXPECT_EQ(got.remaining, step.remaining) << where;
    EXPECT_EQ(got.reset_after, std::chrono::milliseconds(step.reset_ms)) << where;
    const auto retry = got.retry_after
                           ? std::chrono::duration_cast<std::chrono::milliseconds>(*got.retry_after)
                           : std::chrono::milliseconds(-1);
    EXPECT_EQ(retry.count(), step.retry_ms) << where;
  }
}

TEST(MakeRate, RefusesWhatIsNoRate) {
  struct Case {
    const char* rule;
    std::int64_t limit;
    Duration period;
    std::int64_t interval_ns;  // 0: refused
  };
  constexpr Case cases[] = {{"one a second", 1, 1s, 1'000'000'000},
                            {"zero lets nothing pass", 0, 1s, 0},
                            {"nor does less", -1, 1s, 0},
                            {"no period", 1, 0s, 0},
                            {"rounded up: never more than asked for", 7, 10ns, 2},
                            {"the finest", 10, 10ns, 1},
                            {"too fine", 11, 10ns, 0},
                            {"millions of tokens a minute", 30'000'000, 60s, 2'000}};
  for (const Case& c : cases) {
    const auto rate = make_rate(c.limit, c.period);
    ASSERT_EQ(rate.has_value(), c.interval_ns > 0) << c.rule;
    if (!rate) continue;
    EXPECT_EQ(rate->interval.count(), c.interval_ns) << c.rule;
    EXPECT_EQ(rate->limit, c.limit) << c.rule;
  }
}

TEST(Gcra, SettlingMovesWhatComesNext) {
  const Rate rate{100, 1s};
  struct Case {
    const char* rule;
    std::int64_t taken, more, remaining;
  };
  constexpr Case cases[] = {
      {"as estimated", 10, 0, 90},
      {"more", 10, 25, 65},
      {"less", 10, -4, 94},
      {"nothing after all", 10, -10, 100},
      {"giving back more than was taken fills no more than the bucket", 10, -50, 100},
      {"more than there is: nothing is left", 90, 40, 0}};
  for (const Case& c : cases) {
    Gcra gcra;
    ASSERT_FALSE(gcra.take(rate, c.taken, start).limited) << c.rule;
    gcra.settle(rate, c.more, start);
    EXPECT_EQ(gcra.peek(rate, start).remaining, c.remaining) << c.rule;
  }
}

TEST(Gcra, WhatWasUsedBeyondTheLimitIsWaitedFor) {
  const Rate rate{100, 1s};
  Gcra gcra;
  gcra.take(rate, 90, start);
  gcra.settle(rate, 40, start);  // 130 in all
  const GcraVerdict verdict = gcra.take(rate, 1, start);
  EXPECT_TRUE(verdict.limited);
  EXPECT_EQ(verdict.retry_after, Duration(31s));
  EXPECT_FALSE(gcra.take(rate, 1, start + 31s).limited);
}

TEST(Gcra, AWildCountShutsALimitForADayAtMost) {
  const Rate rate{100, 1s};
  Gcra gcra;
  gcra.settle(rate, std::numeric_limits<std::int64_t>::max(), start);
  EXPECT_EQ(gcra.peek(rate, start).reset_after, Duration(24h));
  gcra.settle(rate, std::numeric_limits<std::int64_t>::min() + 1, start);
  EXPECT_EQ(gcra.peek(rate, start).remaining, 100);
}

// Whatever comes when: no window of any length holds more than the burst and what it refills.
TEST(Gcra, NeverLetsMorePassThanTheRate) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Random random(seed);
    const Rate rate{1 + static_cast<std::int64_t>(random.below(50)),
                    Duration(1 + static_cast<std::int64_t>(random.below(1'000'000)))};
    Gcra gcra;
    std::int64_t passed = 0;
    MonoTime now = start;
    for (int i = 0; i < 2'000; ++i) {
      now += Duration(static_cast<std::int64_t>(random.below(2'000'000)));
      const auto quantity = static_cast<std::int64_t>(random.below(8));
      if (!gcra.take(rate, quantity, now).limited) passed += quantity;
      ASSERT_LE(passed, rate.limit + (now - start) / rate.interval) << "seed " << seed;
    }
  }
}

TEST(Gcra, ThreadsTogetherTakeNoMoreThanThereIs) {
  const Rate rate{1'000, 1h};
  Gcra gcra;
  std::atomic<int> passed = 0;
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int turn = 0; turn < 1'000; ++turn)
        if (!gcra.take(rate, 1, start).limited) ++passed;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(passed.load(), 1'000);
}

}  // namespace
}  // namespace holdfast::routing

#include "routing/health.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"
#include "routing/pool_judge.h"

namespace holdfast::routing {
namespace {

using namespace std::chrono_literals;

struct Health : testing::Test {
  void fail(std::size_t target, FailureClass failure = FailureClass::server_error) {
    table->failed(target, failure, 500, clock.now(), clock.wall_us(), std::nullopt);
  }
  void succeed(std::size_t target) { table->succeeded(target, clock.now()); }
  Admission admit(std::size_t target) { return table->admit(target, clock.now()); }
  HealthView view(std::size_t target) const { return table->view(target, clock.now()); }
  void first_content(std::size_t target, std::chrono::milliseconds took, int times) {
    for (int i = 0; i < times; ++i) {
      clock.advance(100ms);
      table->took_first_content(target, clock.now(), took.count() * 1000);
      succeed(target);
    }
  }
  void judge(std::vector<std::uint16_t> pool) { judge_pool(*table, pool, clock.now()); }
  int admitted(std::size_t target, int requests) {
    int yes = 0;
    for (int i = 0; i < requests; ++i) yes += admit(target) == Admission::yes ? 1 : 0;
    return yes;
  }
  ManualClock clock;
  std::unique_ptr<HealthTable> table = std::make_unique<HealthTable>();
};

TEST_F(Health, AnErrorRateTakesATargetOutWithoutThreeInARow) {
  for (int i = 0; i < 9; ++i) {
    fail(0);
    succeed(0);
  }
  EXPECT_EQ(admit(0), Admission::yes) << "18 requests are too few to tell";
  fail(0);
  succeed(0);
  EXPECT_EQ(admit(0), Admission::yes) << "judged when one fails";
  fail(0);
  EXPECT_EQ(admit(0), Admission::open);
  EXPECT_EQ(view(0).opened_for, OpenedFor::error_rate);
  succeed(0);
  EXPECT_EQ(admit(0), Admission::open) << "one that was under way proves nothing";
  clock.advance(1001ms);
  EXPECT_EQ(admit(0), Admission::probe);
  succeed(0);
  EXPECT_EQ(view(0).state, BreakerState::closed);
  EXPECT_EQ(view(0).recent.total, 0U) << "what failed before does not open it again";
}

TEST_F(Health, FailuresThatAreOldCountForNoRate) {
  for (int i = 0; i < 15; ++i) {
    fail(0);
    succeed(0);
    clock.advance(3s);
  }
  EXPECT_EQ(admit(0), Admission::yes);
}

TEST_F(Health, RateLimitsAreNoFailings) {
  for (int i = 0; i < 30; ++i) {
    table->failed(0, FailureClass::rate_limited, 429, clock.now(), 0, 100ms);
    succeed(0);
  }
  clock.advance(200ms);
  EXPECT_EQ(admit(0), Admission::yes);
}

TEST_F(Health, TheRulesAreTheProviders) {
  provider::HealthSettings strict;
  strict.failures = 1;
  strict.open_first = 5s;
  table->configure(0, strict);
  fail(0);
  fail(1);
  EXPECT_EQ(admit(0), Admission::open);
  EXPECT_EQ(admit(1), Admission::yes);
  clock.advance(4999ms);
  EXPECT_EQ(admit(0), Admission::open);
  clock.advance(2ms);
  EXPECT_EQ(admit(0), Admission::probe);
}

TEST_F(Health, ATargetThatFlapsIsLeftAloneForLonger) {
  std::vector<std::int64_t> waits_s;
  for (int flap = 0; flap < 8; ++flap) {
    for (int i = 0; i < 3; ++i) fail(0);
    int waited = 0;
    while (admit(0) != Admission::probe) {
      clock.advance(1s);
      ++waited;
    }
    waits_s.push_back(waited);
    succeed(0);  // up for two seconds each time
    clock.advance(2s);
  }
  EXPECT_EQ(waits_s, (std::vector<std::int64_t>{1, 2, 4, 8, 16, 32, 60, 60}));
  clock.advance(61s);
  succeed(0);
  for (int i = 0; i < 3; ++i) fail(0);
  clock.advance(1001ms);
  EXPECT_EQ(admit(0), Admission::probe) << "a minute without is forgiven";
}

TEST_F(Health, TrafficReturnsGradually) {
  fail(0, FailureClass::revoked);  // out for 30 s
  clock.advance(30001ms);
  EXPECT_EQ(admit(0), Admission::probe);
  succeed(0);
  EXPECT_EQ(admit(0), Admission::yes) << "the first is let in";
  EXPECT_NEAR(admitted(0, 100), 10, 1);
  EXPECT_EQ(view(0).share_percent, 10);
  clock.advance(5s);
  EXPECT_NEAR(admitted(0, 100), 50, 1);
  clock.advance(5s);
  EXPECT_EQ(admitted(0, 100), 100);
}

TEST_F(Health, WhatWasOutForASecondIsBackInASecond) {
  fail(0, FailureClass::connect);
  clock.advance(1001ms);
  EXPECT_EQ(admit(0), Admission::probe);
  succeed(0);
  EXPECT_LT(admitted(0, 10), 10);
  clock.advance(1002ms);
  EXPECT_EQ(admitted(0, 10), 10);
}

TEST_F(Health, RecoveryIsSpreadOut) {
  const auto longest_open = [&](std::uint64_t seed) {
    HealthTable seeded(seed);
    std::vector<std::int64_t> waits_ms;
    for (std::size_t target = 0; target < 50; ++target) {
      seeded.failed(target, FailureClass::connect, 0, clock.now(), 0, std::nullopt);
      const auto wait = seeded.view(target, clock.now()).until - clock.now();
      waits_ms.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(wait).count());
    }
    return waits_ms;
  };
  const auto heap_allocated = std::make_unique<std::vector<std::int64_t>>(longest_open(7));
  const auto [least, most] = std::ranges::minmax(*heap_allocated);
  EXPECT_GE(least, 1000);
  EXPECT_LE(most, 1200);
  EXPECT_GT(most - least, 100) << "they do not come back together";
  EXPECT_NE(*heap_allocated, longest_open(8)) << "nor do two instances";
}

TEST_F(Health, ABrownOutGoesBehindWhenAFasterOneIsThere) {
  first_content(0, 300ms, 20);
  first_content(0, 3000ms, 2);
  judge({0, 1});
  EXPECT_EQ(admit(0), Admission::yes) << "two may be long prompts";
  first_content(0, 3000ms, 1);
  judge({0});
  EXPECT_EQ(admit(0), Admission::yes) << "there is no other";
  judge({0, 1});
  EXPECT_EQ(admit(0), Admission::open);
  EXPECT_EQ(view(0).opened_for, OpenedFor::slow);
  clock.advance(10001ms);
  EXPECT_EQ(admit(0), Admission::probe);
  first_content(0, 3000ms, 1);
  EXPECT_EQ(admit(0), Admission::open) << "it answered, and slowly";
  clock.advance(20001ms);
  EXPECT_EQ(admit(0), Admission::probe);
  first_content(0, 300ms, 1);
  EXPECT_EQ(view(0).state, BreakerState::closed);
  EXPECT_LT(view(0).share_percent, 100);
}

TEST_F(Health, WhenAllAreSlowNoneIsTakenOut) {
  for (const std::size_t target : {0U, 1U}) {
    first_content(target, 300ms, 20);
    first_content(target, 3000ms, 3);
  }
  judge({0, 1});
  EXPECT_EQ(admit(0), Admission::yes);
  EXPECT_EQ(admit(1), Admission::yes);
}

TEST_F(Health, ASmallPoolLosesItsOutlier) {
  for (int i = 0; i < 40; ++i) {
    i % 5 == 0 ? fail(0) : succeed(0);
    succeed(1);
  }
  judge({0, 1});
  EXPECT_EQ(view(0).opened_for, OpenedFor::outlier);
  EXPECT_EQ(view(1).state, BreakerState::closed);
}

TEST_F(Health, ALargePoolLosesOneAtATime) {
  for (int i = 0; i < 200; ++i)
    for (std::size_t target = 0; target < 6; ++target)
      target >= 4 && i % 3 == 0 ? fail(target) : succeed(target);
  judge({0, 1, 2, 3, 4, 5});
  int out = 0;
  for (std::size_t target = 0; target < 6; ++target)
    out += view(target).state == BreakerState::open ? 1 : 0;
  EXPECT_LE(out, 1);
}

TEST_F(Health, OneTargetAlwaysStays) {
  Random random(4);
  for (int round = 0; round < 300; ++round) {
    table = std::make_unique<HealthTable>();
    const auto hosts = static_cast<std::uint16_t>(1 + random.below(8));
    std::vector<std::uint16_t> pool;
    for (std::uint16_t target = 0; target < hosts; ++target) {
      pool.push_back(target);
      first_content(target, 200ms, 12);
      const std::uint64_t failing = random.below(45);
      for (int i = 0; i < 110; ++i) {
        random.below(100) < failing ? fail(target) : succeed(target);
        if (view(target).state != BreakerState::closed) break;
      }
      if (random.below(2) == 0) first_content(target, 4000ms, 3);
    }
    const auto serving = [&] {
      return std::ranges::count_if(
          pool, [&](auto target) { return view(target).state == BreakerState::closed; });
    };
    const auto before = serving();
    for (int i = 0; i < 5; ++i) judge(pool);
    EXPECT_EQ(serving() > 0, before > 0) << round;
  }
}

TEST_F(Health, AReservedProbeIsNoRequests) {
  EXPECT_FALSE(table->reserve_probe(0, clock.now(), clock.now() + 1min)) << "it is not out";
  fail(0, FailureClass::connect);
  EXPECT_TRUE(table->reserve_probe(0, clock.now(), clock.now() + 1min));
  clock.advance(59s);
  EXPECT_EQ(admit(0), Admission::open);
  clock.advance(2s);
  EXPECT_EQ(admit(0), Admission::probe) << "whoever reserved it is gone";
  fail(0, FailureClass::connect);
  EXPECT_TRUE(table->reserve_probe(0, clock.now(), clock.now() + 1min));
  succeed(0);
  EXPECT_EQ(admit(0), Admission::yes);
  fail(0, FailureClass::connect);
  table->freeze(0, true);
  EXPECT_FALSE(table->reserve_probe(0, clock.now(), clock.now() + 1min));
}

TEST_F(Health, MaintenanceIsNotEvenTheLastResort) {
  table->maintain(0, MonoTime::max());
  EXPECT_EQ(admit(0), Admission::maintenance);
  EXPECT_EQ(view(0).state, BreakerState::maintenance);
  succeed(0);
  EXPECT_EQ(admit(0), Admission::maintenance) << "a stream that finishes does not bring it back";
  table->maintain(0, std::nullopt);
  EXPECT_EQ(admit(0), Admission::yes);
  table->maintain(0, clock.now() + 10s);
  clock.advance(10s);
  EXPECT_EQ(admit(0), Admission::yes) << "its time is over";
}

TEST_F(Health, FrozenVerdictsStandStill) {
  fail(1, FailureClass::connect);
  for (const std::size_t target : {0U, 1U}) table->freeze(target, true);
  for (int i = 0; i < 30; ++i) fail(0, FailureClass::revoked);
  table->eject(0, OpenedFor::slow, clock.now());
  EXPECT_EQ(admit(0), Admission::yes);
  EXPECT_EQ(view(0).failures, 30U) << "what happens is counted";
  clock.advance(10min);
  succeed(1);
  EXPECT_EQ(admit(1), Admission::open) << "what was out stays out";
  table->freeze(1, false);
  EXPECT_EQ(admit(1), Admission::probe);
}

}  // namespace
}  // namespace holdfast::routing

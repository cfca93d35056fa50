#include "routing/limits.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "base/random.h"

namespace holdfast::routing {
namespace {

using namespace std::chrono_literals;

Limit limit_of(LocalLimitStore& store, const config::LimitSettings& settings) {
  return {LimitScope::key, "app", rates_of(settings), store.open(LimitScope::key, "app")};
}

struct Limits : testing::Test {
  ManualClock clock;
  LocalLimitStore store;
};

TEST_F(Limits, EachKindRefusesByItsName) {
  clock.advance(1h);
  struct Case {
    const char* rule;
    config::LimitSettings settings;
    std::int64_t tokens;  // of each request
    int fit;              // requests at once
    LimitKind kind;
    std::optional<Duration> retry_after;
  };
  const Case cases[] = {
      {"a second's", {.requests_per_second = 2}, 1, 2, LimitKind::requests_per_second, 500ms},
      {"a minute's", {.requests_per_minute = 3}, 1, 3, LimitKind::requests_per_minute, 20s},
      {"tokens", {.tokens_per_minute = 60}, 25, 2, LimitKind::tokens_per_minute, 15s},
      {"more than the limit never fits",
       {.tokens_per_minute = 60},
       61,
       0,
       LimitKind::tokens_per_minute,
       std::nullopt},
      {"at once", {.concurrent_requests = 4}, 1, 4, LimitKind::concurrent_requests, 1s},
      {"the tightest speaks",
       {.requests_per_second = 2, .requests_per_minute = 1},
       1,
       1,
       LimitKind::requests_per_minute,
       60s}};
  for (const Case& c : cases) {
    LocalLimitStore fresh;
    const Limit limit = limit_of(fresh, c.settings);
    std::vector<LimitPermit> permits;
    for (int i = 0; i < c.fit; ++i) {
      auto permit = LimitPermit::take(limit, c.tokens, clock.now());
      ASSERT_TRUE(permit) << c.rule << ", request " << i;
      permits.push_back(std::move(*permit));
    }
    const auto refused = LimitPermit::take(limit, c.tokens, clock.now());
    ASSERT_FALSE(refused) << c.rule;
    EXPECT_EQ(refused.error().kind, c.kind) << c.rule;
    EXPECT_EQ(refused.error().retry_after, c.retry_after) << c.rule;
    EXPECT_EQ(limit.use->under_way(), c.fit) << c.rule;
  }
}

TEST_F(Limits, WhatIsRefusedTakesNothing) {
  clock.advance(1h);
  const Limit limit = limit_of(store, {.requests_per_second = 10,
                                       .requests_per_minute = 10,
                                       .tokens_per_minute = 100,
                                       .concurrent_requests = 10});
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(LimitPermit::take(limit, 101, clock.now()));
  EXPECT_EQ(limit.use->requests(limit.rates, clock.now())->remaining, 10);
  EXPECT_EQ(limit.use->tokens(limit.rates, clock.now())->remaining, 100);
  EXPECT_EQ(limit.use->under_way(), 0);
}

TEST_F(Limits, ARequestThatWasNotAskedIsAsIfItHadNeverCome) {
  clock.advance(1h);
  const Limit limit = limit_of(
      store, {.requests_per_minute = 10, .tokens_per_minute = 100, .concurrent_requests = 10});
  auto permit = LimitPermit::take(limit, 40, clock.now());
  ASSERT_TRUE(permit);
  EXPECT_EQ(limit.use->tokens(limit.rates, clock.now())->remaining, 60);
  permit->undo(clock.now());
  EXPECT_EQ(limit.use->requests(limit.rates, clock.now())->remaining, 10);
  EXPECT_EQ(limit.use->tokens(limit.rates, clock.now())->remaining, 100);
  EXPECT_EQ(limit.use->under_way(), 0);
}

TEST_F(Limits, TheEstimateIsCorrectedByTheCount) {
  clock.advance(1h);
  const Limit limit = limit_of(store, {.tokens_per_minute = 100});
  auto permit = LimitPermit::take(limit, 40, clock.now());
  ASSERT_TRUE(permit);
  permit->settle(70, clock.now());
  EXPECT_EQ(limit.use->tokens(limit.rates, clock.now())->remaining, 30);
  permit->settle(10, clock.now());
  EXPECT_EQ(limit.use->tokens(limit.rates, clock.now())->remaining, 90);
}

TEST_F(Limits, APermitIsGivenBackOnceHoweverItIsMoved) {
  const Limit limit = limit_of(store, {.concurrent_requests = 1});
  {
    auto taken = LimitPermit::take(limit, 1, clock.now());
    ASSERT_TRUE(taken);
    LimitPermit moved = std::move(*taken);
    LimitPermit again;
    again = std::move(moved);
    EXPECT_EQ(limit.use->under_way(), 1);
  }
  EXPECT_EQ(limit.use->under_way(), 0);
}

TEST_F(Limits, AReloadForgetsNothing) {
  clock.advance(1h);
  Limit before = limit_of(store, {.requests_per_minute = 2});
  auto permit = LimitPermit::take(before, 1, clock.now());
  const Limit after = limit_of(store, {.requests_per_minute = 2});
  EXPECT_EQ(after.use->requests(after.rates, clock.now())->remaining, 1);
  const auto other = store.open(LimitScope::team, "app");
  EXPECT_EQ(other->requests(after.rates, clock.now())->remaining, 2) << "another scope";
}

TEST_F(Limits, WhatNobodyHasAnyMoreIsForgotten) {
  clock.advance(1h);
  {
    const Limit limit = limit_of(store, {.requests_per_minute = 2});
    const auto taken = LimitPermit::take(limit, 1, clock.now());
    EXPECT_TRUE(taken);
  }
  const Limit limit = limit_of(store, {.requests_per_minute = 2});
  EXPECT_EQ(limit.use->requests(limit.rates, clock.now())->remaining, 2);
}

TEST_F(Limits, NeverMoreAtOnceThanTheLimitFromAnyThread) {
  const Limit limit = limit_of(store, {.concurrent_requests = 7});
  std::atomic<int> at_once = 0, most = 0, passed = 0;
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (std::uint64_t seed = 1; seed <= 4; ++seed)
    threads.emplace_back([&, seed] {
      Random random(seed);
      std::vector<LimitPermit> held;
      for (int turn = 0; turn < 20'000; ++turn) {
        if (!held.empty() && random.below(2) == 0) {
          --at_once;
          held.pop_back();
          continue;
        }
        auto permit = LimitPermit::take(limit, 1, clock.now());
        if (!permit) continue;
        held.push_back(std::move(*permit));
        ++passed;
        const int now = ++at_once;
        for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
      }
      at_once -= static_cast<int>(held.size());
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most.load(), 7);
  EXPECT_GT(passed.load(), 1'000);
  EXPECT_EQ(limit.use->under_way(), 0);
}

}  // namespace
}  // namespace holdfast::routing

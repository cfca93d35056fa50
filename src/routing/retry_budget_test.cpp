#include "routing/retry_budget.h"

#include <gtest/gtest.h>

namespace holdfast::routing {
namespace {

using namespace std::chrono_literals;

// gRPC's throttle (proposal A6) is such a bucket: a failure takes a token, a success gives a tenth,
// and retries stop at half.
TEST(TokenBucket, IsTheThrottleOfGrpc) {
  constexpr std::int64_t most = 10'000, half = 5'000, failure = 1'000, success = 100;
  TokenBucket tokens(most);
  for (const std::int64_t want : {9'000, 8'000, 7'000, 6'000, 5'000}) {
    EXPECT_TRUE(tokens.above(half));
    tokens.spend(failure);
    EXPECT_EQ(tokens.held(), want);
  }
  EXPECT_FALSE(tokens.above(half));
  tokens.spend(failure);
  EXPECT_EQ(tokens.held(), 4'000);
  for (int i = 0; i < 10; ++i) tokens.earn(success);
  EXPECT_FALSE(tokens.above(half));
  tokens.earn(success);
  EXPECT_EQ(tokens.held(), 5'100);
  EXPECT_TRUE(tokens.above(half));
}

TEST(TokenBucket, StaysWithinItsBounds) {
  TokenBucket tokens(10'000);
  tokens.earn(1);
  EXPECT_EQ(tokens.held(), 10'000);
  tokens.spend(11'000);
  EXPECT_EQ(tokens.held(), 0);
}

// While everything is out, each request would try every target: it may not.
TEST(RetryBudget, AddsAFifthToTheTrafficOfAnOutage) {
  RetryBudget budget;
  MonoTime now{};
  now += 1h;
  constexpr int requests = 100'000, targets = 4;
  int attempts = 0;
  for (int i = 0; i < requests; ++i) {
    budget.request();
    ++attempts;
    for (int more = 1; more < targets && budget.allow(now); ++more) ++attempts;
    now += 1ms;
  }
  constexpr int burst = 10;  // saved up
  EXPECT_LE(attempts, 1.2 * requests + burst);
  EXPECT_GE(attempts, 1.19 * requests);
}

TEST(RetryBudget, LeavesAFewToLittleTraffic) {
  RetryBudget budget;
  MonoTime now{};
  now += 1h;
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(budget.allow(now)) << i;
  EXPECT_FALSE(budget.allow(now));
  EXPECT_FALSE(budget.allow(now + 9s));
  EXPECT_TRUE(budget.allow(now + 10s)) << "none was allowed for 10 s";
  EXPECT_FALSE(budget.allow(now + 19s));
  EXPECT_TRUE(budget.allow(now + 20s));
}

TEST(RetryBudget, IsChargedByAttemptsAtTargetsThatAreWell) {
  RetryBudget budget;
  MonoTime now{};
  now += 1h;
  for (int i = 0; i < 20; ++i) budget.charge();
  EXPECT_TRUE(budget.allow(now));
  EXPECT_FALSE(budget.allow(now));
  for (int i = 0; i < 5; ++i) budget.request();
  EXPECT_TRUE(budget.allow(now));
  EXPECT_FALSE(budget.allow(now));
}

// Hedges and retries share it, and a hedge is never free.
TEST(RetryBudget, AllowsAHedgeForEachWholeToken) {
  RetryBudget budget;
  int hedges = 0;
  while (budget.allows_hedge()) {
    budget.charge();
    ++hedges;
  }
  EXPECT_EQ(hedges, 10);
  for (int i = 0; i < 4; ++i) budget.request();
  EXPECT_FALSE(budget.allows_hedge());
  budget.request();
  EXPECT_TRUE(budget.allows_hedge());
  budget.charge();
  EXPECT_FALSE(budget.allows_hedge());
  EXPECT_TRUE(budget.allow(MonoTime{1s})) << "a retry has its one in ten seconds all the same";
}

}  // namespace
}  // namespace holdfast::routing

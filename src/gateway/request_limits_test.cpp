#include "gateway/request_limits.h"

#include <gtest/gtest.h>

namespace holdfast::gateway {
namespace {

using namespace std::chrono_literals;

TEST(ResetText, IsWrittenAsOpenAIDoes) {
  struct Case {
    Duration time;
    const char* want;
  };
  constexpr Case cases[] = {{0ns, "0ms"},      {1ns, "1ms"},  {22ms, "22ms"}, {999'500us, "1s"},
                            {1'200ms, "1.2s"}, {60s, "1m0s"}, {6min, "6m0s"}, {90'500ms, "1m30.5s"},
                            {63min, "1h3m0s"}, {-5s, "0ms"}};
  for (const Case& c : cases) EXPECT_EQ(reset_text(c.time), c.want);
}

TEST(LimitRefusal, NamesTheLimitAsTheConfigurationDoes) {
  const routing::Limit limit{
      routing::LimitScope::team, "shop",
      routing::rates_of({.requests_per_second = 5, .tokens_per_minute = 900}), nullptr};
  const Refusal later =
      limit_refusal(limit, {routing::LimitKind::requests_per_second, 150'400us}, 7);
  EXPECT_EQ(later.status, 429);
  EXPECT_EQ(later.message,
            "limited by teams.shop.limits.requests_per_second (5): try again in 151ms");
  EXPECT_EQ(later.retry_after, 151ms);
  EXPECT_FALSE(later.should_not_retry);
  const Refusal never =
      limit_refusal(limit, {routing::LimitKind::tokens_per_minute, std::nullopt}, 1'000);
  EXPECT_EQ(never.message,
            "about 1000 tokens are more than teams.shop.limits.tokens_per_minute (900) ever lets "
            "pass: send less");
  EXPECT_FALSE(never.retry_after.has_value());
  EXPECT_TRUE(never.should_not_retry);
}

TEST(TokensOf, WhatNobodyToldIsAsEstimated) {
  struct Case {
    const char* rule;
    std::int64_t in, out, want;
  };
  constexpr Case cases[] = {
      {"both", 10, 5, 15}, {"one", 10, -1, 10}, {"none", -1, -1, 77}, {"zero is told", 0, 0, 0}};
  for (const Case& c : cases) {
    dialect::Usage usage;
    usage.tokens_in = c.in;
    usage.tokens_out = c.out;
    EXPECT_EQ(tokens_of(usage, 77), c.want) << c.rule;
  }
}

}  // namespace
}  // namespace holdfast::gateway

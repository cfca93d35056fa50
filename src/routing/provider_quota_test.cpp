#include "routing/provider_quota.h"

#include <gtest/gtest.h>

namespace holdfast::routing {
namespace {

using namespace std::chrono_literals;

constexpr MonoTime start{std::chrono::hours(1)};

TEST(LearnedLimit, TakesWhatIsLeft) {
  struct Case {
    const char* rule;
    provider::RateLimit told;
    std::int64_t each;
    int fit;                       // so many at once
    std::optional<Duration> wait;  // of the next; nothing: it fits as well
  };
  const Case cases[] = {
      {"nothing told", {}, 1, 50, std::nullopt},
      {"no reset told", {100, 0, std::nullopt}, 1, 50, std::nullopt},
      {"what is left is not told", {100, std::nullopt, 1s}, 1, 50, std::nullopt},
      {"three left of a rate of ten a second", {100, 3, 9'700ms}, 1, 3, 100ms},
      {"none left of a minute's six", {6, 0, 60s}, 1, 0, 10s},
      {"tokens", {60'000, 1'000, 59s}, 600, 1, 200ms},
      {"more than the limit is the provider's to refuse", {100, 100, 1s}, 500, 9, std::nullopt},
      {"no limit told: nothing comes back before the reset", {std::nullopt, 2, 7s}, 1, 2, 7s},
      {"all of it is there", {100, 100, 0ms}, 1, 50, std::nullopt}};
  for (const Case& c : cases) {
    LearnedLimit limit;
    limit.told(c.told, start);
    for (int i = 0; i < c.fit; ++i) EXPECT_FALSE(limit.take(c.each, start)) << c.rule << ' ' << i;
    EXPECT_EQ(limit.take(c.each, start), c.wait) << c.rule;
  }
}

TEST(LearnedLimit, IsForgottenWithItsReset) {
  for (const std::optional<std::int64_t> told : {std::optional<std::int64_t>(10), {}}) {
    LearnedLimit limit;
    limit.told({told, 0, 5s}, start);
    EXPECT_TRUE(limit.take(1, start));
    ASSERT_TRUE(limit.view(start));
    EXPECT_EQ(limit.view(start)->remaining, 0);
    EXPECT_EQ(limit.view(start)->reset_after, Duration(5s));
    EXPECT_FALSE(limit.take(1, start + 5s));
    EXPECT_FALSE(limit.view(start + 10s));
  }
}

TEST(LearnedLimit, TheLastWordHolds) {
  LearnedLimit limit;
  limit.told({10, 0, 10s}, start);
  EXPECT_TRUE(limit.take(1, start));
  limit.told({10, 10, 0ms}, start);
  EXPECT_FALSE(limit.take(1, start));
  limit.told({std::nullopt, 0, 3s}, start);
  EXPECT_EQ(limit.take(1, start), Duration(3s));
  limit.told({10, 0, 10s}, start);
  EXPECT_EQ(limit.take(1, start), Duration(1s));
}

TEST(ProviderQuota, TakesFromBothOrFromNone) {
  ProviderQuota quota;
  provider::RateLimitFacts facts;
  facts.requests = {10, 5, 5s};
  facts.tokens = {1'000, 100, 9s};
  quota.told(facts, start);
  EXPECT_EQ(quota.take(200, start), Duration(1s));
  EXPECT_EQ(quota.requests.view(start)->remaining, 5);
  EXPECT_FALSE(quota.take(100, start));
  EXPECT_EQ(quota.requests.view(start)->remaining, 4);
  EXPECT_EQ(quota.tokens.view(start)->remaining, 0);
}

}  // namespace
}  // namespace holdfast::routing

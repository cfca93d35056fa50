#include "routing/outlier.h"

#include <gtest/gtest.h>

#include <cmath>

#include "routing/window.h"

namespace holdfast::routing {
namespace {

using namespace std::chrono_literals;

TEST(Outlier, SuccessRateThresholdsArePublished) {
  struct Case {
    const char* rule;
    std::vector<double> rates;
    double want;
    bool ejects_half;  // a host with half of its requests failing
  };
  const std::vector<Case> cases = {
      {"one of five is an outlier", {.99, .98, .99, .97, .50}, .519029, true},
      {"one of ten", {.99, .99, .99, .99, .99, .99, .99, .99, .99, .50}, .6617, true},
      {"one of three cannot be", {.99, .99, .50}, .387789, false},
      {"one of two cannot be", {1, .5}, .275, false},
  };
  for (const Case& c : cases) {
    EXPECT_NEAR(success_rate_threshold(c.rates), c.want, 5e-5) << c.rule;
    EXPECT_EQ(.50 < success_rate_threshold(c.rates), c.ejects_half) << c.rule;
  }
}

TEST(Outlier, BelowFiveNoHostIsFarEnoughFromTheMean) {
  for (std::size_t hosts = 2; hosts < outlier_least_hosts; ++hosts)
    for (int percent = 0; percent <= 100; percent += 5) {
      std::vector<double> rates(hosts, 1.0);
      rates.back() = percent / 100.0;
      EXPECT_GE(rates.back() + 1e-9, success_rate_threshold(rates)) << hosts << " " << percent;
    }
}

TEST(Outlier, EnvoysRules) {
  struct Case {
    const char* rule;
    std::vector<WindowCounts> counts;
    std::size_t most;
    std::vector<std::size_t> want;
  };
  const WindowCounts good{200, 2};
  const std::vector<Case> cases = {
      {"half of the requests of one fail", {good, good, good, good, {200, 100}}, 1, {4}},
      {"all fail alike", std::vector<WindowCounts>(5, {200, 100}), 1, {}},
      {"four hosts are too few", {good, good, good, {200, 200}}, 1, {}},
      {"four busy hosts are too few", {good, good, good, {200, 100}, {99, 0}}, 1, {}},
      {"85 percent of 50 requests", {{50, 0}, {50, 0}, {50, 0}, {50, 0}, {60, 51}}, 1, {4}},
      {"84 percent", {{50, 0}, {50, 0}, {50, 0}, {50, 0}, {50, 42}}, 1, {}},
      {"the worst first, and no more than may be",
       {{50, 44}, {50, 0}, {50, 0}, {50, 0}, {50, 50}},
       1,
       {4}},
      {"none may be", {good, good, good, good, {200, 200}}, 0, {}},
  };
  for (const Case& c : cases) EXPECT_EQ(envoy_outliers(c.counts, c.most), c.want) << c.rule;
  EXPECT_EQ(most_ejected(5), 1U);
  EXPECT_EQ(most_ejected(19), 1U);
  EXPECT_EQ(most_ejected(20), 2U);
}

TEST(Outlier, SmallPoolsAreHeldAgainstTheirBest) {
  struct Case {
    const char* rule;
    std::vector<WindowCounts> counts;
    std::optional<std::size_t> want;
  };
  const std::vector<Case> cases = {
      {"a tenth fails here, nothing there", {{100, 10}, {100, 0}}, 0},
      {"less than a tenth is within the objective", {{100, 9}, {100, 0}}, std::nullopt},
      {"both fail alike: it is not the target", {{100, 40}, {100, 40}}, std::nullopt},
      {"less than three times as much", {{100, 29}, {100, 10}}, std::nullopt},
      {"three times as much", {{100, 30}, {100, 10}}, 0},
      {"too few to tell", {{19, 19}, {100, 0}}, std::nullopt},
      {"nobody to hold it against", {{100, 90}, {5, 0}, {0, 0}}, std::nullopt},
      {"the worst of four", {{50, 10}, {50, 0}, {50, 25}, {50, 1}}, 2},
  };
  for (const Case& c : cases) EXPECT_EQ(small_pool_outlier(c.counts, 20), c.want) << c.rule;
}

// resilience4j's published window of ten calls: one call in each of the ten buckets.
TEST(OutcomeWindow, RateOfTheLastTenCalls) {
  OutcomeWindow window;
  MonoTime now{};
  const auto call = [&](const char* outcomes) {
    for (const char* one = outcomes; *one != '\0'; ++one) {
      now += 1s;
      window.add(now, 10s, *one == 'E');
    }
    return window.counts(now, 10s).failure_percent(5);
  };
  EXPECT_EQ(call("SSEE"), -1) << "below the minimum";
  EXPECT_EQ(call("EEEESSSS"), 60);
  EXPECT_EQ(call("SSS"), 30);
}

TEST(OutcomeWindow, ForgetsWhatIsOlder) {
  OutcomeWindow window;
  MonoTime now{};
  for (int i = 0; i < 70'000; ++i) window.add(now, 30s, true);
  EXPECT_EQ(window.counts(now, 30s).total, 0xffffU) << "a bucket is full at some time";
  now += 26s;
  window.add(now, 30s, false);
  EXPECT_EQ(window.counts(now, 30s).failures, 0xffffU);
  now += 4s;
  EXPECT_EQ(window.counts(now, 30s).failures, 0U);
  EXPECT_EQ(window.counts(now, 30s).total, 1U);
  now += 1h;
  EXPECT_EQ(window.counts(now, 30s).total, 0U);
}

}  // namespace
}  // namespace holdfast::routing

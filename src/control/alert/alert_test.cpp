#include <gtest/gtest.h>

#include "config/test_support.h"
#include "control/alert/prometheus.h"
#include "control/alert/watch.h"
#include "control/alert/webhook.h"

namespace holdfast::control::alert {
namespace {

using namespace std::chrono_literals;

TEST(BurnWindows, AreThoseOfTheirPeriod) {
  struct Case {
    const char* rule;
    int days;
    double page_quick, page_slow, ticket_quick, ticket_slow;
  };
  constexpr Case cases[] = {
      {"the workbook's", 30, 14.4, 6, 3, 1},
      {"four weeks", 28, 13.44, 5.6000000000000005, 2.8000000000000003, .9333333333333333},
      {"a week", 7, 13.44, 3.5, 1.4, .98}};
  for (const Case& c : cases) {
    const auto windows = burn_windows(std::chrono::days(c.days));
    ASSERT_TRUE(windows) << c.rule;
    const double want[] = {c.page_quick, c.page_slow, c.ticket_quick, c.ticket_slow};
    for (std::size_t i = 0; i < windows->size(); ++i)
      EXPECT_NEAR((*windows)[i].factor, want[i], 1e-12) << c.rule << ", " << (*windows)[i].name;
  }
  EXPECT_FALSE(burn_windows(std::chrono::days(42)));
}

TEST(BurnWindows, ThresholdsAreThePublishedOnes) {
  const auto windows = *burn_windows(std::chrono::days(30));
  struct Case {
    double objective, want[4];
  };
  constexpr Case cases[] = {
      {.999, {.0144, .006, .003, .001}}, {.99, {.144, .06, .03, .01}}, {.95, {.72, .3, .15, .05}}};
  for (const Case& c : cases)
    for (std::size_t i = 0; i < 4; ++i)
      EXPECT_NEAR(threshold(windows[i], c.objective), c.want[i], 1e-12) << c.objective;
}

TEST(BurnWindows, FireOnlyWhenBothAreBeyond) {
  const auto quick = burn_windows(std::chrono::days(30))->front();
  EXPECT_TRUE(burns(quick, .999, .02, .02));
  EXPECT_FALSE(burns(quick, .999, .02, .01)) << "too short to matter";
  EXPECT_FALSE(burns(quick, .999, .01, .02)) << "over already";
}

TEST(Series, TellsTheChangeOverAWindow) {
  Series series;
  MonoTime now{};
  // One event each 10 s for two days; every tenth fails.
  for (std::uint64_t i = 0; i <= 17'280; ++i, now += 10s) series.note(now, {i, i / 10, 5 * i});
  const auto five_minutes = series.change(5min);
  EXPECT_EQ(five_minutes.events, 30U);
  EXPECT_EQ(five_minutes.bad, 3U);
  EXPECT_EQ(five_minutes.nano_usd, 150U);
  EXPECT_EQ(five_minutes.over, 5min);
  // Beyond the fine ring, the begin is that of the nearest older note in five minutes' steps.
  const auto day = series.change(24h);
  EXPECT_GE(day.over, 24h);
  EXPECT_LE(day.over, 24h + 5min);
  EXPECT_EQ(day.events, static_cast<std::uint64_t>(day.over / 10s));
  const auto more = series.change(72h);
  EXPECT_EQ(more.over, 48h) << "as far as there is";
}

Rule error_rate() {
  Rule rule;
  rule.name = "errors";
  rule.kind = Kind::error_rate;
  rule.above = .05;
  rule.over = 5min;
  return rule;
}

// Looks every 10 s for `steps` steps, with so many events and failures in each.
struct Story {
  Watch watch;
  MonoTime now{};
  Totals totals;
  std::vector<std::string> told;

  void go(int steps, std::uint64_t events, std::uint64_t bad, std::uint64_t nano_usd = 0) {
    for (int i = 0; i < steps; ++i, now += 10s) {
      totals.events += events;
      totals.bad += bad;
      totals.nano_usd += nano_usd;
      const auto wall_us =
          std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count() + 1;
      for (const Change& change : watch.look(now, wall_us, [this](const Rule&) { return totals; }))
        told.push_back(std::string(change.alert.firing ? "+" : "-") +
                       std::string(change.alert.windows));
    }
  }
};

TEST(Watch, ToldOnceWhenItBeginsAndOnceWhenItEnds) {
  Story story;
  story.watch.use({error_rate()});
  story.go(60, 10, 0);
  EXPECT_TRUE(story.told.empty());
  story.go(30, 10, 5);
  EXPECT_EQ(story.told, std::vector<std::string>{"+"});
  EXPECT_TRUE(story.watch.alerts()[0].firing);
  EXPECT_EQ(summary_of(story.watch.alerts()[0]), "50 % of requests failed in 5m (limit 5 %)");
  story.go(60, 10, 0);
  EXPECT_EQ(story.told, (std::vector<std::string>{"+", "-"}));
}

TEST(Watch, FewEventsSayNothing) {
  Story story;
  Rule rule = error_rate();
  rule.at_least = 100;
  story.watch.use({rule});
  story.go(30, 1, 1);
  EXPECT_TRUE(story.told.empty());
}

TEST(Watch, OneThatFlapsIsToldOfOnce) {
  Story story;
  Rule rule = error_rate();
  rule.over = 1min;
  story.watch.use({rule});
  for (int i = 0; i < 10; ++i) {
    story.go(6, 10, 10);
    story.go(12, 10, 0);
  }
  EXPECT_EQ(story.told, std::vector<std::string>{"+"});
}

TEST(Watch, AQuickOutageBurnsTheQuickWindowsOnly) {
  Story story;
  Rule rule;
  rule.name = "objective";
  rule.kind = Kind::burn_rate;
  story.watch.use({rule});
  story.go(6 * 60 * 26, 100, 0);  // more than a day of peace
  story.go(6 * 10, 100, 50);      // ten minutes of half
  ASSERT_FALSE(story.told.empty());
  EXPECT_EQ(story.told.front(), "+page_quick");
  EXPECT_TRUE(std::ranges::find(story.told, "+ticket_slow") != story.told.end())
      << "8.3 % of three days' budget";
  story.go(6 * 60, 100, 0);
  EXPECT_NE(std::ranges::find(story.told, "-page_quick"), story.told.end());
}

TEST(Watch, SpendAndSpike) {
  Story story;
  Rule spend;
  spend.name = "spend";
  spend.kind = Kind::spend;
  spend.over = 1h;
  spend.above_nano_usd = 1'000'000'000;
  Rule spike;
  spike.name = "spike";
  spike.kind = Kind::spend_spike;
  spike.over = 10min;
  spike.baseline = 24h;
  story.watch.use({spend, spike});
  story.go(6 * 60 * 5, 1, 0, 1'000'000);  // 0.36 USD an hour
  EXPECT_TRUE(story.told.empty());
  story.go(6 * 9, 1, 0, 10'000'000);
  EXPECT_EQ(story.told.size(), 1U) << "ten times the usual, yet less than a dollar";
  EXPECT_TRUE(story.watch.alerts()[1].firing);
  story.go(6 * 20, 1, 0, 10'000'000);
  EXPECT_TRUE(story.watch.alerts()[0].firing);
}

TEST(Watch, ANewProcessKnowsNoUsualYet) {
  Story story;
  Rule spike;
  spike.name = "spike";
  spike.kind = Kind::spend_spike;
  spike.over = 10min;
  story.watch.use({spike});
  story.go(6 * 9, 1, 0, 1'000'000'000);
  EXPECT_TRUE(story.told.empty());
}

TEST(Watch, AReloadKeepsWhatWasCounted) {
  Story story;
  story.watch.use({error_rate()});
  story.go(30, 10, 5);
  Rule stricter = error_rate();
  stricter.above = .1;
  story.watch.use({stricter});
  EXPECT_TRUE(story.watch.alerts()[0].firing);
  story.go(1, 10, 5);
  EXPECT_EQ(story.told.size(), 1U);
  Rule other = error_rate();
  other.scope.model = "chat";
  story.watch.use({other});
  EXPECT_FALSE(story.watch.alerts()[0].firing) << "it is about something else";
}

TEST(Webhooks, SignAsPublished) {
  // The example of Standard Webhooks' own libraries.
  const Secret secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
  EXPECT_EQ(sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1'614'265'330, R"({"test": 2432232314})"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST(Webhooks, PausesGrowToABound) {
  Random random(7);
  Duration all{};
  for (int tried = 1; tried < most_tries; ++tried) {
    const Duration pause = pause_after(tried, random);
    const Duration bound = std::min<Duration>(1s * (1 << (tried - 1)), 10min);
    EXPECT_GE(pause, bound / 2) << tried;
    EXPECT_LE(pause, bound) << tried;
    all += pause;
  }
  EXPECT_LT(all, 1h);
}

TEST(Prometheus, RulesAreWrittenInOrder) {
  Rule rule = error_rate();
  rule.scope.provider = "open\"ai";
  const std::vector<Rule> rules = {rule};
  const std::string text = prometheus_rules(rules);
  EXPECT_NE(text.find("holdfast_attempts_total{provider=\"open\\\"ai\","), std::string::npos)
      << text;
  EXPECT_NE(text.find("[5m]"), std::string::npos);
  EXPECT_EQ(prometheus_rules({}), "# The configuration has no alerts.\ngroups: []\n");
}

}  // namespace
}  // namespace holdfast::control::alert

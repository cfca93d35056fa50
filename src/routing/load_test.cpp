#include "routing/load.h"

#include <gtest/gtest.h>

namespace holdfast::routing {
namespace {

using namespace std::chrono_literals;

TEST(PeakEwma, FollowsThePublishedSteps) {
  struct Step {
    const char* rule;
    std::chrono::seconds at;
    double value, want;
  };
  const Step steps[] = {
      {"the first is taken as it is", 0s, 100, 100},
      {"a worse one too", 1s, 120, 120},
      {"a better one counts by the time that has passed", 2s, 50, 113.338619},
      {"and comes down", 5s, 0, 83.963314},
      {"and down", 10s, 0, 50.926324},
      {"and down", 20s, 0, 18.734748},
  };
  ManualClock clock;
  PeakEwma cost;
  EXPECT_EQ(cost.at(clock.now()), 0);
  for (const Step& step : steps) {
    const MonoTime now = clock.now() + step.at;
    cost.observe(step.value, now);
    EXPECT_NEAR(cost.at(now), step.want, 1e-6) << step.rule;
  }
}

TEST(PeakEwma, ComesDownWhileNobodyAsks) {
  ManualClock clock;
  PeakEwma cost;
  cost.observe(100, clock.now());
  EXPECT_NEAR(cost.at(clock.now() + 10s), 100 / 2.718281828, 1e-6);
  cost.raise(50, clock.now());
  EXPECT_EQ(cost.at(clock.now()), 100) << "what is no worse changes nothing";
  cost.raise(150, clock.now());
  EXPECT_EQ(cost.at(clock.now()), 150);
}

struct Loads : testing::Test {
  double predicted(std::size_t target, std::int64_t tokens) {
    return load->predicted_us(target, tokens, clock.now());
  }
  ManualClock clock;
  std::unique_ptr<LoadTable> load = std::make_unique<LoadTable>();
};

TEST_F(Loads, PredictByTwoCosts) {
  load->answered(0, {.first_content_us = 200'000, .total_us = 2'200'000, .tokens_out = 101},
                 clock.now());
  EXPECT_NEAR(load->first_token_us(0, clock.now()), 200'000, 1e-6);
  EXPECT_NEAR(load->per_token_us(0, clock.now()), 20'000, 1e-6);
  EXPECT_NEAR(predicted(0, 10), 400'000, 1e-3);
  EXPECT_NEAR(predicted(0, 1000), 20'200'000, 1e-3);
}

TEST_F(Loads, GrowWithWhatIsUnderWay) {
  load->answered(0, {.first_content_us = 100, .total_us = 100, .tokens_out = 1}, clock.now());
  EXPECT_NEAR(predicted(0, 0), 100, 1e-6);
  {
    const InFlight one(*load, 0);
    const InFlight two(*load, 0);
    EXPECT_EQ(load->in_flight(0), 2);
    EXPECT_NEAR(predicted(0, 0), 300, 1e-6);
  }
  EXPECT_EQ(load->in_flight(0), 0);
}

TEST_F(Loads, OfTheUnknownIsNothingUntilItsFirstAnswerIsUnderWay) {
  EXPECT_EQ(predicted(0, 100), 0);
  const InFlight one(*load, 0);
  EXPECT_EQ(predicted(0, 100), 140'737'488'355'328.0);
}

TEST_F(Loads, OfWholeAnswersAreWhatTheirTokensLeaveOver) {
  load->answered(0, {.first_content_us = 100'000, .total_us = 1'100'000, .tokens_out = 101},
                 clock.now());
  load->answered(0, {.total_us = 800'000, .tokens_out = 50}, clock.now());
  EXPECT_NEAR(load->first_token_us(0, clock.now()), 300'000, 1e-3) << "800 ms - 50 * 10 ms";
}

TEST_F(Loads, NeverLookBetterForFailing) {
  load->answered(0, {.first_content_us = 100'000, .total_us = 100'000}, clock.now());
  load->failed_after(0, 5'000, clock.now());
  EXPECT_NEAR(load->first_token_us(0, clock.now()), 100'000, 1e-6);
  load->failed_after(0, 900'000, clock.now());
  EXPECT_NEAR(load->first_token_us(0, clock.now()), 900'000, 1e-6) << "a timeout is an answer";
}

}  // namespace
}  // namespace holdfast::routing

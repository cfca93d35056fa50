#include "net/watchdog.h"

#include <gtest/gtest.h>

#include <functional>
#include <optional>

namespace holdfast::net {
namespace {
using namespace std::chrono_literals;

struct Probe final : Watchdog::Node {
  int expired = 0;
  std::function<void()> then = [] {};
  void expire() override {
    ++expired;
    const auto run = then;
    run();
  }
};

struct WatchdogTest : ::testing::Test {
  asio::io_context loop;
  ManualClock clock;
  Watchdog watchdog{loop, clock};
  void pass(Duration by) {
    clock.advance(by);
    watchdog.check();
  }
};

TEST_F(WatchdogTest, ExpiresWhatIsDueOnceAndNothingElse) {
  Probe early, late, never;
  watchdog.arm(early, clock.now() + 1s);
  watchdog.arm(late, clock.now() + 2s);
  watchdog.arm(never, no_deadline);
  pass(999ms);
  EXPECT_EQ(early.expired, 0);
  pass(1ms);
  EXPECT_EQ(early.expired, 1);
  EXPECT_EQ(late.expired, 0);
  pass(1h);
  EXPECT_EQ(early.expired, 1);
  EXPECT_EQ(late.expired, 1);
  EXPECT_EQ(never.expired, 0);
}

TEST_F(WatchdogTest, ArmingAgainMovesTheDeadlineBothWays) {
  Probe probe;
  watchdog.arm(probe, clock.now() + 1s);
  watchdog.arm(probe, clock.now() + 3s);
  pass(2s);
  EXPECT_EQ(probe.expired, 0) << "put off";
  watchdog.arm(probe, clock.now() + 10s);
  watchdog.arm(probe, clock.now() + 1s);
  pass(1s);
  EXPECT_EQ(probe.expired, 1) << "brought forward";
}

TEST_F(WatchdogTest, DisarmedAndDestroyedNodesAreLeftAlone) {
  Probe disarmed;
  std::optional<Probe> destroyed(std::in_place);
  watchdog.arm(disarmed, clock.now() + 1s);
  watchdog.arm(*destroyed, clock.now() + 1s);
  watchdog.disarm(disarmed);
  destroyed.reset();
  pass(2s);
  EXPECT_EQ(disarmed.expired, 0);
}

TEST_F(WatchdogTest, ExpireMayArmDisarmAndDestroy) {
  Probe first, disarmed;
  std::optional<Probe> destroyed(std::in_place);
  watchdog.arm(first, clock.now() + 1s);
  watchdog.arm(disarmed, clock.now() + 1s);
  watchdog.arm(*destroyed, clock.now() + 1s);
  first.then = [&] {
    watchdog.arm(first, clock.now() + 1s);
    watchdog.disarm(disarmed);
    destroyed.reset();
  };
  pass(1s);
  EXPECT_EQ(first.expired, 1);
  EXPECT_EQ(disarmed.expired, 0) << "was due, but disarmed by another";
  pass(1s);
  EXPECT_EQ(first.expired, 2) << "armed itself again";
}

TEST_F(WatchdogTest, NodesMayOutliveTheWatchdog) {
  Probe probe;
  {
    Watchdog gone(loop, clock);
    gone.arm(probe, clock.now() + 1s);
  }
  watchdog.arm(probe, clock.now() + 1s);
  pass(1s);
  EXPECT_EQ(probe.expired, 1);
}

TEST(WatchdogTimer, FiresByItselfAndLetsTheLoopEnd) {
  asio::io_context loop;
  Watchdog watchdog(loop, system_clock());
  Probe late, early;
  const MonoTime start = system_clock().now();
  watchdog.arm(late, start + 60ms);
  watchdog.arm(early, start + 30ms);  // the timer is brought forward
  MonoTime early_at;
  early.then = [&] { early_at = system_clock().now(); };
  loop.run();
  EXPECT_EQ(early.expired, 1);
  EXPECT_EQ(late.expired, 1);
  EXPECT_GE(early_at, start + 30ms);
  EXPECT_GE(system_clock().now(), start + 60ms);
}
TEST(Watchdog, AsksWhoeverMovesTimeToBeAlarmed) {
  asio::io_context loop;
  ManualClock clock;
  std::vector<MonoTime> asked;
  Watchdog watchdog(loop, clock, [&](MonoTime when) { asked.push_back(when); });
  Probe probe;
  EXPECT_TRUE(watchdog.idle());
  watchdog.arm(probe, clock.now() + 100ms);
  ASSERT_EQ(asked, std::vector<MonoTime>{clock.now() + 100ms});
  EXPECT_FALSE(watchdog.idle());
  EXPECT_EQ(loop.run(), 0U) << "no timer of the loop is set";
  clock.advance(100ms);
  watchdog.alarmed();
  EXPECT_EQ(probe.expired, 1);
  EXPECT_TRUE(watchdog.idle());
}

}  // namespace
}  // namespace holdfast::net

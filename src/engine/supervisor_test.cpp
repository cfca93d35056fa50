#include "engine/supervisor.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/test_support.h"

namespace holdfast::engine {
namespace {

TEST(Supervisor, StartsWaitsUntilReadyAndStopsWithoutATrace) {
  const NothingLeftBehind check;
  int pid = 0;
  {
    Fake fake("late");
    const auto ready = wait_ready(*fake.engine);
    ASSERT_TRUE(ready) << ready.error().detail;
    EXPECT_TRUE(fake.engine->ready());
    const EngineStatus status = fake.engine->status();
    EXPECT_EQ(status.state, EngineState::ready);
    EXPECT_EQ(status.starts, 1U);
    EXPECT_EQ(status.deaths, 0U);
    EXPECT_GT(status.time_to_ready_seconds, 0);
    EXPECT_EQ(status.port, fake.engine->endpoint()->port);
    pid = status.pid;
    EXPECT_TRUE(runs(pid));
  }
  EXPECT_FALSE(runs(pid));
}

TEST(Supervisor, ComesBackOnTheSamePortAfterKillMinusNine) {
  const NothingLeftBehind check;
  Fake fake("well");
  ASSERT_TRUE(wait_ready(*fake.engine));
  const EngineStatus first = fake.engine->status();
  ASSERT_EQ(::kill(first.pid, SIGKILL), 0);
  ASSERT_TRUE(fake.history.wait_for(
      [](const EngineStatus& one) { return one.state == EngineState::ready && one.starts == 2; }));
  const EngineStatus second = fake.engine->status();
  EXPECT_NE(second.pid, first.pid);
  EXPECT_EQ(second.port, first.port);
  EXPECT_EQ(second.deaths, 1U);
  EXPECT_NE(second.last_error.find("signal 9"), std::string::npos) << second.last_error;
  EXPECT_TRUE(wait_ready(*fake.engine));
  fake.engine.reset();
}

TEST(Supervisor, WhatDiesAtOnceIsQuotedAndTriedAgainEverMoreSlowly) {
  const NothingLeftBehind check;
  Fake fake("dies");
  const auto ready = wait_ready(*fake.engine);
  ASSERT_FALSE(ready);
  EXPECT_EQ(ready.error().code, ErrorCode::io);
  EXPECT_EQ(ready.error().detail,
            "it ended with exit code 1 before it was ready; its last words: out of memory | sorry");
  ASSERT_TRUE(fake.history.wait_for([](const EngineStatus& one) { return one.deaths >= 3; }));
  // Hopeless by now: refused without a wait.
  EXPECT_FALSE(wait_ready(*fake.engine, 0s));
  EXPECT_EQ(fake.engine->status().last_error, ready.error().detail);
  fake.engine.reset();
}

TEST(Supervisor, WhatNeverGetsReadyIsKilledAndSaidSo) {
  const NothingLeftBehind check;
  Fake fake("never_ready", [](Plan& plan) { plan.start_timeout = 1500ms; });
  const auto ready = wait_ready(*fake.engine);
  ASSERT_FALSE(ready);
  EXPECT_NE(ready.error().detail.find("not ready within 1.5 s"), std::string::npos)
      << ready.error().detail;
  fake.engine.reset();
}

TEST(Supervisor, WhatIgnoresSigtermIsKilledAfterTheGrace) {
  const NothingLeftBehind check;
  Fake fake("stubborn", [](Plan& plan) { plan.limits.stop_grace = 50ms; });
  ASSERT_TRUE(wait_ready(*fake.engine));
  const int pid = fake.engine->status().pid;
  fake.engine.reset();
  EXPECT_FALSE(runs(pid));
}

TEST(Supervisor, WhatHangsIsKilledAndStartedAgain) {
  const NothingLeftBehind check;
  Fake fake("hangs", [](Plan& plan) { plan.limits.probe_timeout = 300ms; });
  ASSERT_TRUE(wait_ready(*fake.engine));
  ASSERT_TRUE(fake.history.wait_for([](const EngineStatus& one) {
    return one.state == EngineState::backing_off &&
           one.last_error.find("did not answer 3 health checks") != std::string::npos;
  }));
  ASSERT_TRUE(fake.history.wait_for(
      [](const EngineStatus& one) { return one.state == EngineState::ready && one.starts == 2; }));
  fake.engine.reset();
}

TEST(Supervisor, WhatComputesAndDoesNotAnswerIsLeftAlone) {
  const NothingLeftBehind check;
  Fake fake("overloaded", [](Plan& plan) { plan.limits.probe_timeout = 200ms; });
  ASSERT_TRUE(wait_ready(*fake.engine));
  // It leaves by itself once six health checks have had no answer.
  ASSERT_TRUE(fake.history.wait_for_state(EngineState::backing_off));
  EXPECT_NE(fake.history.last().last_error.find("exit code 7"), std::string::npos)
      << fake.history.last().last_error;
  fake.engine.reset();
}

TEST(Supervisor, ItsChildrenGoWithIt) {
  Fake fake("has_child");
  ASSERT_TRUE(wait_ready(*fake.engine));
  const std::string pid = std::to_string(fake.engine->status().pid);
  const int child = std::stoi(contents("/proc/" + pid + "/task/" + pid + "/children"));
  const Descriptor ended(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  ASSERT_TRUE(ended);
  fake.engine.reset();
  pollfd polled{ended.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&polled, 1, 10'000), 1) << "it still runs";
}

TEST(Supervisor, WhatIsMissingIsSaidAndLookedForAgainWithoutACrashLoop) {
  const NothingLeftBehind check;
  std::atomic<bool> there = false;
  Fake fake("well", [&](Plan& plan) {
    plan.limits.look_again = 20ms;
    plan.prepare = [&there, prepare = plan.prepare]() -> Result<Command> {
      if (there) return prepare();
      return fail(ErrorCode::configuration, "there is no model");
    };
  });
  ASSERT_TRUE(fake.history.wait_for_state(EngineState::failed));
  const auto ready = wait_ready(*fake.engine);
  ASSERT_FALSE(ready);
  EXPECT_EQ(ready.error().code, ErrorCode::configuration);
  EXPECT_EQ(ready.error().detail, "there is no model");
  EXPECT_EQ(fake.engine->status().starts, 0U);
  there = true;
  ASSERT_TRUE(fake.history.wait_for_state(EngineState::ready));
  EXPECT_EQ(fake.engine->status().deaths, 0U);
  fake.engine.reset();
}

TEST(Supervisor, AProgramThatCannotBeExecutedIsAnError) {
  const NothingLeftBehind check;
  Fake fake("well", [](Plan& plan) {
    plan.prepare = []() -> Result<Command> { return Command{"/dev/null", {}, {}, 0}; };
  });
  const auto ready = wait_ready(*fake.engine);
  ASSERT_FALSE(ready);
  EXPECT_EQ(ready.error().detail, "/dev/null cannot be executed: Permission denied");
  fake.engine.reset();
}

TEST(Supervisor, AColdOneStartsOnTheFirstNeedAndStopsWhenIdle) {
  const NothingLeftBehind check;
  Fake fake("well", [](Plan& plan) {
    plan.warm = false;
    plan.idle_stop = 100ms;
  });
  EXPECT_EQ(fake.engine->status().starts, 0U);
  for (const std::uint64_t start : {1U, 2U}) {
    ASSERT_TRUE(wait_ready(*fake.engine));
    EXPECT_EQ(fake.engine->status().starts, start);
    ASSERT_TRUE(fake.history.wait_for([&](const EngineStatus& one) {
      return one.state == EngineState::stopped && one.starts == start;
    }));
    EXPECT_FALSE(fake.engine->ready());
    EXPECT_EQ(fake.engine->status().deaths, 0U);
  }
  fake.engine.reset();
}

TEST(Supervisor, AWaitEndsAtItsDeadlineOrWhenItIsStopped) {
  const NothingLeftBehind check;
  Fake fake("never_ready");
  const auto late = wait_ready(*fake.engine, 1ms);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::deadline_exceeded);
  fake.engine.reset();
}

TEST(Supervisor, AnEngineInheritsNothingButWhatItIsGiven) {
  const NothingLeftBehind check;
  Fake fake("tells");
  ASSERT_TRUE(wait_ready(*fake.engine));
  fake.engine.reset();
  const std::string log = contents(fake.folder.path() / "fake.log");
  EXPECT_NE(log.find("descriptors 0 1 2\n"), std::string::npos) << log;
  EXPECT_NE(log.find("ONLY"), std::string::npos) << log;
  EXPECT_EQ(log.find("PATH"), std::string::npos) << log;
  EXPECT_EQ(log.find("HOME"), std::string::npos) << log;
  EXPECT_NE(log.find("group True nice 3 input /dev/null\n"), std::string::npos) << log;
  EXPECT_NE(log.find("blocked set()\n"), std::string::npos) << log;
}

TEST(Supervisor, ItsLogIsBounded) {
  const NothingLeftBehind check;
  Fake fake("loud");
  ASSERT_TRUE(wait_ready(*fake.engine));
  fake.engine.reset();
  std::uintmax_t bytes = 0;
  for (const auto& file : std::filesystem::directory_iterator(fake.folder.path())) {
    EXPECT_LE(file.file_size(), OutputLog::file_bytes);
    bytes += file.file_size();
  }
  EXPECT_GT(bytes, OutputLog::file_bytes);
}

}  // namespace
}  // namespace holdfast::engine

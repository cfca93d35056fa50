#include "routing/concurrency_limit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <queue>
#include <thread>
#include <vector>

#include "base/random.h"

namespace holdfast::routing {
namespace {

using namespace std::chrono_literals;

TEST(Gradient, OneStep) {
  constexpr ConcurrencyBounds bounds{.most = 200, .least = 10};
  constexpr double usual = 1e9;
  struct Case {
    const char* rule;
    double limit, recent;  // recent: of the usual time
    std::int64_t peak;
    double want;
  };
  constexpr Case cases[] = {
      {"as usual and in use: grows by a part of its root", 100, 1, 100, 103},
      {"as usual and not in use: nothing says that more would do", 100, 1, 49, 100},
      {"a little slower is no sign", 100, 1.4, 100, 103},
      {"three times as slow: a half is asked for, a part of it taken", 100, 3, 100, 88},
      {"a limit far above what is used comes down to twice that first", 200, 3, 10, 18.34},
      {"never above the most", 200, 1, 200, 200},
      {"never below the least", 10, 100, 1, 10},
  };
  for (const Case& c : cases) {
    const Gradient got = next_gradient({c.limit, usual}, c.recent * usual, c.peak, bounds);
    EXPECT_NEAR(got.limit, c.want, 0.1) << c.rule;
  }
}

TEST(Gradient, TheUsualTimeGoesUpSlowlyAndDownQuickly) {
  constexpr ConcurrencyBounds bounds{.most = 200, .least = 2};
  EXPECT_NEAR(next_gradient({100, 1'000}, 7'000, 1, bounds).typical_ns, 1'001, 0.1);
  EXPECT_NEAR(next_gradient({100, 1'000}, 500, 1, bounds).typical_ns, 950, 0.1);
  EXPECT_NEAR(next_gradient({100, 0}, 500, 1, bounds).typical_ns, 500, 0.1);
}

// A target with so many places, each of which takes a request for `service`; those beyond wait in
// its own queue. Clients ask again as soon as they are answered or find no room. Time is virtual.
struct Target {
  int places;
  Duration service;
};

struct Played {
  std::int64_t answered = 0;
  std::int64_t limit = 0;  // at the end
  std::int64_t most_at_once = 0;
  Duration slowest{0};  // first content in the last quarter
};

Played play(ConcurrencyLimit& limit, const ConcurrencyBounds& bounds, Target target, int clients,
            Duration length, MonoTime begin) {
  using Event = std::pair<MonoTime, MonoTime>;  // it ends, it was sent
  std::priority_queue<Event, std::vector<Event>, std::greater<>> ends;
  std::vector<MonoTime> free_at(static_cast<std::size_t>(target.places), begin);
  Played out;
  MonoTime now = begin;
  int under_way = 0;
  const auto send = [&] {
    while (under_way < clients && limit.enter(bounds)) {
      ++under_way;
      const auto place = std::ranges::min_element(free_at);
      *place = std::max(*place, now) + target.service;
      ends.emplace(*place, now);
    }
    out.most_at_once = std::max(out.most_at_once, limit.under_way());
  };
  send();
  while (!ends.empty() && ends.top().first < begin + length) {
    const auto [end, sent] = ends.top();
    ends.pop();
    now = end;
    limit.leave();
    --under_way;
    limit.answered(bounds, now - sent, now);
    ++out.answered;
    if (now > begin + length * 3 / 4) out.slowest = std::max<Duration>(out.slowest, now - sent);
    send();
  }
  while (!ends.empty()) {  // what is under way at the end
    ends.pop();
    limit.leave();
  }
  out.limit = limit.limit(bounds);
  return out;
}

constexpr MonoTime start{std::chrono::hours(1)};

TEST(ConcurrencyLimit, FindsTheCapacityOfAnOverloadedTarget) {
  constexpr ConcurrencyBounds bounds{.most = 1'000, .least = 2};
  ConcurrencyLimit limit;
  const Target target{20, 200ms};
  play(limit, bounds, target, 10, 10s, start);  // at half its capacity it learns what is usual
  EXPECT_EQ(limit.limit(bounds), 1'000);
  const Played over = play(limit, bounds, target, 60, 60s, start + 1h);  // three times
  EXPECT_GE(over.limit, 20);
  EXPECT_LE(over.limit, 45);
  const std::int64_t capacity = 6'000;  // 20 places of 200 ms, a minute long
  EXPECT_GE(over.answered, capacity * 95 / 100);
  EXPECT_LE(over.slowest, Duration(450ms)) << "three times the load, and little slower";
  EXPECT_EQ(limit.under_way(), 0);
}

TEST(ConcurrencyLimit, FollowsATargetThatLosesHalfAndGetsItBack) {
  constexpr ConcurrencyBounds bounds{.most = 500, .least = 2};
  ConcurrencyLimit limit;
  play(limit, bounds, {40, 200ms}, 20, 10s, start);
  const Played whole = play(limit, bounds, {40, 200ms}, 120, 30s, start + 1h);
  const Played half = play(limit, bounds, {20, 200ms}, 120, 30s, start + 2h);
  const Played again = play(limit, bounds, {40, 200ms}, 120, 30s, start + 3h);
  EXPECT_LT(half.limit, whole.limit * 3 / 4);
  EXPECT_GT(again.limit, half.limit * 5 / 4);
  EXPECT_GE(half.answered, 30 * 5 * 20 * 95 / 100);
  EXPECT_GE(again.answered, 30 * 5 * 40 * 95 / 100);
}

TEST(ConcurrencyLimit, LeavesATargetAloneThatHasRoom) {
  constexpr ConcurrencyBounds bounds{.most = 300, .least = 2};
  ConcurrencyLimit limit;
  const Played wide = play(limit, bounds, {1'000, 300ms}, 250, 60s, start);
  EXPECT_GE(wide.limit, 250) << "nothing slows down, nobody waits";
  EXPECT_EQ(wide.most_at_once, 250);
}

TEST(ConcurrencyLimit, DoesNotStrangleATargetThatBecomesSlowForGood) {
  constexpr ConcurrencyBounds bounds{.most = 300, .least = 2};
  ConcurrencyLimit limit;
  play(limit, bounds, {1'000, 200ms}, 60, 10s, start);
  const Played slow = play(limit, bounds, {1'000, 900ms}, 60, 60s, start + 1h);  // longer prompts
  EXPECT_GE(slow.limit, 60);
  EXPECT_GE(slow.answered, 60 * 60 * 10 / 9 * 85 / 100) << "little is lost on the way";
}

TEST(ConcurrencyLimit, OneOverloadIsOneStep) {
  constexpr ConcurrencyBounds bounds{.most = 100, .least = 5};
  ConcurrencyLimit limit;
  for (int i = 0; i < 50; ++i) limit.enter(bounds);
  for (int i = 0; i < 30; ++i) limit.overloaded(bounds, start);
  EXPECT_EQ(limit.limit(bounds), 45);
  limit.overloaded(bounds, start + 2s);
  EXPECT_EQ(limit.limit(bounds), 40);
  for (int i = 0; i < 100; ++i) limit.overloaded(bounds, start + std::chrono::seconds(4 + 2 * i));
  EXPECT_EQ(limit.limit(bounds), 5) << "never below the least";
}

TEST(ConcurrencyLimit, OneThatDoesNotAdaptStays) {
  constexpr ConcurrencyBounds bounds{.most = 10, .least = 1, .adapts = false};
  ConcurrencyLimit limit;
  limit.overloaded(bounds, start);
  for (int i = 0; i < 100; ++i)
    limit.answered(bounds, std::chrono::seconds(1 + i), start + std::chrono::seconds(i));
  EXPECT_EQ(limit.limit(bounds), 10);
}

TEST(ConcurrencyLimit, NeverMoreThanTheMostFromAnyThread) {
  constexpr ConcurrencyBounds bounds{.most = 9, .least = 2};
  ConcurrencyLimit limit;
  std::atomic<std::int64_t> at_once = 0;
  std::atomic<bool> exceeded = false;
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (std::uint64_t seed = 1; seed <= 4; ++seed)
    threads.emplace_back([&, seed] {
      Random random(seed);
      std::int64_t held = 0;
      for (int turn = 0; turn < 20'000; ++turn) {
        if (held > 0 && random.below(2) == 0) {
          --at_once;
          --held;
          limit.leave();
          limit.answered(bounds, Duration(static_cast<std::int64_t>(1'000 + random.below(9'000))),
                         start + Duration(turn * 100'000));
        } else if (limit.enter(bounds)) {
          ++held;
          if (++at_once > bounds.most) exceeded = true;
        }
      }
      at_once -= held;
      for (; held > 0; --held) limit.leave();
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(exceeded.load());
  EXPECT_EQ(limit.under_way(), 0);
}

}  // namespace
}  // namespace holdfast::routing

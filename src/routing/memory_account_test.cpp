#include "routing/memory_account.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <utility>
#include <vector>

#include "base/overload_limits.h"
#include "base/random.h"

namespace holdfast::routing {
namespace {

using enum ServiceClass;

TEST(MemoryAccount, TheCriticalClassIsRefusedLast) {
  constexpr std::int64_t limit = 100'000'000;
  struct Case {
    const char* rule;
    std::int64_t held, asked;
    ServiceClass service_class;
    bool fits;
  };
  constexpr Case cases[] = {
      {"room for all", 0, 1'000'000, experimental, true},
      {"eight tenths for the experimental", 79'500'000, 1'000'000, experimental, false},
      {"nine for the usual", 79'500'000, 1'000'000, internal_productivity, true},
      {"and no more", 89'500'000, 1'000'000, internal_productivity, false},
      {"all for the critical", 98'500'000, 1'000'000, critical_revenue, true},
      {"and no more", 99'500'000, 1'000'000, critical_revenue, false},
      {"what is small fits for longer", 95'000'000, limits::small_request_bytes, experimental,
       true},
      {"and not beyond the limit", 99'990'000, limits::small_request_bytes, experimental, false},
      {"one alone that is larger than all", 0, 200'000'000, critical_revenue, false}};
  for (const Case& c : cases) {
    MemoryAccount account;
    const MemoryAccount::Charge held = account.take(c.held, critical_revenue, 0);
    EXPECT_EQ(account.take(c.asked, c.service_class, limit).held(), c.fits) << c.rule;
    EXPECT_EQ(account.held(), c.held) << c.rule;
  }
}

TEST(MemoryAccount, GivesBackWhatAChargeHasGrownTo) {
  MemoryAccount account;
  {
    MemoryAccount::Charge charge = account.take(1'000, experimental, 0);
    charge.grow(500);
    MemoryAccount::Charge moved;
    moved = std::move(charge);
    moved.grow(-200);
    EXPECT_EQ(account.held(), 1'300);
  }
  EXPECT_EQ(account.held(), 0);
}

TEST(MemoryAccount, NeverHoldsMoreThanTheLimitFromAnyThread) {
  constexpr std::int64_t limit = 1'000'000;
  MemoryAccount account;
  std::atomic<bool> exceeded = false;
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (std::uint64_t seed = 1; seed <= 4; ++seed)
    threads.emplace_back([&, seed] {
      Random random(seed);
      std::vector<MemoryAccount::Charge> held;
      for (int turn = 0; turn < 10'000; ++turn) {
        if (random.below(2) == 0 && !held.empty()) {
          held.pop_back();
        } else {
          auto charge = account.take(static_cast<std::int64_t>(1 + random.below(90'000)),
                                     critical_revenue, limit);
          if (charge.held()) held.push_back(std::move(charge));
        }
        if (account.held() > limit) exceeded = true;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(exceeded.load());
  EXPECT_EQ(account.held(), 0);
}

}  // namespace
}  // namespace holdfast::routing

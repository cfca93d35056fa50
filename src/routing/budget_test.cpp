#include "routing/budget.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/random.h"
#include "records/price.h"

namespace holdfast::routing {
namespace {
using Verdict = BudgetCell::Verdict;

TEST(Period, IsFixedAndOfUtc) {
  struct Case {
    const char* rule;
    BudgetPeriod period;
    const char *day, *from, *until;
  };
  const Case cases[] = {
      {"a day", BudgetPeriod::day, "2026-11-27", "2026-11-27", "2026-11-28"},
      {"a Monday begins a week", BudgetPeriod::week, "2026-11-23", "2026-11-23", "2026-11-30"},
      {"a Sunday ends it", BudgetPeriod::week, "2026-11-29", "2026-11-23", "2026-11-30"},
      {"the first week", BudgetPeriod::week, "1970-01-04", "1969-12-29", "1970-01-05"},
      {"a month", BudgetPeriod::month, "2026-11-30", "2026-11-01", "2026-12-01"},
      {"December", BudgetPeriod::month, "2026-12-31", "2026-12-01", "2027-01-01"},
      {"a leap year's February", BudgetPeriod::month, "2028-02-29", "2028-02-01", "2028-03-01"}};
  for (const Case& c : cases) {
    const PeriodSpan span = period_at(c.period, *records::parse_date(c.day) + 3'600'000'000);
    EXPECT_EQ(span.from_day, records::day_of(*records::parse_date(c.from))) << c.rule;
    EXPECT_EQ(span.until_day, records::day_of(*records::parse_date(c.until))) << c.rule;
    const std::int64_t next_us = span.until_day * 86'400'000'000;
    EXPECT_EQ(period_at(c.period, next_us).number, span.number + 1) << c.rule;
    EXPECT_EQ(period_at(c.period, next_us - 1), span) << c.rule;
  }
}

TEST(BudgetCell, ReservesWhatIsLeasedAndAsksForMore) {
  BudgetCell cell;
  EXPECT_EQ(cell.reserve(5, 1), Verdict::unknown) << "before anybody has prepared it";
  cell.prepare(5, 100, 10);
  EXPECT_EQ(cell.reserve(5, 1), Verdict::wait) << "nothing is leased beyond what is spent";
  EXPECT_EQ(cell.take_wanted(), 1);
  cell.lease(50);
  EXPECT_EQ(cell.reserve(5, 40), Verdict::granted);
  EXPECT_EQ(cell.reserve(5, 30), Verdict::wait);
  EXPECT_EQ(cell.reserve(5, 20), Verdict::wait);
  EXPECT_EQ(cell.take_wanted(), 30) << "the most";
  EXPECT_EQ(cell.reserve(5, 51), Verdict::exhausted);
  cell.lease(100);
  EXPECT_EQ(cell.reserve(5, 50), Verdict::granted) << "to the last nano-USD";
  EXPECT_EQ(cell.reserve(5, 1), Verdict::exhausted);
  EXPECT_EQ(cell.reserve(5, 0), Verdict::granted) << "what costs nothing needs nothing";
  cell.settle(5, 40, 5);
  EXPECT_EQ(cell.view().used, 65);
  EXPECT_EQ(cell.percent(5), 65);
  EXPECT_EQ(cell.reserve(5, 35), Verdict::granted);
}

TEST(BudgetCell, KnowsItsPeriod) {
  BudgetCell cell;
  cell.prepare(5, 100, 0);
  cell.lease(100);
  EXPECT_EQ(cell.reserve(5, 60), Verdict::granted);
  EXPECT_EQ(cell.reserve(9, 60), Verdict::unknown);
  cell.prepare(9, 100, 0);
  cell.settle(5, 60, 10);  // long over: it is in the records, and not in this period
  EXPECT_EQ(cell.view().used, 0);
  EXPECT_EQ(cell.percent(5), 0);
  EXPECT_FALSE(cell.force(5, 1));
  EXPECT_TRUE(cell.force(9, 250)) << "soft budgets go beyond";
  EXPECT_EQ(cell.percent(9), 250);
}

TEST(BudgetTable, PeriodsThatFollowHaveCellsOfTheirOwn) {
  BudgetTable table;
  for (std::int64_t number = 0; number < 4; ++number)
    table.cell(3, number).prepare(number, 100, number);
  for (std::int64_t number = 0; number < 4; ++number)
    EXPECT_EQ(table.cell(3, number).view().used, number);
  EXPECT_EQ(&table.cell(3, 1), &table.cell(3, 5));
  table.ask_for_slices();
  table.ask_for_slices();  // asked once, however many ask
  table.await_demand(std::chrono::hours(1));
  table.await_demand(std::chrono::milliseconds(1));
}

// All threads at one budget, while its slices grow: at no moment is more spent and reserved than it
// has, and in the end it is what was charged.
TEST(BudgetCell, IsNeverOverspentByThreads) {
  constexpr int threads = 4, each = 25'000;
  constexpr std::int64_t cap = 10'000'000;
  BudgetCell cell;
  cell.prepare(1, cap, 0);
  std::atomic<std::int64_t> charged{0}, refused{0}, granted{0}, overspent{0};
  std::atomic<int> running{threads};
  std::vector<std::thread> workers;
  workers.reserve(threads);
  for (int t = 0; t < threads; ++t)
    workers.emplace_back([&, t] {
      Random random(static_cast<std::uint64_t>(t) + 1);
      std::int64_t held = 0;  // one reservation stays open over the next
      for (int i = 0; i < each; ++i) {
        const auto amount = static_cast<std::int64_t>(random.next() % 1'000);
        Verdict verdict = cell.reserve(1, amount);
        while (verdict == Verdict::wait) {
          std::this_thread::yield();
          verdict = cell.reserve(1, amount);
        }
        const auto view = cell.view();
        if (view.used > cap) overspent.fetch_add(1);
        if (verdict == Verdict::exhausted) {
          refused.fetch_add(1);
          continue;
        }
        granted.fetch_add(1);
        const std::int64_t actual = held / 2;
        cell.settle(1, held, actual);
        charged.fetch_add(actual);
        held = amount;
      }
      cell.settle(1, held, held);
      charged.fetch_add(held);
      running.fetch_sub(1);
    });
  while (running.load() > 0) {  // who keeps the ledger
    const auto view = cell.view();
    const std::int64_t more = std::min(cap, view.used + cell.take_wanted() + 5'000);
    if (more > view.leased) cell.lease(more);
    std::this_thread::yield();
  }
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(overspent.load(), 0);
  EXPECT_EQ(granted.load() + refused.load(), std::int64_t{threads} * each);
  EXPECT_GT(refused.load(), 0) << "the budget was too large to show anything";
  EXPECT_EQ(cell.view().used, charged.load());
  EXPECT_LE(charged.load(), cap);
}
}  // namespace
}  // namespace holdfast::routing

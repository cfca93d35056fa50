#include "routing/budget.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>

namespace holdfast::routing {
namespace {
constexpr auto relaxed = std::memory_order_relaxed;
constexpr std::int64_t days_of_week = 7;
constexpr std::int64_t thursday = 3;  // 1970 began on one; its week three days before

std::int64_t month_day(std::int64_t months) {
  const auto year = std::chrono::year(static_cast<int>(1970 + months / 12));
  const auto month = std::chrono::month(static_cast<unsigned>(months % 12) + 1);
  return std::chrono::sys_days(year / month / std::chrono::day(1)).time_since_epoch().count();
}
}  // namespace

std::string_view to_string(BudgetPeriod period) {
  switch (period) {
    case BudgetPeriod::day:
      return "day";
    case BudgetPeriod::week:
      return "week";
    case BudgetPeriod::month:
      return "month";
  }
  return "month";
}

PeriodSpan period_at(BudgetPeriod period, std::int64_t wall_us) {
  const std::int64_t day = std::max<std::int64_t>(records::day_of(wall_us), 0);
  switch (period) {
    case BudgetPeriod::day:
      return {day, day, day + 1};
    case BudgetPeriod::week: {
      const std::int64_t week = (day + thursday) / days_of_week;
      const std::int64_t begin = week * days_of_week - thursday;
      return {week, begin, begin + days_of_week};
    }
    case BudgetPeriod::month:
      break;
  }
  const std::chrono::year_month_day date(
      std::chrono::sys_days(std::chrono::days(static_cast<int>(day))));
  const std::int64_t month = (static_cast<int>(date.year()) - 1970) * 12 +
                             static_cast<int>(static_cast<unsigned>(date.month())) - 1;
  return {month, month_day(month), month_day(month + 1)};
}

// The only place where used_ grows under a condition: whoever loses the race looks again, and the
// lease that it compares with can only have grown meanwhile.
BudgetCell::Verdict BudgetCell::reserve(std::int64_t number, std::int64_t amount) {
  if (number_.load(std::memory_order_acquire) != number) return Verdict::unknown;
  if (amount == 0) return Verdict::granted;  // a used up budget stops nothing that is free
  std::int64_t used = used_.load(relaxed);
  while (true) {
    if (amount > cap_.load(relaxed) - used) return Verdict::exhausted;
    const std::int64_t missing = used + amount - leased_.load(relaxed);
    if (missing > 0) {
      std::int64_t wanted = wanted_.load(relaxed);
      while (wanted < missing && !wanted_.compare_exchange_weak(wanted, missing, relaxed)) {
      }
      return Verdict::wait;
    }
    if (used_.compare_exchange_weak(used, used + amount, relaxed)) return Verdict::granted;
  }
}

bool BudgetCell::force(std::int64_t number, std::int64_t amount) {
  if (number_.load(std::memory_order_acquire) != number) return false;
  used_.fetch_add(amount, relaxed);
  return true;
}

void BudgetCell::settle(std::int64_t number, std::int64_t reserved, std::int64_t charged) {
  if (number_.load(std::memory_order_acquire) == number)
    used_.fetch_add(charged - reserved, relaxed);
}

int BudgetCell::percent(std::int64_t number) const {
  if (number_.load(std::memory_order_acquire) != number) return 0;
  const std::int64_t cap = cap_.load(relaxed), used = used_.load(relaxed);
  if (used <= 0) return 0;
  if (cap <= 0) return std::numeric_limits<int>::max();
  const __int128 percent = static_cast<__int128>(used) * 100 / cap;
  return static_cast<int>(std::min<__int128>(percent, std::numeric_limits<int>::max()));
}

BudgetCell::View BudgetCell::view() const {
  return {number_.load(std::memory_order_acquire), cap_.load(relaxed), leased_.load(relaxed),
          used_.load(relaxed), wanted_.load(relaxed)};
}

void BudgetCell::prepare(std::int64_t number, std::int64_t cap, std::int64_t used) {
  number_.store(-1, std::memory_order_release);  // until it is whole
  cap_.store(cap, relaxed);
  leased_.store(used, relaxed);
  used_.store(used, relaxed);
  wanted_.store(0, relaxed);
  number_.store(number, std::memory_order_release);
}

void BudgetCell::lease(std::int64_t leased) { leased_.store(leased, relaxed); }

void BudgetTable::ask_for_slices() {
  if (!asked_.exchange(true, std::memory_order_acq_rel)) demand_.release();
}

void BudgetTable::await_demand(std::chrono::milliseconds longest) {
  if (demand_.try_acquire_for(longest)) asked_.store(false, std::memory_order_release);
}

}  // namespace holdfast::routing

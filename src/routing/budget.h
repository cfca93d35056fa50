// Budgets in memory: what is spent and what is reserved of each, shared by all threads without a
// lock. What stands here is covered by a slice that the ledger has on file
// (records/budget_ledger.h), so that a crash cannot make more of a budget than it is.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <semaphore>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/money.h"
#include "records/spending.h"

namespace holdfast::routing {

enum class BudgetPeriod : std::uint8_t { day, week, month };  // of UTC; weeks begin on Monday
std::string_view to_string(BudgetPeriod period);

// Days since 1970, of UTC. `number` counts the periods: 1970's first day, week or month is 0.
struct PeriodSpan {
  std::int64_t number = 0, from_day = 0, until_day = 0;
  bool operator==(const PeriodSpan&) const = default;
};
PeriodSpan period_at(BudgetPeriod period, std::int64_t wall_us);

// A budget as the operator has written it down.
struct Budget {
  std::string name;
  records::SpendingScope scope;  // whose attempts count
  BudgetPeriod period = BudgetPeriod::month;
  NanoUsd amount;
  bool hard = false;  // beyond it nothing is asked; soft ones only tell
  std::vector<int> notify_at = {50, 75, 90, 100};  // percent, ascending
  int warn_at = 75;                                // percent: answers say so
  int degrade_at = 90;                             // percent: requests go to degrade_to
  std::string degrade_to;                          // a logical model; empty: none
  std::uint16_t index = 0;                         // in the table
};

// One budget in one period. All amounts are nano-USD.
class BudgetCell {
 public:
  enum class Verdict : std::uint8_t {
    granted,
    wait,       // the budget has room, the slice does not: a larger one has been asked for
    exhausted,  // the budget has no room
    unknown,    // nobody has prepared the period: the ledger does not answer
  };

  // Reserves `amount` of the period `number`. Never lets more be spent and reserved than is leased,
  // nor more leased than the budget has.
  Verdict reserve(std::int64_t number, std::int64_t amount);
  // The same without asking: for soft budgets, and for those who are never stopped.
  bool force(std::int64_t number, std::int64_t amount);
  // Puts what was charged in the place of what was reserved.
  void settle(std::int64_t number, std::int64_t reserved, std::int64_t charged);

  // How much of the budget is spent and reserved, in percent; 0 when the period is another one.
  int percent(std::int64_t number) const;

  struct View {
    std::int64_t number = -1, cap = 0, leased = 0, used = 0, wanted = 0;
  };
  View view() const;

  // For the one who keeps the ledger. Begins the period `number`, of which `used` is spent already.
  void prepare(std::int64_t number, std::int64_t cap, std::int64_t used);
  // Lets up to `leased` be used from now on; it is on file.
  void lease(std::int64_t leased);
  void set_cap(std::int64_t cap) { cap_.store(cap, std::memory_order_relaxed); }
  // What the last reservation that had to wait needs beyond the slice; 0 afterwards.
  std::int64_t take_wanted() { return wanted_.exchange(0, std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> number_{-1}, cap_{0}, leased_{0}, used_{0}, wanted_{0};
};

// The budgets of a process. A cell is used again after four periods, which is longer than any
// attempt may take.
class BudgetTable {
 public:
  static constexpr std::size_t periods = 4;
  BudgetCell& cell(std::size_t budget, std::int64_t number) {
    return cells_[budget][static_cast<std::size_t>(number) % periods];
  }
  // How often a budget had no room, and how often it was gone beyond for who is never stopped.
  void count_refused(std::size_t budget) {
    refused_[budget].fetch_add(1, std::memory_order_relaxed);
  }
  void count_forced(std::size_t budget) { forced_[budget].fetch_add(1, std::memory_order_relaxed); }
  std::uint64_t refused(std::size_t budget) const {
    return refused_[budget].load(std::memory_order_relaxed);
  }
  std::uint64_t forced(std::size_t budget) const {
    return forced_[budget].load(std::memory_order_relaxed);
  }
  // Says that a slice is needed; any thread, never blocks.
  void ask_for_slices();
  // Waits until somebody has asked, at most `longest`.
  void await_demand(std::chrono::milliseconds longest);

 private:
  std::array<std::array<BudgetCell, periods>, limits::budgets> cells_;
  std::array<std::atomic<std::uint64_t>, limits::budgets> refused_{}, forced_{};
  std::atomic<bool> asked_{false};
  std::counting_semaphore<> demand_{0};
};

}  // namespace holdfast::routing

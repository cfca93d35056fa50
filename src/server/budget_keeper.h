// Keeps the budgets' slices on file ahead of need, begins their periods, and tells when they are
// used up to a threshold. A thread of its own: nobody's request waits for the disk.
#pragma once
#include <atomic>
#include <boost/json/value.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "observe/registry.h"
#include "records/budget_ledger.h"
#include "routing/budget.h"

namespace holdfast::server {

class BudgetKeeper {
 public:
  // What the records have charged to a scope in some days: [from, until).
  using Charged =
      std::function<Result<NanoUsd>(const records::SpendingScope&, std::int64_t, std::int64_t)>;
  struct Parts {
    routing::BudgetTable& table;
    records::SliceStore& store;
    const Clock& clock;
    Charged charged;
    std::string boot;  // records::boot_id
  };
  BudgetKeeper(std::vector<routing::Budget> budgets, Parts parts);
  ~BudgetKeeper();  // stops

  // One round: begins the periods that have come or come within the hour, leases what is needed,
  // tells thresholds. Before start(), or by the thread.
  //   errors   io: what could not be kept on file; all else is done nevertheless
  Result<void> pass();
  void start();
  // Ends the thread, and writes down what is spent in place of what was leased. To be called when
  // no request is under way and the records are drained.
  void stop();

  // Main thread. Takes over amounts and what is told of the budgets that it has; false when they
  // are not the same budgets otherwise: those take effect at the next start.
  bool use(const std::vector<routing::Budget>& budgets);
  // The budgets as they are in force.
  std::vector<routing::Budget> budgets() const;
  // Why slices cannot be kept on file; empty: they can.
  std::string problem() const;
  boost::json::value to_json() const;
  // Any thread that scrapes.
  void provide(observe::Registry& registry) const;

 private:
  struct Told {  // of the period under way
    std::int64_t from_day = -1;
    int percent = 0;
    std::vector<std::pair<int, std::int64_t>> crossed;  // threshold, when (wall time, us)
  };
  Result<void> begin_period(const routing::Budget& budget, const routing::PeriodSpan& span);
  Result<void> lease(const routing::Budget& budget, const routing::PeriodSpan& span);
  Result<void> tell(const routing::Budget& budget, const routing::PeriodSpan& span);
  Result<void> save(const routing::Budget& budget, const routing::PeriodSpan& span,
                    std::int64_t leased, int notified);
  void tell_forced(const routing::Budget& budget);
  void run();

  const Parts parts_;
  mutable std::mutex mutex_;  // guards the next four; never taken on a request's way
  std::vector<routing::Budget> budgets_;
  std::vector<Told> told_;
  std::vector<std::uint64_t> forced_told_;
  std::string problem_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace holdfast::server

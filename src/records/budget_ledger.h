// The slices of budgets, on file: how much of each the process may have spent by now. After a loss
// of power the records may lack their last moments; then what was leased counts as spent.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "base/money.h"
#include "store/database.h"

namespace holdfast::records {

struct Slice {
  NanoUsd leased;    // in all, of the period
  std::string boot;  // of the machine, when it was leased
  int notified = 0;  // the highest threshold that was told, percent
};

// Where slices are kept. Replaced by tests that let it fail.
struct SliceStore {
  virtual ~SliceStore() = default;
  // Of the budget `name` in the period that begins on `from_day`; nothing: none was ever leased.
  //   errors   io
  virtual Result<std::optional<Slice>> find(std::string_view name, std::int64_t from_day) = 0;
  // On the disk when it returns.   errors   io
  virtual Result<void> save(std::string_view name, std::int64_t from_day, const Slice& slice) = 0;
};

// In a database of its own in the state directory: a connection that nobody else waits for. Used by
// one thread.
class BudgetLedger final : public SliceStore {
 public:
  //   errors   as store::Database::open and migrate
  static Result<std::unique_ptr<BudgetLedger>> open(const std::string& state_dir);
  Result<std::optional<Slice>> find(std::string_view name, std::int64_t from_day) override;
  Result<void> save(std::string_view name, std::int64_t from_day, const Slice& slice) override;

 private:
  explicit BudgetLedger(store::Database database) : database_(std::move(database)) {}
  store::Database database_;
};

// Changes whenever the machine is started anew; empty where it is not told.
std::string boot_id();

}  // namespace holdfast::records

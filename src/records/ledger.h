// The records' tables as the drain writes them; each call is one transaction.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "records/frame.h"
#include "records/segments.h"
#include "records/settings.h"
#include "records/spending.h"
#include "store/database.h"

namespace holdfast::records {

// Over the life of the database.
struct Counts {
  std::int64_t attempts = 0, settled = 0, unsettled = 0, unmatched = 0, damaged = 0;
};

class Ledger {  // used by one thread at a time
 public:
  // Opens or makes the database, and begins a run: a number larger than that of every run before.
  //   errors   as store::Database::open and migrate
  //   sealer   null: no log is told what is sealed and deleted; else it outlives the ledger
  static Result<Ledger> open(const std::string& path, std::int64_t wall_us, Sealer* sealer);
  Ledger(Ledger&&) noexcept;
  ~Ledger();
  std::uint64_t run() const { return run_; }
  const Counts& counts() const { return counts_; }

  // How far the journal file `name` is in the tables, in bytes.
  Result<std::uint64_t> position(std::string_view name);
  // Takes in records of one journal file, up to `position`: all of it happens, or nothing.
  Result<void> post(std::string_view name, const JournalHead& head, std::span<const Record> records,
                    std::uint64_t position);
  // The file `name` is gone, or set aside as damaged.
  Result<void> forget(std::string_view name, bool damaged);
  // Forgets the files that are not among `names`.
  Result<void> forget_all_but(std::span<const std::string> names);
  // Seals one segment. Returns whether there is more to seal now. That the log takes nothing is
  // told by log_error().
  Result<bool> seal();
  const std::string& log_error() const { return segments_.log_error(); }
  // Attempts that are in no segment yet, those that are under way included.
  std::int64_t unsealed() const { return next_id_ - 1 - sealed_id_; }
  // Makes the open attempts of earlier runs unsettled.
  Result<void> settle_dead_runs();
  // Makes the open attempts up to `last_id` unsettled: they have been open for so long that their
  // end was lost, and nothing behind them could be sealed.
  Result<void> settle_lost(std::int64_t last_id);
  std::int64_t last_id() const { return next_id_ - 1; }
  // Deletes one batch of what is too old or too much, in whole segments, which were sealed and of
  // which the log has been told. Returns whether more is to be deleted.
  Result<bool> retain(const Settings& settings, std::int64_t wall_us);
  // Whether the database is larger than it should be.
  Result<bool> too_large(const Settings& settings);

 private:
  struct Statements;
  Ledger(store::Database database, Sealer* sealer);
  Result<void> settle_where(const std::string& condition, std::string_view reason);
  Result<void> prepare();
  Result<bool> settle(const JournalHead& head, const AttemptEnd& end, SpendingChanges& spent);
  Result<void> commit(store::Transaction& transaction, const Counts& change);

  store::Database database_;
  std::unique_ptr<Statements> statements_;
  Segments segments_;
  std::uint64_t run_ = 0;
  std::int64_t next_id_ = 1;  // of the next attempt: never one that was given before
  std::int64_t sealed_id_ = 0;
  Counts counts_;
};

}  // namespace holdfast::records

// Carries the journals into the store, off every request's way: exactly once, whatever crashes.
#pragma once
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "records/frame.h"
#include "records/journal.h"
#include "records/ledger.h"
#include "records/settings.h"

namespace holdfast::records {

struct Totals {
  // Over the life of the state directory; attempts == settled + unsettled + open.
  std::uint64_t attempts = 0;   // starts that are in the store
  std::uint64_t settled = 0;    // with their end
  std::uint64_t unsettled = 0;  // the process ended before the attempt did
  std::uint64_t open = 0;       // their end is still to come
  std::uint64_t unmatched = 0;  // ends whose start is not in the store
  std::uint64_t damaged = 0;    // journal files with a bad checksum, kept as NAME.damaged
  // Now.
  std::uint64_t lost = 0;           // records that no file took, since the start of the process
  std::uint64_t journal_bytes = 0;  // of the files that are still needed
  std::uint64_t lag_records = 0;    // in files, not yet in the store
  bool lossy = false;               // a journal cannot write: readiness warns
  std::string store_error;          // why the store takes nothing; empty when it does
  std::uint64_t unsealed = 0;       // attempts that are in no segment yet, open ones included
  std::string seal_error;           // why none can be sealed; empty when they can
};

class Drain {
 public:
  // Opens the records below `state_dir`, which the caller has locked (store/state_lock.h), and
  // starts the thread that drains. What an earlier process left is drained first, and its attempts
  // without an end become unsettled.
  //   clock    outlives the Drain
  //   sealer   null: no log is told what is sealed and deleted; else it outlives the Drain
  //   errors   configuration: the database is damaged or of a newer version; io
  static Result<std::unique_ptr<Drain>> open(const std::string& state_dir, const Settings& settings,
                                             Clock& clock, JournalDisk& disk = system_disk(),
                                             Sealer* sealer = nullptr);
  ~Drain();  // stops

  // A journal for one more thread. Any thread; the journal may outlive the Drain.
  std::unique_ptr<Journal> open_journal();

  // Any thread. Returns once everything flushed before the call is in the store and retention is
  // enforced.   errors   io: the store takes nothing now; what was flushed stays in the journals
  Result<void> wait_until_drained();
  // Drains what was flushed and ends the thread. To be called when the journals are closed.
  //   errors   as above; the next start drains the rest
  Result<void> stop();

  // Any thread; some microseconds.
  Totals totals() const;

 private:
  Drain(std::shared_ptr<JournalFolder> folder, Ledger ledger, const Settings& settings,
        Clock& clock);
  void run();
  Result<bool> pass(bool stopping);
  Result<bool> seal(bool stopping);
  Result<void> drain_file(JournalFile& file);
  Result<void> close_file(JournalFile& file);
  void sync_if_due();
  void sleep(bool failed);
  bool hurried() const;

  const std::shared_ptr<JournalFolder> folder_;
  const Settings settings_;
  Clock& clock_;
  // The thread's own.
  Ledger ledger_;
  std::unique_ptr<char[]> chunk_;
  std::vector<Record> records_;
  MonoTime synced_at_, retained_at_, sealed_at_, marked_at_;
  std::int64_t marked_id_ = 0;  // the last attempt at marked_at_
  bool dead_are_settled_ = false;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable answer_;
  std::uint64_t asked_ = 0, answered_ = 0;  // calls of wait_until_drained
  bool stopping_ = false, ended_ = false;
  Result<void> outcome_;  // of the last pass
  Counts counts_;
  std::int64_t unsealed_ = 0;
  std::string seal_error_;
  std::thread thread_;
};

}  // namespace holdfast::records

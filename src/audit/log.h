// The audit log as the process that keeps it has it.
//
// An entry is on the disk before append() or begin() returns, so: write down first, then do. When
// it cannot be written, nothing may be done, and nothing of it is in the log. What was begun gets
// its outcome by conclude(); if that cannot be written it is owed, and goes before the next entry;
// if the process dies first, the next start writes `unknown`.
//
// Never on a request's way: each entry waits for the disk. Any thread, under one lock.
#pragma once
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "audit/event.h"
#include "audit/files.h"
#include "audit/note.h"
#include "audit/settings.h"
#include "audit/tree.h"
#include "base/clock.h"

namespace holdfast::limits {
inline constexpr std::size_t audit_open_intents = 64;  // begun, or with an outcome that is owed
}

namespace holdfast::audit {

struct Status {
  std::uint64_t entries = 0;         // in the log
  std::uint64_t signed_entries = 0;  // of them, by the last checkpoint
  std::int64_t checkpoint_us = 0;    // when that was made by this process; 0: not yet
  std::uint64_t refused = 0;         // entries that could not be written, since the start
  std::uint64_t checkpoint_failures = 0;
  std::string problem;             // why entries are refused; empty: they are written
  std::string checkpoint_problem;  // why the last checkpoint could not be made; empty: it was
};

class Log {
 public:
  // Opens FOLDER, makes it (and its key) when it is not there; takes away what was not whole after
  // a crash, and holds the rest against the last checkpoint: work for as many entries as came
  // after it. Entries before are read only when the nodes are lost. A log that is there and that
  // the disk does not let open is opened by the first entry that it lets write: until then
  // status() says why entries are refused.
  //   errors   io: a new log cannot be made, or the key not read; configuration: the log is not
  //            what was signed for (truncated, edited, forked ...) or damaged behind that, its key
  //            is gone: says what, and what to do. It changes nothing then.
  static Result<std::unique_ptr<Log>> open(const std::string& folder, Settings settings,
                                           const Clock& clock, OpenAppend open = open_append);
  ~Log();

  // Writes down what happens. Returns the entry's index.
  //   errors   io: it could not be written, and is not there; the next one tries anew
  //            too_large
  Result<std::uint64_t> append(const Event& event);
  // Writes down what is about to be done. Whoever gets an index does it, and concludes.
  //   errors   the same; too_large: too many are under way
  Result<std::uint64_t> begin(const Event& event);
  void conclude(std::uint64_t intent, Outcome outcome);

  // Writes what is owed, a checkpoint when one is due, and, after entries were refused, how many
  // (log.resumed) once the disk takes them again; opens what could not be opened yet. Call it about
  // once a second.
  void tick();
  // Signs for all that is there, unless something is under way or nothing is new.
  //   errors   io
  Result<void> checkpoint();
  void use(const Settings& settings);

  Status status() const;
  const PublicKey& key() const { return signer_.public_key(); }

 private:
  struct Files;
  struct Intent {
    std::uint64_t index = 0;
    std::string action, target;
  };
  struct Owed {
    Intent intent;
    Outcome outcome = Outcome::unknown;
  };
  Log(const std::string& folder, Settings settings, const Clock& clock, OpenAppend open,
      Signer signer);

  struct LastCheckpoint {
    Checkpoint checkpoint;
    std::uint64_t whole_bytes = 0;  // of the file; a note behind them is not whole
  };
  Result<void> load();
  Result<void> load_files();
  Result<void> drop_refused();
  Result<LastCheckpoint> read_checkpoint() const;
  bool derived_fit(const Checkpoint& checkpoint, const ReadFile& nodes, const ReadFile& ends) const;
  Result<void> rebuild(std::uint64_t signed_size);
  Result<void> replay(std::uint64_t offset);
  Result<void> begin_new();
  Result<std::uint64_t> write(Entry entry);
  Result<std::uint64_t> write_whole_entry(Entry entry);
  Result<void> settle_owed();
  Result<void> sign();
  void note_failure(const Error& error);
  void resume();
  Entry entry_of(const Event& event, Phase phase) const;

  const Paths paths_;
  const Clock& clock_;
  const OpenAppend open_;
  const Signer signer_;
  mutable std::mutex mutex_;
  Settings settings_;
  std::unique_ptr<Files> files_;  // null: to be opened and looked at again before the next entry
  Frontier frontier_;
  std::uint64_t bytes_ = 0;  // of the entries
  // Whether bytes_ and the frontier are those of this process: what was there at its start has been
  // taken in.
  bool known_ = false;
  std::vector<Intent> open_intents_;
  std::vector<Owed> owed_;
  Status status_;
  std::uint64_t told_refused_ = 0;  // of status_.refused, told by entries
  MonoTime unsigned_since_{};       // when the first entry after the last checkpoint was written
};

// The key of the log, made when there is none and no log either.   errors   io, configuration
Result<Signer> open_key(const std::string& folder);

}  // namespace holdfast::audit

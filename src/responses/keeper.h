// Keeps responses, off every request's way: one thread writes, another reads, and what waits to be
// written is found as if it were.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "net/task.h"
#include "responses/entry.h"
#include "responses/settings.h"
#include "responses/shelf.h"

namespace holdfast::responses {

struct Totals {
  std::uint64_t written = 0;        // responses, since the start of the process
  std::uint64_t lost = 0;           // for which there was no room in the queue
  std::uint64_t waiting = 0;        // changes that are not on disk yet
  std::uint64_t waiting_bytes = 0;  // of those
  std::string error;                // why the disk takes nothing; empty when it does
};

class Keeper {
 public:
  // Opens the responses below `state_dir`, which the caller has locked, and starts both threads.
  //   clock    outlives the Keeper
  //   errors   configuration: the database is damaged or of a newer version; io
  static Result<std::unique_ptr<Keeper>> open(const std::string& state_dir,
                                              const Settings& settings, const Clock& clock);
  ~Keeper();  // stops
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  // Any thread; takes a lock for as long as it takes to put a pointer into a queue. From the return
  // on the entry is found. False: the queue is full (limits::responses_waiting,
  // limits::responses_waiting_bytes), and the entry is lost and counted.
  //
  // What the queue holds is lost with the process: with kill -9 all that was not committed yet,
  // which is some milliseconds' worth while the disk takes it.
  bool keep(SharedEntry entry);

  // Coroutines of any loop that is there until stop(). Nobody sees another owner's entries.
  //   errors   deadline_exceeded; cancelled; io, too many who ask at the same time among it
  Task<Result<SharedEntry>> find(std::string owner, std::string id, net::Deadline deadline);
  //   errors   too_large: more than limits::responses_chain_length or _bytes; as above
  Task<Result<Chain>> chain(std::string owner, std::string id, net::Deadline deadline);
  // False: there is none. True: it is gone, and overwritten.
  //   errors   as find. After deadline_exceeded it may still happen.
  Task<Result<bool>> remove(std::string owner, std::string id, net::Deadline deadline);

  // Writes what waits (once: a full disk loses it) and ends both threads.
  //   errors   io: what waited is lost
  Result<void> stop();
  // Any thread; some microseconds.
  Totals totals() const;

 private:
  template <class T>
  struct Waiter;
  using Key = std::pair<std::string, std::string>;  // owner, id
  struct Waiting {
    Change change;
    std::function<void(Result<bool>)> done;  // told once it is on disk; empty: nobody asks
    std::size_t bytes = 0;
  };
  using Look = std::function<void(Shelf*)>;  // null: there is no reading

  Keeper(std::string path, Shelf shelf, const Settings& settings, const Clock& clock);
  template <class T>
  Task<Result<T>> ask(std::shared_ptr<Waiter<T>> waiter, net::Deadline deadline);
  bool enqueue(Waiting waiting);
  bool enqueue_look(Look look);
  SharedEntry waiting_entry(const std::string& owner, const std::string& id) const;
  Result<SharedEntry> look_up(Shelf* shelf, const std::string& owner, const std::string& id,
                              net::Deadline deadline) const;
  Result<Chain> look_up_chain(Shelf* shelf, const std::string& owner, std::string id,
                              net::Deadline deadline) const;

  // The writer's thread.
  void write();
  bool write_batch(std::unique_lock<std::mutex>& lock);
  void retain_if_due();
  // The reader's thread.
  void read();

  const std::string path_;
  const Settings settings_;
  const Clock& clock_;
  Shelf shelf_;  // the writer's
  MonoTime retained_at_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable written_to_, asked_;
  std::deque<Waiting> waiting_;
  std::map<Key, SharedEntry> newest_;  // of those in `waiting_`
  std::deque<Look> looks_;
  Totals totals_;
  bool stopping_ = false;
  std::thread writer_, reader_;
};

}  // namespace holdfast::responses

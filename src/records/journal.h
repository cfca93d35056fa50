// The journal of one thread: what it records is in the hands of the operating system after
// flush(), so that kill -9 takes nothing of it. The drain (drain.h) carries it into the store.
#pragma once
#include <atomic>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "records/attempt.h"
#include "records/journal_folder.h"

namespace holdfast::records {

// Used by one thread, but for lost() and lossy().
//
// When the disk fails, serving goes on: the journal is lossy, keeps what its buffer holds, counts
// what does not fit as lost, and tries a new file every second.
class Journal {
 public:
  // Made by Drain::open_journal.
  Journal(std::shared_ptr<JournalFolder> folder, std::uint16_t thread, Clock& clock);
  ~Journal();  // flushes
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // Appends to the buffer: no system call, no allocation.
  // Returns the attempt's serial for its AttemptEnd; 0 when it is lost because the buffer is full.
  [[nodiscard]] std::uint64_t start(const AttemptStart& start);
  // Appends to the buffer. With serial 0 it is counted as lost.
  void end(const AttemptEnd& end);

  // Whether something waits for flush().
  bool pending() const { return size_ > 0; }
  // Writes the buffer to the file by one write(2). To be called at the end of an event-loop turn;
  // whoever waits for its start to be on file goes on afterwards, error or not.
  //   errors   io: the journal is lossy; already told in the log
  Result<void> flush();

  std::uint64_t lost() const { return lost_.load(std::memory_order_relaxed); }
  bool lossy() const { return lossy_.load(std::memory_order_relaxed); }
  std::uint64_t flushes() const { return flushes_; }

 private:
  char* reserve(std::size_t bytes, std::size_t limit);
  void commit(std::size_t payload_bytes);
  void lose();
  Result<void> open_file();
  Result<void> write_buffer();
  Result<void> fall_lossy(std::string detail);
  void leave_file();
  void drop_whole_records(std::size_t written);

  std::shared_ptr<JournalFolder> folder_;
  Clock& clock_;
  std::uint16_t thread_;
  std::uint32_t sequence_ = 0;  // of the file
  std::uint64_t serial_ = 0;    // of the last attempt
  std::unique_ptr<char[]> buffer_;
  std::size_t size_ = 0;     // bytes in the buffer
  std::size_t records_ = 0;  // records in the buffer
  std::shared_ptr<JournalFile> file_;
  MonoTime retry_at_{};
  std::uint64_t flushes_ = 0;
  std::atomic<std::uint64_t> lost_ = 0;
  std::atomic<bool> lossy_ = false;
};

}  // namespace holdfast::records

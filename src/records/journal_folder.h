// The folder of journal files: what the loops' journals and the drain share. Only opening and
// finishing a file take its lock; writing into one does not.
#pragma once
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"

namespace holdfast::records {

inline constexpr std::size_t journal_file_bytes = 2U << 20U;       // small: its pages are reused
inline constexpr std::size_t journal_buffer_bytes = 4U << 20U;     // records not yet written
inline constexpr std::uint64_t journal_backlog_bytes = 1U << 30U;  // files not yet drained

// What journals ask of the operating system; tests put a failing one in its place.
struct JournalDisk {  // thread-safe
  virtual ~JournalDisk() = default;
  // A new file, for appending and reading. Returns its descriptor or -errno.
  virtual int create(const std::string& path) = 0;
  // Returns the bytes written, fewer than asked when there is no room, or -errno.
  virtual ssize_t write(int descriptor, std::span<const char> bytes) = 0;
  virtual void close(int descriptor) = 0;
  // Takes a file off the disk. Returns 0 or -errno.
  virtual int remove(const std::string& path) = 0;
};
JournalDisk& system_disk();

// One file: appended to by one thread, read by the drain.
struct JournalFile {
  // Takes over the descriptor, which `disk` has given out; the disk outlives the file.
  JournalFile(std::string file_name, int file_descriptor, JournalDisk& of)
      : name(std::move(file_name)), descriptor(file_descriptor), disk(of) {}
  ~JournalFile() { disk.close(descriptor); }
  JournalFile(const JournalFile&) = delete;
  JournalFile& operator=(const JournalFile&) = delete;

  const std::string name;
  const int descriptor;
  JournalDisk& disk;
  std::atomic<std::uint64_t> written = 0;  // bytes that hold whole records
  std::atomic<std::uint64_t> records = 0;  // in these bytes
  std::atomic<bool> finished = false;      // nothing more will be appended
  bool dead = false;                       // left by a process that is gone
  // Written by the drain only.
  std::atomic<std::uint64_t> drained = 0;          // bytes that are in the store
  std::atomic<std::uint64_t> drained_records = 0;  // of `records`
  std::uint64_t synced = 0;                        // bytes that survive a power loss
  bool damaged = false;                            // nothing more is read from it
};

class JournalFolder {  // thread-safe
 public:
  // Opens or makes `path`, and lists the files that an earlier process left, oldest first.
  //   run      names this process's files; unique for each start, and larger than all before
  //   errors   io
  static Result<std::shared_ptr<JournalFolder>> open(const std::string& path, std::uint64_t run,
                                                     JournalDisk& disk);
  // One that has no place on this machine's disk: all of it is with `disk`. No drain reads it.
  static std::shared_ptr<JournalFolder> detached(std::uint64_t run, JournalDisk& disk);
  ~JournalFolder();
  JournalFolder(const JournalFolder&) = delete;
  JournalFolder& operator=(const JournalFolder&) = delete;

  // Begins a file.   errors   io; too_large: the drain is too far behind
  Result<std::shared_ptr<JournalFile>> create(std::uint16_t thread, std::uint32_t sequence);
  // Forgets a file and takes it off the disk; for good after sync().
  void remove(const JournalFile& file);
  // Forgets a file and keeps its bytes as NAME.damaged.
  void set_aside(const JournalFile& file);
  // Makes what was created, removed and set aside survive a power loss.
  void sync();
  // The files, oldest first.
  std::vector<std::shared_ptr<JournalFile>> files() const;
  std::uint64_t bytes() const;

  // Tells the drain that there is work, if it waits for some.
  void wake_if_idle();
  void wake();
  // Waits until woken.   idle: wake_if_idle() counts too.   Drain only.
  void wait(int timeout_ms, bool idle);

  std::uint64_t run() const { return run_; }
  JournalDisk& disk() { return disk_; }

  std::atomic<std::uint64_t> lost = 0;      // records, over all journals
  std::atomic<std::uint32_t> lossy = 0;     // journals that are
  std::atomic<std::uint32_t> journals = 0;  // made so far

 private:
  JournalFolder(std::string path, std::uint64_t run, JournalDisk& disk)
      : path_(std::move(path)), run_(run), disk_(disk) {}
  Result<void> list_dead();
  void forget(const JournalFile& file);

  std::string path_;
  std::uint64_t run_;
  JournalDisk& disk_;
  int folder_ = -1;
  int event_ = -1;
  std::atomic<bool> idle_ = false;
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<JournalFile>> files_;
};

}  // namespace holdfast::records

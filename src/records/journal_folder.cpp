#include "records/journal_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/files.h"
#include "base/log.h"

namespace holdfast::records {
namespace {
struct SystemDisk final : JournalDisk {
  int create(const std::string& path) override {
    const int descriptor =
        ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
    return descriptor < 0 ? -errno : descriptor;
  }
  ssize_t write(int descriptor, std::span<const char> bytes) override {
    while (true) {
      const ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
      if (count >= 0) return count;
      if (errno != EINTR) return -errno;
    }
  }
  void close(int descriptor) override { ::close(descriptor); }
  int remove(const std::string& path) override { return ::unlink(path.c_str()) == 0 ? 0 : -errno; }
};

std::string told(const char* what, const std::string& path, int error) {
  return fmt::format("{} {}: {}", what, path, std::strerror(error));
}
}  // namespace

JournalDisk& system_disk() {
  static SystemDisk disk;
  return disk;
}

Result<std::shared_ptr<JournalFolder>> JournalFolder::open(const std::string& path,
                                                           std::uint64_t run, JournalDisk& disk) {
  if (auto made = make_folder(path); !made) return std::unexpected(std::move(made).error());
  std::shared_ptr<JournalFolder> folder(new JournalFolder(path, run, disk));
  folder->folder_ = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder->folder_ < 0) return fail(ErrorCode::io, told("cannot open", path, errno));
  folder->event_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (folder->event_ < 0) return fail(ErrorCode::io, told("no eventfd for", path, errno));
  auto listed = folder->list_dead();
  if (!listed) return std::unexpected(std::move(listed).error());
  return folder;
}

std::shared_ptr<JournalFolder> JournalFolder::detached(std::uint64_t run, JournalDisk& disk) {
  return std::shared_ptr<JournalFolder>(new JournalFolder("detached", run, disk));
}

JournalFolder::~JournalFolder() {
  if (folder_ >= 0) ::close(folder_);
  if (event_ >= 0) ::close(event_);
}

Result<void> JournalFolder::list_dead() {
  std::error_code error;
  std::vector<std::string> names;
  for (auto entry = std::filesystem::directory_iterator(path_, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error))
    if (entry->path().extension() == ".journal") names.push_back(entry->path().filename());
  if (error) return fail(ErrorCode::io, fmt::format("cannot list {}: {}", path_, error.message()));
  std::ranges::sort(names);  // run, thread, sequence, each of fixed width
  for (const std::string& name : names) {
    const int descriptor = ::openat(folder_, name.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat facts{};
    if (descriptor < 0 || ::fstat(descriptor, &facts) != 0) {
      const int reason = errno;
      if (descriptor >= 0) ::close(descriptor);
      return fail(ErrorCode::io, told("cannot open", path_ + "/" + name, reason));
    }
    auto file = std::make_shared<JournalFile>(name, descriptor, disk_);
    file->written = static_cast<std::uint64_t>(facts.st_size);
    file->finished = true;
    file->dead = true;
    files_.push_back(std::move(file));
  }
  return {};
}

Result<std::shared_ptr<JournalFile>> JournalFolder::create(std::uint16_t thread,
                                                           std::uint32_t sequence) {
  if (bytes() >= journal_backlog_bytes)
    return fail(ErrorCode::too_large, "the journals wait for a store that does not take them");
  const std::string name = fmt::format("{:016x}-{:05}-{:010}.journal", run_, thread, sequence);
  const std::string path = path_ + "/" + name;
  const int descriptor = disk_.create(path);
  if (descriptor < 0) return fail(ErrorCode::io, told("cannot make", path, -descriptor));
  auto file = std::make_shared<JournalFile>(name, descriptor, disk_);
  const std::scoped_lock lock(mutex_);
  files_.push_back(file);
  return file;
}

void JournalFolder::forget(const JournalFile& file) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(files_, [&](const auto& known) { return known.get() == &file; });
}

void JournalFolder::remove(const JournalFile& file) {
  const std::string path = path_ + "/" + file.name;
  const int outcome = disk_.remove(path);
  if (outcome != 0 && outcome != -ENOENT) log::warning("{}", told("cannot delete", path, -outcome));
  forget(file);
}

void JournalFolder::set_aside(const JournalFile& file) {
  const std::string aside = file.name + ".damaged";
  if (::renameat(folder_, file.name.c_str(), folder_, aside.c_str()) != 0)
    log::warning("{}", told("cannot rename", path_ + "/" + file.name, errno));
  forget(file);
}

void JournalFolder::sync() { ::fsync(folder_); }

std::vector<std::shared_ptr<JournalFile>> JournalFolder::files() const {
  const std::scoped_lock lock(mutex_);
  return files_;
}

std::uint64_t JournalFolder::bytes() const {
  const std::scoped_lock lock(mutex_);
  std::uint64_t sum = 0;
  for (const auto& file : files_) sum += file->written.load();
  return sum;
}

void JournalFolder::wake_if_idle() {
  if (idle_.load() && idle_.exchange(false)) wake();
}

void JournalFolder::wake() {
  const std::uint64_t one = 1;
  // Fails only when the counter is full, and then the drain is awake.
  [[maybe_unused]] const ssize_t written = ::write(event_, &one, sizeof one);
}

void JournalFolder::wait(int timeout_ms, bool idle) {
  if (idle) {
    idle_.store(true);
    for (const auto& file : files())  // written before idle_ was set: nobody will wake us for it
      if (file->written.load() > file->drained) timeout_ms = 0;
  }
  pollfd event{event_, POLLIN, 0};
  ::poll(&event, 1, timeout_ms);
  idle_.store(false);
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t taken = ::read(event_, &count, sizeof count);
}

}  // namespace holdfast::records

#include "store/state_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/files.h"

namespace holdfast::store {
namespace {
std::string owner_of(int descriptor) {
  char text[32] = {};
  const ssize_t count = ::pread(descriptor, text, sizeof text - 1, 0);
  std::string owner(text, count > 0 ? static_cast<std::size_t>(count) : 0);
  while (!owner.empty() && owner.back() == '\n') owner.pop_back();
  return owner.empty() ? "an unknown process" : "process " + owner;
}
}  // namespace

Result<StateLock> StateLock::acquire(const std::string& directory) {
  auto lock = try_acquire(directory);
  if (!lock) return std::unexpected(std::move(lock).error());
  if (*lock) return **std::move(lock);
  const int file = ::open((directory + "/lock").c_str(), O_RDONLY | O_CLOEXEC);
  const std::string owner = owner_of(file);
  if (file >= 0) ::close(file);
  return fail(ErrorCode::io, fmt::format("the state directory {} is in use by {}: stop that one "
                                         "first, or give this one another --state",
                                         directory, owner));
}

Result<std::optional<StateLock>> StateLock::try_acquire(const std::string& directory) {
  if (auto made = make_folder(directory); !made)
    return fail(ErrorCode::io, fmt::format("no state directory: {}", made.error().detail));
  const std::string path = directory + "/lock";
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0)
    return fail(ErrorCode::io, fmt::format("cannot open {}: {}", path, std::strerror(errno)));
  StateLock lock(descriptor);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return std::nullopt;
    return fail(ErrorCode::io, fmt::format("cannot lock {}: {}", path, std::strerror(errno)));
  }
  // Only told to whoever comes second; a full disk is no reason not to serve.
  const std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(descriptor, 0) == 0) [[maybe_unused]]
    const ssize_t written = ::pwrite(descriptor, pid.data(), pid.size(), 0);
  return std::optional(std::move(lock));
}

StateLock::StateLock(StateLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

StateLock::~StateLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace holdfast::store

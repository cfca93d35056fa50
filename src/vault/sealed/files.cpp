#include "vault/sealed/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <thread>

#include "vault/sealed/constructions.h"

namespace holdfast::vault::sealed {
namespace {
using namespace std::chrono_literals;
constexpr auto lock_patience = 5s;
constexpr auto lock_interval = 10ms;
constexpr std::size_t read_piece = 16'384;

std::unexpected<Error> io_failure(std::string_view what, const std::string& path) {
  return fail(ErrorCode::io, fmt::format("{} {}: {}", what, path, std::strerror(errno)));
}

Result<void> write_all(int descriptor, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return io_failure("cannot write", path);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(descriptor) != 0) return io_failure("cannot write", path);
  return {};
}

Result<void> sync_folder_of(const std::string& path) {
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  const std::string folder = parent.empty() ? "." : parent.string();
  const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened.number() < 0 || ::fsync(opened.number()) != 0)
    return io_failure("cannot write", folder);
  return {};
}

// The whole of a file that is to take another's name. It is new: nobody else writes into it, and it
// is no link that leads elsewhere. Nothing of it is left when that fails.
Result<void> write_beside(const std::string& next, std::string_view bytes) {
  const Descriptor file(
      ::open(next.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (file.number() < 0) return io_failure("cannot make", next);
  auto written = write_all(file.number(), bytes, next);
  if (!written) ::unlink(next.c_str());
  return written;
}

// A name that no other process takes: the file beside may be one of several in the making.
std::string name_beside(const std::string& path) {
  std::string out = path + ".";
  for (const char byte : random_bytes(8))
    out += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return out + ".next";
}

// Gives `next` the name `path`, which is free; 0, or the reason as in errno.
int move_to_free(const std::string& next, const std::string& path) {
  if (::renameat2(AT_FDCWD, next.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL) return errno;
  // A file system that knows no such thing: a second name does the same.
  if (::link(next.c_str(), path.c_str()) != 0) return errno;
  ::unlink(next.c_str());
  return 0;
}
}  // namespace

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

Result<LockedBytes> read_locked(int descriptor, std::size_t most) {
  LockedBytes bytes(most + 1);
  std::size_t size = 0;
  while (size <= most) {
    const ssize_t got = ::read(descriptor, bytes.data() + size, most + 1 - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      return fail(ErrorCode::io, fmt::format("cannot be read: {}", std::strerror(errno)));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > most)
    return fail(ErrorCode::configuration, fmt::format("is longer than {} bytes", most));
  bytes.shrink(size);
  return bytes;
}

Result<std::string> read_file(const std::string& path, std::size_t most) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.number() < 0)
    return fail(ErrorCode::configuration,
                fmt::format("{} cannot be opened: {}", path, std::strerror(errno)));
  std::string bytes;
  while (true) {
    const std::size_t size = bytes.size();
    bytes.resize(size + read_piece);
    const ssize_t got = ::read(file.number(), bytes.data() + size, read_piece);
    bytes.resize(size + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_failure("cannot read", path);
    if (bytes.size() > most)
      return fail(ErrorCode::configuration, fmt::format("{} is longer than {} bytes", path, most));
    if (got == 0) return bytes;
  }
}

Result<void> write_new_file(const std::string& path, std::string_view bytes) {
  const std::string next = name_beside(path);
  auto written = write_beside(next, bytes);
  if (!written) return written;
  const int why = move_to_free(next, path);
  if (why == 0) return sync_folder_of(path);
  ::unlink(next.c_str());
  if (why == EEXIST)
    return fail(ErrorCode::configuration,
                path + " is there already; it is not overwritten: choose another name");
  errno = why;
  return io_failure("cannot make", path);
}

Result<void> replace_file(const std::string& path, std::string_view bytes) {
  const std::string next = path + ".next";
  ::unlink(next.c_str());  // what a crash has left
  auto written = write_beside(next, bytes);
  if (!written) return written;
  auto renamed = rename_file(next, path);
  if (!renamed) ::unlink(next.c_str());
  return renamed;
}

Result<void> rename_file(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) return io_failure("cannot write", to);
  return sync_folder_of(to);
}

Result<VaultLock> VaultLock::acquire(const std::string& directory, Sharing sharing) {
  const std::string path = directory + "/vault.lock";
  Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (file.number() < 0) return io_failure("cannot open", path);
  const int how = (sharing == Sharing::alone ? LOCK_EX : LOCK_SH) | LOCK_NB;
  const auto give_up = std::chrono::steady_clock::now() + lock_patience;
  while (::flock(file.number(), how) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return io_failure("cannot lock", path);
    if (std::chrono::steady_clock::now() >= give_up)
      return fail(ErrorCode::io, fmt::format("the vault in {} is in use by another \"holdfast\" "
                                             "(fuser {} names it): try again when it is done",
                                             directory, path));
    std::this_thread::sleep_for(lock_interval);
  }
  return VaultLock(std::move(file));
}
}  // namespace holdfast::vault::sealed

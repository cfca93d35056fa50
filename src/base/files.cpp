#include "base/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "base/descriptor.h"

namespace holdfast {
namespace {
constexpr mode_t above_mode = 0777;  // less the umask

std::string folder_of(const std::string& path) {
  std::filesystem::path parent = std::filesystem::path(path).parent_path();
  return parent.empty() ? "." : parent.string();
}
}  // namespace

std::unexpected<Error> io_failure(std::string_view what, const std::string& path) {
  return fail(ErrorCode::io, fmt::format("cannot {} {}: {}", what, path, std::strerror(errno)));
}

Result<void> write_all(int descriptor, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return io_failure("write", path);
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

Result<void> sync_folder_of(const std::string& path) {
  const std::string folder = folder_of(path);
  const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened) return io_failure("open", folder);
  // EINVAL: a file system that has no such thing keeps its names by itself.
  if (::fsync(opened.get()) != 0 && errno != EINVAL) return io_failure("sync", folder);
  return {};
}

Result<void> replace_file(const std::string& path, std::string_view bytes, mode_t mode) {
  const std::string next = path + ".next";
  {
    const Descriptor file(::open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
    if (!file) return io_failure("write", next);
    if (auto written = write_all(file.get(), bytes, next); !written) return written;
    if (::fsync(file.get()) != 0) return io_failure("sync", next);
  }
  if (std::rename(next.c_str(), path.c_str()) != 0) return io_failure("write", path);
  return sync_folder_of(path);
}

Result<void> make_folder(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) == 0) return sync_folder_of(path);
  struct stat facts{};
  if (errno == EEXIST && ::stat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode)) return {};
  if (errno != ENOENT) return io_failure("make the folder", path);
  if (auto above = make_folder(folder_of(path), above_mode); !above) return above;
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST)
    return io_failure("make the folder", path);
  return sync_folder_of(path);
}

}  // namespace holdfast

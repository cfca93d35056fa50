#include "audit/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "audit/event.h"
#include "base/files.h"

namespace holdfast::audit {
namespace {

class SystemAppendFile final : public AppendFile {
 public:
  SystemAppendFile(std::string path, int descriptor, std::uint64_t size)
      : path_(std::move(path)), descriptor_(descriptor), size_(size) {}
  ~SystemAppendFile() override { ::close(descriptor_); }
  SystemAppendFile(const SystemAppendFile&) = delete;
  SystemAppendFile& operator=(const SystemAppendFile&) = delete;

  Result<void> append(std::string_view bytes) override {
    struct stat facts{};
    if (::fstat(descriptor_, &facts) != 0) return io_failure("look at", path_);
    if (facts.st_nlink == 0)
      return fail(ErrorCode::io, fmt::format("{} was deleted while it was in use", path_));
    if (static_cast<std::uint64_t>(facts.st_size) != size_)
      return fail(ErrorCode::io,
                  fmt::format("{} was changed by somebody else while it was in use", path_));
    auto written = write_all(descriptor_, bytes, path_);
    if (written) size_ += bytes.size();
    return written;
  }

  Result<void> sync() override {
    if (::fdatasync(descriptor_) != 0) return io_failure("sync", path_);
    return {};
  }

  Result<void> truncate(std::uint64_t size) override {
    if (::ftruncate(descriptor_, static_cast<off_t>(size)) != 0)
      return io_failure("truncate", path_);
    size_ = size;
    return {};
  }

  std::uint64_t size() const override { return size_; }

 private:
  std::string path_;
  int descriptor_;
  std::uint64_t size_;
};

}  // namespace

Paths::Paths(const std::string& in)
    : folder(in),
      entries(in + "/entries.jsonl"),
      nodes(in + "/nodes"),
      ends(in + "/ends"),
      checkpoints(in + "/checkpoints"),
      key(in + "/key"),
      public_key(in + "/key.pub") {}

Result<std::unique_ptr<AppendFile>> open_append(const std::string& path) {
  const bool is_new = ::access(path.c_str(), F_OK) != 0;
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  struct stat facts{};
  if (descriptor < 0) return io_failure("open", path);
  if (::fstat(descriptor, &facts) != 0) {
    ::close(descriptor);
    return io_failure("open", path);
  }
  auto file = std::make_unique<SystemAppendFile>(path, descriptor,
                                                 static_cast<std::uint64_t>(facts.st_size));
  if (is_new)
    if (auto synced = sync_folder_of(path); !synced)
      return std::unexpected(std::move(synced).error());
  return file;
}

Result<ReadFile> ReadFile::open(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return io_failure("open", path);
  return ReadFile(path, descriptor);
}

ReadFile::ReadFile(ReadFile&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

ReadFile& ReadFile::operator=(ReadFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

ReadFile::~ReadFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<std::uint64_t> ReadFile::size() const {
  struct stat facts{};
  if (::fstat(descriptor_, &facts) != 0) return io_failure("look at", path_);
  return static_cast<std::uint64_t>(facts.st_size);
}

Result<std::string> ReadFile::read(std::uint64_t offset, std::size_t size) const {
  std::string out(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    const ssize_t count =
        ::pread(descriptor_, out.data() + done, size - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return io_failure("read", path_);
    if (count == 0) return fail(ErrorCode::io, fmt::format("{} is shorter than it was", path_));
    done += static_cast<std::size_t>(count);
  }
  return out;
}

Result<std::uint64_t> each_line(const ReadFile& file, std::uint64_t offset, std::uint64_t end,
                                const std::function<bool(std::string_view line)>& take) {
  constexpr std::uint64_t piece = 1U << 20U;
  constexpr std::size_t longest =
      limits::audit_line_bytes + 1;  // one more shows that it is too long
  std::string held;  // of a line that is not whole yet, at most `longest` bytes of it
  std::uint64_t whole = 0, of_line = 0;
  while (offset < end) {
    auto bytes = file.read(offset, static_cast<std::size_t>(std::min(piece, end - offset)));
    if (!bytes) return std::unexpected(std::move(bytes).error());
    offset += bytes->size();
    for (std::string_view rest = *bytes; !rest.empty();) {
      const auto stop = rest.find('\n');
      const std::string_view part = rest.substr(0, stop);
      of_line += part.size();
      held += part.substr(0, longest - std::min(longest, held.size()));
      if (stop == std::string_view::npos) break;
      rest.remove_prefix(stop + 1);
      whole += of_line + 1;
      of_line = 0;
      if (!take(held)) return whole;
      held.clear();
    }
  }
  return whole;
}

Result<Hash> read_node(const ReadFile& nodes, std::uint64_t place) {
  auto bytes = nodes.read(place * node_size, node_size);
  if (!bytes) return std::unexpected(std::move(bytes).error());
  Hash out{};
  std::ranges::copy(*bytes, out.begin());
  return out;
}

Result<std::uint64_t> read_end(const ReadFile& ends, std::uint64_t index) {
  auto bytes = ends.read(index * end_size, end_size);
  if (!bytes) return std::unexpected(std::move(bytes).error());
  std::uint64_t out = 0;
  for (std::size_t i = end_size; i-- > 0;)
    out = (out << 8U) | static_cast<unsigned char>((*bytes)[i]);
  return out;
}

std::string node_bytes(const std::vector<Hash>& nodes) {
  std::string out;
  out.reserve(nodes.size() * node_size);
  for (const Hash& node : nodes)
    out.append(reinterpret_cast<const char*>(node.data()), node.size());
  return out;
}

std::string end_bytes(std::uint64_t end) {
  std::string out;
  for (std::size_t i = 0; i < end_size; ++i)
    out += static_cast<char>(static_cast<unsigned char>(end >> (8U * i)));
  return out;
}

Result<std::string> read_whole(const std::string& path, std::size_t most) {
  auto file = ReadFile::open(path);
  if (!file) return std::unexpected(std::move(file).error());
  const auto size = file->size();
  if (!size) return std::unexpected(size.error());
  if (*size > most)
    return fail(ErrorCode::too_large, fmt::format("{} is longer than {} bytes", path, most));
  return file->read(0, static_cast<std::size_t>(*size));
}

}  // namespace holdfast::audit

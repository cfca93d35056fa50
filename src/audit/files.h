// The files of the log: appended to by one process, read by anybody at the same time.
//
//   entries.jsonl   the entries, one line each: the truth
//   nodes           the tree's nodes, 32 bytes each, in the order of tree.h    } made anew from the
//   ends            where each entry ends in entries.jsonl, 8 bytes each, LE   } entries when lost
//   checkpoints     signed notes, an empty line behind each
//   key, key.pub    what signs (for its owner only), and what verifies
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "audit/tree.h"
#include "base/error.h"

namespace holdfast::audit {

struct Paths {
  explicit Paths(const std::string& folder);
  std::string folder, entries, nodes, ends, checkpoints, key, public_key;
};

// One file that only grows. Used by one thread at a time.
class AppendFile {
 public:
  virtual ~AppendFile() = default;
  // All of it, or an error after which it is not known how much.
  //   errors   io: the disk; or the file was deleted, or changed by somebody else
  virtual Result<void> append(std::string_view bytes) = 0;
  virtual Result<void> sync() = 0;  // until it is on the disk
  virtual Result<void> truncate(std::uint64_t size) = 0;
  virtual std::uint64_t size() const = 0;
};
using OpenAppend = std::function<Result<std::unique_ptr<AppendFile>>(const std::string& path)>;
// The file, made for its owner only when it is not there.   errors   io
Result<std::unique_ptr<AppendFile>> open_append(const std::string& path);

// A file that is read at any place. Any thread.
class ReadFile {
 public:
  static Result<ReadFile> open(const std::string& path);  // errors   io
  ReadFile(ReadFile&& other) noexcept;
  ReadFile& operator=(ReadFile&& other) noexcept;
  ~ReadFile();
  Result<std::uint64_t> size() const;
  // Exactly `size` bytes.   errors   io: also when there are fewer
  Result<std::string> read(std::uint64_t offset, std::size_t size) const;
  const std::string& path() const { return path_; }

 private:
  ReadFile(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
  std::string path_;
  int descriptor_;
};

// Calls `take` with each whole line from `offset` on, without its line feed; `take` says whether to
// go on. A line longer than an entry may be is given cut at 64 KiB, so memory stays bounded.
// Returns how many bytes the lines were that it was called for; what is behind is a torn line.
Result<std::uint64_t> each_line(const ReadFile& file, std::uint64_t offset, std::uint64_t end,
                                const std::function<bool(std::string_view line)>& take);

Result<Hash> read_node(const ReadFile& nodes, std::uint64_t place);
Result<std::uint64_t> read_end(const ReadFile& ends, std::uint64_t index);
std::string node_bytes(const std::vector<Hash>& nodes);
std::string end_bytes(std::uint64_t end);
inline constexpr std::uint64_t node_size = 32, end_size = 8;

// A small file as a whole, at most `most` bytes.   errors   io; too_large
Result<std::string> read_whole(const std::string& path, std::size_t most);

}  // namespace holdfast::audit

// The state directory belongs to one process at a time.
#pragma once
#include <optional>
#include <string>

#include "base/error.h"

namespace holdfast::store {

class StateLock {
 public:
  // Makes `directory` (for its owner only) when it is not there, and locks its file `lock`, which
  // holds this process's id. The lock ends with the process, however it ends.
  //   errors   io: another process has it, named by its id; or the disk fails
  static Result<StateLock> acquire(const std::string& directory);
  // The same; nothing when another process has it.
  static Result<std::optional<StateLock>> try_acquire(const std::string& directory);
  StateLock(StateLock&& other) noexcept;
  StateLock& operator=(StateLock&&) = delete;
  ~StateLock();

 private:
  explicit StateLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace holdfast::store

// The files of the vault: written whole or not at all, for their owner only.
#pragma once
#include <string>
#include <string_view>

#include "base/error.h"
#include "vault/sealed/locked_memory.h"

namespace holdfast::vault::sealed {

// Closes what it holds.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(other.number_) { other.number_ = -1; }
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor();
  int number() const { return number_; }

 private:
  int number_;
};

// All of `descriptor`.   errors   configuration: more than `most` bytes; io
Result<LockedBytes> read_locked(int descriptor, std::size_t most);
// A whole file.   errors   configuration: cannot be opened, more than `most` bytes; io
Result<std::string> read_file(const std::string& path, std::size_t most);

// Both are on the disk when they return, whole or not at all, and have mode 0600. Several processes
// may make one new file: one of them makes it. To replace a file takes the lock of its vault.
//   errors   io; for a new file also configuration: there is one already
Result<void> write_new_file(const std::string& path, std::string_view bytes);
Result<void> replace_file(const std::string& path, std::string_view bytes);
// The name is on the disk too.   errors   io
Result<void> rename_file(const std::string& from, const std::string& to);

enum class Sharing { alone, with_readers };

// Who writes the vault has it alone; who reads it shares it with others who read.
class VaultLock {
 public:
  // Locks the file vault.lock in `directory`, and waits for it for up to five seconds.
  //   errors   io: another process has it, for longer; or the disk fails
  static Result<VaultLock> acquire(const std::string& directory, Sharing sharing);

 private:
  explicit VaultLock(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}
  Descriptor descriptor_;
};

}  // namespace holdfast::vault::sealed

// Memory for keys and plain text: locked, so that it is never swapped out, left out of core dumps,
// between guard pages, and wiped when it goes.
#pragma once
#include <cstddef>
#include <span>
#include <string_view>

namespace holdfast::vault::sealed {

// Owns `size` bytes; movable, never copied. Used by one thread at a time.
class LockedBytes {
 public:
  LockedBytes() = default;
  explicit LockedBytes(std::size_t size);
  explicit LockedBytes(std::string_view copied);
  LockedBytes(LockedBytes&& other) noexcept;
  LockedBytes& operator=(LockedBytes&& other) noexcept;
  ~LockedBytes();

  unsigned char* data() { return data_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // The one way to the bytes; they stay until this goes.
  std::string_view reveal() const { return {reinterpret_cast<const char*>(data_), size_}; }
  // Keeps the first `size` bytes.   size   <= size()
  void shrink(std::size_t size);

  // Whether the system has let every piece of memory so far be locked; it may not when
  // RLIMIT_MEMLOCK is low. Any thread.
  static bool all_locked();

 private:
  void release();
  unsigned char* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace holdfast::vault::sealed

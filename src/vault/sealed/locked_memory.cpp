#include "vault/sealed/locked_memory.h"

#include <sodium.h>

#include <atomic>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace holdfast::vault::sealed {
namespace {
std::atomic<bool> lock_refused{false};
}  // namespace

LockedBytes::LockedBytes(std::size_t size) : size_(size) {
  static const int started = sodium_init();
  HF_CHECK(started >= 0);
  if (size == 0) return;
  data_ = static_cast<unsigned char*>(sodium_malloc(size));
  HF_CHECK(data_ != nullptr);
  // sodium_malloc locks too, and does not say whether it could.
  if (sodium_mlock(data_, size) != 0) lock_refused.store(true, std::memory_order_relaxed);
  std::memset(data_, 0, size);
}

LockedBytes::LockedBytes(std::string_view copied) : LockedBytes(copied.size()) {
  if (!copied.empty()) std::memcpy(data_, copied.data(), copied.size());
}

LockedBytes::LockedBytes(LockedBytes&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

LockedBytes& LockedBytes::operator=(LockedBytes&& other) noexcept {
  if (this == &other) return *this;
  release();
  data_ = std::exchange(other.data_, nullptr);
  size_ = std::exchange(other.size_, 0);
  return *this;
}

LockedBytes::~LockedBytes() { release(); }

void LockedBytes::release() {
  if (data_ != nullptr) sodium_free(data_);  // wipes the whole of it, what shrink() left too
  data_ = nullptr;
}

void LockedBytes::shrink(std::size_t size) {
  HF_CHECK(size <= size_);
  size_ = size;
}

bool LockedBytes::all_locked() { return !lock_refused.load(std::memory_order_relaxed); }
}  // namespace holdfast::vault::sealed

// The bytes of bodies and buffers that requests hold, over all loops, and how many there may be.
#pragma once
#include <atomic>
#include <cstdint>
#include <utility>

#include "base/service_class.h"

namespace holdfast::routing {

// Any thread; one relaxed counter. An account, not an allocator: what is charged is what a request
// of that size is known to need.
class MemoryAccount {
 public:
  // What one request has been charged; given back when it ends.
  class Charge {
   public:
    Charge() = default;
    Charge(Charge&& other) noexcept
        : account_(std::exchange(other.account_, nullptr)), bytes_(other.bytes_) {}
    Charge& operator=(Charge&& other) noexcept {
      std::swap(account_, other.account_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    ~Charge() {
      if (account_ != nullptr) account_->held_.fetch_sub(bytes_, std::memory_order_relaxed);
    }
    // It is under way and needs so many bytes more (< 0: fewer). Never refused.
    void grow(std::int64_t bytes) {
      if (account_ == nullptr) return;
      bytes_ += bytes;
      account_->held_.fetch_add(bytes, std::memory_order_relaxed);
    }
    bool held() const { return account_ != nullptr; }

   private:
    friend class MemoryAccount;
    MemoryAccount* account_ = nullptr;
    std::int64_t bytes_ = 0;
  };

  // Charges `bytes` if they are there: all of the limit for the critical class and for what is
  // small, nine tenths for the usual one, eight for the experimental.
  //   limit   bytes; 0: none
  Charge take(std::int64_t bytes, ServiceClass service_class, std::int64_t limit);
  std::int64_t held() const { return held_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> held_{0};
};

}  // namespace holdfast::routing

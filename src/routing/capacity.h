// What all threads know of the room at each target: how many requests are under way, who waits for
// it, and what its provider says is left of the account's limits.
#pragma once
#include <array>
#include <atomic>
#include <memory>
#include <utility>

#include "base/limits.h"
#include "routing/admission_queue.h"
#include "routing/concurrency_limit.h"
#include "routing/provider_quota.h"

namespace holdfast::routing {

// Any thread; relaxed atomics, none waits.
class CapacityTable {
 public:
  // A request that is under way at a target; ends with this object. The table outlives it.
  class Place {
   public:
    Place() = default;
    Place(Place&& other) noexcept
        : table_(std::exchange(other.table_, nullptr)), target_(other.target_) {}
    Place& operator=(Place&& other) noexcept {
      std::swap(table_, other.table_);
      std::swap(target_, other.target_);
      return *this;
    }
    ~Place() {
      if (table_ != nullptr) table_->entry(target_).concurrency.leave();
    }
    bool held() const { return table_ != nullptr; }
    std::size_t target() const { return target_; }

   private:
    friend class CapacityTable;
    CapacityTable* table_ = nullptr;
    std::size_t target_ = 0;
  };

  // A place at `target` for a request of `service_class`, unless it is full or somebody waits for
  // it who comes first.
  //   waited   it has waited itself: then only those of a more important class come first
  Place enter(std::size_t target, const ConcurrencyBounds& bounds, ServiceClass service_class,
              bool waited);
  // A request begins or ends to wait for `target`.
  void wait_begins(std::size_t target, ServiceClass service_class);
  void wait_ends(std::size_t target, ServiceClass service_class);

  ProviderQuota& quota(std::size_t target) { return entries_[target].quota; }
  const ProviderQuota& quota(std::size_t target) const { return entries_[target].quota; }
  ConcurrencyLimit& concurrency(std::size_t target) { return entry(target).concurrency; }
  const ConcurrencyLimit& concurrency(std::size_t target) const {
    return entries_[target].concurrency;
  }

 private:
  struct alignas(64) Entry {  // threads that use different targets do not share a line
    ConcurrencyLimit concurrency;
    ProviderQuota quota;
    std::array<std::atomic<std::int64_t>, service_class_count> waiting{};
  };
  Entry& entry(std::size_t target) { return entries_[target]; }
  std::array<Entry, limits::targets_total + 1> entries_;  // the last stands for all beyond
};

}  // namespace holdfast::routing

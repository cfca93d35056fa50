// Requests of one loop that wait for room: the more important first, then in the order in which
// they came. Who waits is bounded; the least important goes for a more important one.
#pragma once
#include <array>
#include <cstddef>
#include <list>
#include <optional>

#include "base/clock.h"
#include "base/service_class.h"

namespace holdfast::routing {

// Less is more important.
constexpr std::size_t rank(ServiceClass service_class) {
  return static_cast<std::size_t>(service_class);
}

// Used by one thread.
class AdmissionQueue {
 public:
  // One request that waits; leaves its queue when it is destroyed.
  class Waiter {
   public:
    explicit Waiter(ServiceClass service_class) : service_class_(service_class) {}
    ~Waiter() { leave(); }
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    ServiceClass service_class() const { return service_class_; }
    bool waits() const { return queue_ != nullptr; }
    void leave();

   private:
    friend class AdmissionQueue;
    ServiceClass service_class_;
    AdmissionQueue* queue_ = nullptr;
    std::list<Waiter*>::iterator place_;
  };

  ~AdmissionQueue();

  // Lets `waiter` wait.
  //   most      of those that wait at once
  //   returns   whom it costs its place: the latest of the least important, `waiter` itself when
  //             none is less important; null: nobody
  Waiter* enter(Waiter& waiter, std::size_t most);
  // Calls `take` for each in order; those for which it returns true leave. It may not change the
  // queue.
  template <class Take>
  void offer(Take take) {
    for (auto& waiting : by_rank_)
      for (auto at = waiting.begin(); at != waiting.end();) {
        Waiter& waiter = **at++;  // first: leaving takes its place away
        if (take(waiter)) waiter.leave();
      }
  }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  std::array<std::list<Waiter*>, service_class_count> by_rank_;
  std::size_t size_ = 0;
};

}  // namespace holdfast::routing

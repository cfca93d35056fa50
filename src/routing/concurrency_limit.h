// How many requests may be under way at one target, found out by how long its first content takes:
// more at once is slower for all as soon as the target has no room left (gradient).
#pragma once
#include <atomic>
#include <cstdint>

#include "base/clock.h"
#include "provider/concurrency.h"

namespace holdfast::routing {

using provider::ConcurrencyBounds;

// One step of the rule; pure.
//   typical_ns   first content as it usually comes, 0: not known yet; moves slowly up, quickly down
//   recent_ns    first content now, the mean of a window
//   peak         most under way at once in that window
//   since_*      under way, and its time, when the present slowness began; 0: it is not slow
struct Gradient {
  double limit = 0;
  double typical_ns = 0;
  double since_used = 0, since_ns = 0;
};
Gradient next_gradient(Gradient now, double recent_ns, std::int64_t peak,
                       const ConcurrencyBounds& bounds);

// Any thread; relaxed atomics, none waits. It begins wide, at `most`, and comes down when first
// content takes more than one and a half times its usual time, or when the target says that it is
// overloaded. When half as many have made it no quicker, the load was not the reason: the time is
// the usual one from then on, and the limit is wide again.
class ConcurrencyLimit {
 public:
  // Takes a place if one is free.
  bool enter(const ConcurrencyBounds& bounds);
  void leave() { under_way_.fetch_sub(1, std::memory_order_relaxed); }
  bool has_room(const ConcurrencyBounds& bounds) const {
    return under_way_.load(std::memory_order_relaxed) < limit(bounds);
  }
  // A request that entered had its first content after `took`.
  void answered(const ConcurrencyBounds& bounds, Duration took, MonoTime now);
  // The target refused one for load, or did not begin to answer in time.
  void overloaded(const ConcurrencyBounds& bounds, MonoTime now);
  // The limit as it is, within `bounds`.
  std::int64_t limit(const ConcurrencyBounds& bounds) const;
  std::int64_t under_way() const { return under_way_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> under_way_{0};
  std::atomic<std::int64_t> peak_{0};                                // of the window
  std::atomic<double> limit_{0};                                     // 0: as wide as the bounds are
  std::atomic<double> typical_ns_{0}, since_used_{0}, since_ns_{0};  // whoever steps writes
  std::atomic<std::int64_t> sum_ns_{0}, count_{0}, window_ends_{0};
  std::atomic<std::int64_t> spared_until_{0};  // an overload told before that is the same one
  std::atomic<bool> stepping_{false};          // one thread takes the step, the others go on
};

}  // namespace holdfast::routing

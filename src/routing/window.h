// How many of the last requests failed: ten buckets of a sliding window of time.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>

#include "base/clock.h"

namespace holdfast::routing {

struct WindowCounts {
  std::uint32_t total = 0, failures = 0;
  // Percent that failed, rounded down; -1 when there are fewer than `least`.
  int failure_percent(std::uint32_t least) const {
    if (total == 0 || total < least) return -1;
    return static_cast<int>(std::uint64_t{failures} * 100 / total);
  }
};

// Any thread may use it. A bucket is one word (when, failures, total), so that it is never half
// written; what two threads add at once may be seen a moment apart.
class OutcomeWindow {
 public:
  static constexpr std::size_t bucket_count = 10;

  //   window   the same in every call, or clear() in between; at least ten nanoseconds
  void add(MonoTime now, Duration window, bool failed);
  WindowCounts counts(MonoTime now, Duration window) const;
  void clear();

 private:
  std::array<std::atomic<std::uint64_t>, bucket_count> buckets_{};
};

}  // namespace holdfast::routing

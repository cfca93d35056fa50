// Time is passed in. Monotonic time decides deadlines, wall time is only ever recorded.
#pragma once
#include <chrono>
#include <cstdint>

namespace holdfast {

using Duration = std::chrono::nanoseconds;
using MonoTime = std::chrono::steady_clock::time_point;

struct Clock {  // thread-safe
  virtual ~Clock() = default;
  virtual MonoTime now() const = 0;
  // UTC, microseconds since the epoch.
  virtual std::int64_t wall_us() const = 0;
};

// The machine's own clocks.
Clock& system_clock();

// A clock that tests and simulations move by hand.
class ManualClock final : public Clock {
 public:
  MonoTime now() const override { return now_; }
  std::int64_t wall_us() const override { return wall_us_; }
  void advance(Duration by) {
    now_ += by;
    wall_us_ += std::chrono::duration_cast<std::chrono::microseconds>(by).count();
  }

 private:
  MonoTime now_{};
  std::int64_t wall_us_ = 1'800'000'000'000'000;
};

}  // namespace holdfast

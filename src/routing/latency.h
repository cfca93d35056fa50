// How long a target usually takes, how long it takes now, and whether that is slow.
#pragma once
#include <atomic>
#include <cstdint>

#include "base/clock.h"

namespace holdfast::routing {

// Peak-EWMA as Finagle has it: a cost that jumps to a slower answer at once and forgets it over
// `decay`.
//   cost, at   the cost so far and when it was taken
//   sample     the new answer's time, in the unit of cost
double peak_ewma(double cost, MonoTime at, double sample, MonoTime now, Duration decay);

struct SlowRule {
  int factor = 0;    // slow is so many times the usual; 0: never
  Duration bound{};  // slow is longer than this, too; zero: no bound
  static constexpr std::int64_t least_excess_us = 1'000'000;  // less is nothing that anybody minds
  static constexpr std::uint32_t learning = 10;               // answers, before the usual is known
  static constexpr std::uint32_t in_a_row = 3;  // slow answers; then the target is slow
};

// Any thread may use it; threads that note at the same time may lose each other's sample.
class LatencyTrack {
 public:
  // Notes an answer that took `took_us` for `units` of work (1, or its tokens).
  // Whether it was slow: the usual is what answers per unit took that were not.
  bool note(MonoTime now, std::int64_t took_us, std::int64_t units, const SlowRule& rule);
  // Microseconds per unit; negative: not known yet.
  double usual_us() const { return usual_us_.load(std::memory_order_relaxed); }
  double recent_us() const { return recent_us_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> usual_us_{-1};   // slow-moving mean
  std::atomic<double> recent_us_{-1};  // peak_ewma
  std::atomic<std::int64_t> at_{0};    // of recent_us_, ns of monotonic time
  std::atomic<std::uint32_t> samples_{0};
};

}  // namespace holdfast::routing

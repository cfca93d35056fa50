// How long a target usually takes, how long it takes now, and whether that is slow.
#pragma once
#include <atomic>
#include <bit>
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
};

// Which of a target's last answers were slow. Any thread may use it; threads that note at the same
// time may lose each other's.
class SlowAnswers {
 public:
  static constexpr int in_a_row = 3;      // slow ones: then the target is slow,
  static constexpr int looked_at = 16;    // and when of so many
  static constexpr int of_looked_at = 8;  // so many were: a few in time among many late ones

  void note(bool slow) {
    const std::uint32_t last = last_.load(std::memory_order_relaxed);
    if (slow || last != 0) last_.store(last << 1U | (slow ? 1U : 0U), std::memory_order_relaxed);
  }
  bool last_was() const { return (last_.load(std::memory_order_relaxed) & 1U) != 0; }
  bool target_is_slow() const {
    const std::uint32_t last = last_.load(std::memory_order_relaxed);
    constexpr std::uint32_t row = (1U << in_a_row) - 1, all = (1U << looked_at) - 1;
    return (last & row) == row || std::popcount(last & all) >= of_looked_at;
  }
  void clear() { last_.store(0, std::memory_order_relaxed); }

 private:
  std::atomic<std::uint32_t> last_{0};  // a bit an answer, the last one lowest
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

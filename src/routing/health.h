// What all threads know of each target's health: a breaker and a cooling time. Relaxed atomics, no
// lock: a decision may be a moment behind another thread's, never inconsistent for long.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/failure.h"
#include "base/limits.h"

namespace holdfast::routing {

enum class BreakerState : std::uint8_t {
  closed,     // serves
  open,       // out until its time, after failures
  half_open,  // one request is trying it
  cooling,    // out until the time that the upstream asked for (Retry-After)
};

// Whether a target may be tried now.
enum class Admission : std::uint8_t {
  yes,
  probe,    // yes, as the one request that tries whether it is back
  open,     // not while there are others; tried as the last resort
  cooling,  // no
};

struct HealthView {  // one target's health, to be shown
  BreakerState state = BreakerState::closed;
  MonoTime until{};  // open, cooling
  std::uint32_t consecutive_failures = 0;
  FailureClass last_failure = FailureClass::none;
  std::int64_t last_failure_us = 0;  // wall time; 0: never
  std::uint16_t last_status = 0;     // HTTP, 0: none
  std::uint64_t attempts = 0, failures = 0;
};

// Breakers open at once for failures that the next request would meet too (connection, certificate,
// credential, money, model), and after three in a row for others; for 1 s, doubling up to 60 s
// (30 s from the start where an operator must act). One request then probes.
class HealthTable {
 public:
  static constexpr std::size_t size = limits::targets_total + 1;  // the last stands for all beyond

  Admission admit(std::size_t target, MonoTime now);
  void succeeded(std::size_t target);
  //   retry_after   what the upstream asked for, if it did
  void failed(std::size_t target, FailureClass failure, std::uint16_t status, MonoTime now,
              std::int64_t wall_us, std::optional<std::chrono::milliseconds> retry_after);
  // A probe that ended without a verdict (the client left) frees its place.
  void undecided(std::size_t target);
  // It was admitted and then not tried, for want of room: no attempt, and its place to probe is
  // free.
  void not_tried(std::size_t target);
  // It has a new credential: if it is out for want of a good one, it may be tried at once, but only
  // once until it succeeds, since the fault may be another.
  void credential_changed(std::size_t target, MonoTime now);
  HealthView view(std::size_t target, MonoTime now) const;

 private:
  struct Entry {
    std::atomic<std::int64_t> open_until{0};     // ns of monotonic time; 0: closed
    std::atomic<std::int64_t> cooling_until{0};  // likewise
    std::atomic<std::int64_t> probe_until{0};    // a probe is under way; it expires by itself
    std::atomic<std::uint32_t> consecutive{0};
    std::atomic<std::uint32_t> trips{0};  // in a row, for the doubling
    std::atomic<FailureClass> last_failure{FailureClass::none};
    std::atomic<std::uint16_t> last_status{0};
    std::atomic<std::int64_t> last_failure_us{0};
    std::atomic<std::uint64_t> attempts{0}, failures{0};
  };
  std::array<Entry, size> entries_;
};

// Whether an attempt that ended so says something about its target.
bool blames_target(FailureClass failure);

}  // namespace holdfast::routing

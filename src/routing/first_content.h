// How long the last answers of one target took to their first content, as a histogram of a bounded
// size: what share of them was there within a time.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace holdfast::routing {

// Any thread may use it. Relaxed atomics: what threads note at the same time while it forgets may
// be lost.
class FirstContentTimes {
 public:
  // Fewer say nothing of a twentieth of them.
  static constexpr std::uint32_t least = 100;
  // With so many, each counts half from then on: those before the last thousand fade.
  static constexpr std::uint32_t most = 1'000;

  // An answer had content after so long; or had none yet, and was not waited for any longer.
  void note(std::int64_t took_us);
  // The time within which `percent` (1..99) of them had content, exact to a quarter of itself.
  // Nothing while fewer than `least` are known.
  std::optional<Duration> within(int percent) const;

 private:
  static constexpr std::size_t octaves = 20;  // from 1 ms to 17 minutes
  static constexpr std::size_t steps = 4;     // of each
  void forget_half();

  std::array<std::atomic<std::uint32_t>, octaves * steps> buckets_{};
  std::atomic<std::uint32_t> total_{0};
};

}  // namespace holdfast::routing

// What all threads know of each target's load: the attempts under way and how fast it answers.
// Relaxed atomics, no lock: of two answers that end in the same moment one may be forgotten.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>

#include "base/clock.h"
#include "base/limits.h"
#include "routing/first_content.h"

namespace holdfast::routing {

// A cost that jumps up with every worse observation and comes down slowly: peak-EWMA, as in
// Finagle's balancer, with a time constant of 10 s.
class PeakEwma {
 public:
  static constexpr Duration time_constant = std::chrono::seconds(10);

  void observe(double value, MonoTime now);
  // Takes `value` only if it is worse than what is known.
  void raise(double value, MonoTime now);
  // What it has come down to; 0 when nothing was ever observed.
  double at(MonoTime now) const;
  bool known() const { return stamp_.load(std::memory_order_relaxed) != 0; }
  // Forgets all and takes `value`: for what an operator supposes (route explain).
  void suppose(double value, MonoTime now);

 private:
  std::atomic<double> value_{0};
  std::atomic<std::int64_t> stamp_{0};  // ns of monotonic time, plus 1; 0: nothing observed
};

// How one attempt went, as far as it tells how fast its target is.
struct Pace {
  std::int64_t first_content_us = -1;  // from the attempt's start; -1: the answer came whole
  std::int64_t total_us = 0;
  std::int64_t tokens_out = -1;  // -1: not known
};

class LoadTable {
 public:
  static constexpr std::size_t size = limits::targets_total + 1;  // the last stands for all beyond

  void began(std::size_t target) { entries_[target].in_flight.fetch_add(1, relaxed); }
  void ended(std::size_t target) { entries_[target].in_flight.fetch_sub(1, relaxed); }
  // It answered. Time to the first token and time per further token are two costs; of an answer
  // that came whole the first is what its tokens, at the second, leave over.
  void answered(std::size_t target, const Pace& pace, MonoTime now);
  // It took so long to fail: that never makes a target look faster.
  void failed_after(std::size_t target, std::int64_t took_us, MonoTime now);

  // How long the target's answers take to their first content: those of streams, and those that
  // come whole.
  FirstContentTimes& first_content(std::size_t target, bool stream) {
    return stream ? entries_[target].streams : entries_[target].wholes;
  }

  std::int64_t in_flight(std::size_t target) const {
    return entries_[target].in_flight.load(relaxed);
  }
  // The time that an answer of `tokens` is predicted to take, in microseconds, times the attempts
  // that would then be under way. A target of which nothing is known costs nothing while it is
  // idle, so that it is tried, and more than any other while its first answer is under way.
  double predicted_us(std::size_t target, std::int64_t tokens, MonoTime now) const;
  double first_token_us(std::size_t target, MonoTime now) const;
  double per_token_us(std::size_t target, MonoTime now) const;
  bool known(std::size_t target) const { return entries_[target].first_token.known(); }

  // What an operator supposes of a target (route explain). Negative: leave as it is.
  void suppose(std::size_t target, std::int64_t in_flight, double first_token_us,
               double per_token_us, MonoTime now);

 private:
  static constexpr auto relaxed = std::memory_order_relaxed;
  struct Entry {
    std::atomic<std::int64_t> in_flight{0};
    PeakEwma first_token;  // us
    PeakEwma per_token;    // us
    FirstContentTimes streams, wholes;
  };
  std::array<Entry, size> entries_;
};

// Counts an attempt as under way for as long as it lives.
class InFlight {
 public:
  InFlight(LoadTable& load, std::size_t target) : load_(load), target_(target) {
    load_.began(target_);
  }
  ~InFlight() { load_.ended(target_); }
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;

 private:
  LoadTable& load_;
  std::size_t target_;
};

}  // namespace holdfast::routing

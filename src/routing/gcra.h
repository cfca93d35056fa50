// How much of a rate is used up, kept as one moment: the generic cell rate algorithm. A bucket that
// fills evenly, with nothing to refill: no timer, no lock, eight bytes for each.
#pragma once
#include <atomic>
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/error.h"

namespace holdfast::routing {

// `limit` units at once, and one more after each `interval`. Made by make_rate.
struct Rate {
  std::int64_t limit = 1;  // >= 1
  Duration interval{1};    // > 0; limit * interval is what a whole refill takes
  bool operator==(const Rate&) const = default;
};

// `limit` units in each `period`. The interval is rounded up: never more than was asked for.
//   errors   invalid_request: a limit or a period below 1, or more units than nanoseconds
Result<Rate> make_rate(std::int64_t limit, Duration period);

struct GcraVerdict {
  bool limited = false;
  std::int64_t remaining = 0;           // units that may be taken now
  Duration reset_after{0};              // until all of them may
  std::optional<Duration> retry_after;  // limited: until it would fit; nothing: it never does
};

// Any thread; relaxed atomics. Rate and state are apart, so that a reload may change the rate.
class Gcra {
 public:
  // Takes `quantity` (>= 0; 0 takes nothing and tells) when it fits, else nothing.
  GcraVerdict take(const Rate& rate, std::int64_t quantity, MonoTime now);
  GcraVerdict peek(const Rate& rate, MonoTime now) const;
  // What was taken turns out to be `more` units more (< 0: less). Never refused: it is used
  // already, and what comes next waits the longer. What is given back does not reach into the past.
  void settle(const Rate& rate, std::int64_t more, MonoTime now);
  // Somebody who counts it himself says when all of it is there.
  void set_full_at(MonoTime moment);

 private:
  std::atomic<std::int64_t> full_at_ns_{0};  // monotonic; the theoretical arrival time
};

}  // namespace holdfast::routing

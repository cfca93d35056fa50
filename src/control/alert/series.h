// What was counted over the last three days, for one rule: totals at past moments, so that the
// change over any window can be asked for. Fixed memory.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "base/clock.h"

namespace holdfast::control::alert {

// Totals since the start of the process; never less than before.
struct Totals {
  std::uint64_t events = 0;    // that count at all
  std::uint64_t bad = 0;       // of these: failed, or slower than the rule's bound
  std::uint64_t nano_usd = 0;  // spent
};

class Series {  // one thread at a time
 public:
  static constexpr std::chrono::seconds fine_step{10};
  static constexpr std::chrono::minutes coarse_step{5};

  // The totals at `now`, which never goes back. Called every fine_step or so.
  void note(MonoTime now, const Totals& totals);

  struct Change {
    std::uint64_t events = 0, bad = 0, nano_usd = 0;
    Duration over{};  // less than asked when there is nothing older yet
    double bad_share() const {
      return events == 0 ? 0 : static_cast<double>(bad) / static_cast<double>(events);
    }
  };
  // What came within `window` before the last note; the window's begin is that of the nearest note.
  Change change(Duration window) const;

 private:
  struct Point {
    MonoTime at;
    Totals totals;
  };
  // Rings of notes: an hour and a bit in fine steps, three days and a bit in coarse ones.
  static constexpr std::size_t fine_points = 400, coarse_points = 900;
  struct Ring {
    std::vector<Point> points;
    std::size_t next = 0;  // the oldest, once it is full
    void push(const Point& point, std::size_t most);
  };
  Ring fine_, coarse_;
  MonoTime coarse_at_{};
};

}  // namespace holdfast::control::alert

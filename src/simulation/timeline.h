// Virtual time: a loop whose clock stands still while there is work, and jumps to the next thing
// that is due when there is none. An hour passes in as long as its events take to compute.
#pragma once
#include <boost/asio/executor_work_guard.hpp>
#include <cstdint>
#include <functional>
#include <vector>

#include "net/watchdog.h"

namespace holdfast::simulation {

inline constexpr std::int64_t first_wall_us = 1'800'000'000'000'000;  // 2027-01-15T08:00:00Z

// Used by one thread. What runs on its loop outlives neither the loop nor what it refers to: the
// timeline is made first and goes last.
class Timeline {
 public:
  //   wall_us   what the wall's clock shows at the beginning
  explicit Timeline(std::int64_t wall_us = first_wall_us);
  Timeline(const Timeline&) = delete;
  Timeline& operator=(const Timeline&) = delete;

  boost::asio::io_context& loop() { return loop_; }
  Clock& clock() { return clock_; }
  // Woken by this time, with the lateness that it has in production.
  net::Watchdog& watchdog() { return watchdog_; }
  MonoTime now() const { return clock_.now(); }
  Duration since_start() const { return clock_.now().time_since_epoch(); }  // it begins at zero

  // Calls `what` at `when`, or at once when that has passed. What is due together runs in the order
  // in which it was asked for.
  void at(MonoTime when, std::function<void()> what);
  // Resumes at `when`.
  Task<void> sleep_until(MonoTime when);
  // Runs until `end`, which is then the time.
  void run_until(MonoTime end);
  // Whether something is still to come, but for the watchdog's own waking.
  bool quiet() const { return events_.empty() && watchdog_.idle(); }
  std::uint64_t jumps() const { return jumps_; }

 private:
  class VirtualClock final : public Clock {
   public:
    explicit VirtualClock(std::int64_t wall_us) : first_us_(wall_us) {}
    MonoTime now() const override { return now_; }
    std::int64_t wall_us() const override;
    void set(MonoTime now) { now_ = now; }

   private:
    const std::int64_t first_us_;
    MonoTime now_{};
  };
  struct Event {
    MonoTime when;
    std::uint64_t order;
    std::function<void()> what;
  };
  static bool later(const Event& a, const Event& b);

  VirtualClock clock_;
  std::vector<Event> events_;  // a heap, the next one first
  std::uint64_t ordered_ = 0;
  std::uint64_t jumps_ = 0;
  net::Deadline alarm_ = net::no_deadline;  // when the watchdog wants to be woken
  boost::asio::io_context loop_{1};         // goes before the events: streams that end make some
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  net::Watchdog watchdog_;
};

}  // namespace holdfast::simulation

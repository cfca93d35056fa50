// One coroutine waits until it is told to go on.
#pragma once
#include <boost/asio/steady_timer.hpp>

#include "net/watchdog.h"

namespace holdfast::net {

// Used by one loop. The watchdog outlives it.
class Signal final : private Watchdog::Node {
 public:
  Signal(asio::io_context& loop, Watchdog& watchdog)
      : timer_(loop, MonoTime::max()), watchdog_(watchdog) {}
  // Returns once notify() has been called, before or after.
  //   errors   deadline_exceeded; cancelled: see cancel()
  Task<Result<void>> wait(Deadline deadline);
  void notify();
  // Ends the wait, now or when it comes, with `cancelled`.
  void cancel();

 private:
  void expire() override;
  asio::steady_timer timer_;
  Watchdog& watchdog_;
  bool notified_ = false;
  bool expired_ = false;
  bool cancelled_ = false;
};

}  // namespace holdfast::net

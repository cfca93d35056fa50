// Where the requests of one loop wait when no target has room: the more important first, for a
// bounded time, as long as their clients are there.
#pragma once
#include <span>

#include "gateway/request_state.h"
#include "net/signal.h"
#include "routing/capacity.h"

namespace holdfast::gateway {

// Used by one loop. A place that this loop frees is offered at once; those that other loops free
// are looked for while somebody waits, as often as the watchdog looks (25 ms), so that nobody has
// to be woken across threads.
class WaitingRoom final : private net::Watchdog::Node {
 public:
  WaitingRoom(boost::asio::io_context& loop, net::Watchdog& watchdog,
              routing::CapacityTable& capacity, observe::ThreadCounters& counters)
      : loop_(loop), watchdog_(watchdog), capacity_(capacity), counters_(counters) {}

  // Waits until one of `full`, the targets that had no room, has some; the request holds it then
  // (RequestState::place).
  //   nothing   there is room, or the client has left
  //   returns   else what the client is told
  Task<std::optional<Refusal>> wait(RequestState& state, std::span<const FullTarget> full);
  // A place has become free on this loop.
  void room_made();

 private:
  struct Waiting;
  void expire() override;
  Refusal shed_for(const RequestState& state, observe::Shed why);

  boost::asio::io_context& loop_;
  net::Watchdog& watchdog_;
  routing::CapacityTable& capacity_;
  observe::ThreadCounters& counters_;
  routing::AdmissionQueue queue_;
};

}  // namespace holdfast::gateway

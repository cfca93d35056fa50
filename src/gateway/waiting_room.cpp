#include "gateway/waiting_room.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "gateway/shedding.h"

namespace holdfast::gateway {
// One that waits. Counted at its targets as long as it lives.
struct WaitingRoom::Waiting : routing::AdmissionQueue::Waiter {
  Waiting(WaitingRoom& room, ServiceClass of, std::span<const FullTarget> targets)
      : Waiter(of), capacity(room.capacity_), full(targets), signal(room.loop_, room.watchdog_) {
    for (const FullTarget& one : full) capacity.wait_begins(one.index, of);
  }
  ~Waiting() { stop_counting(); }
  // Those behind it may go on.
  void stop_counting() {
    if (!std::exchange(counted, false)) return;
    for (const FullTarget& one : full) capacity.wait_ends(one.index, service_class());
  }

  routing::CapacityTable& capacity;
  std::span<const FullTarget> full;
  net::Signal signal;
  routing::CapacityTable::Place place;
  bool counted = true;
  bool displaced = false;  // a more important one has its place in the queue
};

Task<std::optional<Refusal>> WaitingRoom::wait(RequestState& state,
                                               std::span<const FullTarget> full) {
  const MonoTime began = state.parts.clock.now();
  Waiting self(*this, state.service_class, full);
  routing::AdmissionQueue::Waiter* displaced = queue_.enter(self, state.snapshot->queue_length);
  if (displaced == &self) co_return shed_for(state, observe::Shed::queue_full);
  if (displaced != nullptr) {
    auto& other = static_cast<Waiting&>(*displaced);
    other.displaced = true;
    other.stop_counting();
    other.signal.notify();
  }
  counters_.requests_waiting.up();
  watchdog_.arm(*this, began);
  state.cancel_wait = [&self] { self.signal.cancel(); };
  if (state.exchange.client_left() || state.stopping) self.signal.cancel();
  const net::Deadline deadline =
      std::min(state.deadline,
               state.waited_until ? *state.waited_until : began + state.snapshot->queue_timeout);
  state.waited_until = deadline;
  auto told = co_await self.signal.wait(deadline);
  (void)told;  // what has happened is in `self` and in the state
  state.cancel_wait = nullptr;
  self.leave();
  self.stop_counting();
  counters_.requests_waiting.down();
  counters_.queue_wait.observe_us(
      std::chrono::duration_cast<std::chrono::microseconds>(state.parts.clock.now() - began)
          .count());
  if (state.exchange.client_left() || state.stopping) {
    self.place = {};
    room_made();  // it may have been given a place that it does not use
    if (state.exchange.client_left()) co_return std::nullopt;
    co_return shed_for(state, observe::Shed::stopping);
  }
  if (self.place.held()) {
    state.place = std::move(self.place);
    co_return std::nullopt;
  }
  co_return shed_for(state,
                     self.displaced ? observe::Shed::displaced : observe::Shed::queue_timeout);
}

void WaitingRoom::room_made() {
  queue_.offer([this](routing::AdmissionQueue::Waiter& waiter) {
    auto& waiting = static_cast<Waiting&>(waiter);
    for (const FullTarget& one : waiting.full) {
      waiting.place = capacity_.enter(one.index, one.bounds, waiting.service_class(), true);
      if (!waiting.place.held()) continue;
      waiting.stop_counting();
      waiting.signal.notify();
      return true;
    }
    return false;
  });
}

void WaitingRoom::expire() {
  room_made();
  if (!queue_.empty()) watchdog_.arm(*this, watchdog_.clock().now());
}

Refusal WaitingRoom::shed_for(const RequestState& state, observe::Shed why) {
  const std::string_view model = state.model->name;
  std::string message;
  switch (why) {
    case observe::Shed::queue_full:
      message =
          fmt::format("no target of '{}' has room, and {} requests wait (server.queue_length)",
                      model, state.snapshot->queue_length);
      break;
    case observe::Shed::displaced:
      message = fmt::format("no target of '{}' has room, and more important requests came", model);
      break;
    case observe::Shed::queue_timeout:
      message = fmt::format("no target of '{}' had room in time (server.queue_timeout)", model);
      break;
    case observe::Shed::stopping:
    case observe::Shed::memory:  // not for who waits here
      message = "this server is stopping";
      break;
  }
  return shed(counters_, state.service_class, why, message);
}

}  // namespace holdfast::gateway

#include "simulation/network.h"

#include "net/signal.h"

namespace holdfast::simulation {
namespace {
// Round trips until a connection can be used: TCP's handshake, and two more for TLS's.
constexpr int plain_trips = 1;
constexpr int tls_trips = 3;

std::unexpected<net::ConnectFailure> failure(FailureClass failure, const char* detail) {
  return std::unexpected(net::ConnectFailure{failure, detail});
}
}  // namespace

void Network::listen(const std::string& name, Link link, Accept accept) {
  places_[name] = {link, std::move(accept), Reach::open, {}};
}

void Network::set_reach(const std::string& name, Reach reach) {
  Place& place = places_.at(name);
  place.reach = reach;
  if (reach == Reach::open) return;
  for (const std::weak_ptr<Wire>& one : place.wires)
    if (const std::shared_ptr<Wire> wire = one.lock()) wire->reset();
  place.wires.clear();
}

Task<std::expected<std::unique_ptr<net::Stream>, net::ConnectFailure>> Network::connect(
    const net::Origin& origin, net::Deadline deadline, net::Cancellation& cancellation) {
  const auto found = places_.find(origin.key());
  if (found == places_.end()) co_return failure(FailureClass::dns, "no such name");
  Place& place = found->second;
  net::Signal answered(time_.loop(), time_.watchdog());
  const net::Cancellation::Step step(cancellation, [&answered] { answered.cancel(); });
  const int trips = origin.tls ? tls_trips : plain_trips;
  const MonoTime there = time_.now() + 2 * trips * place.link.latency;
  const bool silent = place.reach == Reach::silent;
  // At its own moment, as a socket tells it: whom the watchdog wakes waits for its next look, which
  // depends on what others wait for.
  const auto waiting = std::make_shared<net::Signal*>(&answered);
  if (!silent)
    time_.at(there, [waiting] {
      if (*waiting != nullptr) (*waiting)->notify();
    });
  const Result<void> told = co_await answered.wait(deadline);
  *waiting = nullptr;
  if (cancellation.cancelled()) co_return failure(FailureClass::client_left, "cancelled");
  (void)told;  // nobody answers: the time says what happened
  if (silent || there > deadline)
    co_return failure(FailureClass::connect_timeout, "no connection in time");
  if (place.reach != Reach::open) co_return failure(FailureClass::connect, "Connection refused");
  StreamPair pair = make_pair_of_streams(time_, place.link);
  forget_closed(place);
  place.wires.push_back(pair.wire);
  ++made_;
  place.accept(std::move(pair.far));
  co_return std::move(pair.near);
}

void Network::forget_closed(Place& place) const {
  if (place.wires.size() < place.swept) return;
  std::erase_if(place.wires, [](const std::weak_ptr<Wire>& one) {
    const std::shared_ptr<Wire> wire = one.lock();
    return !wire || !wire->open();
  });
  place.swept = 2 * place.wires.size() + 64;
}

std::size_t Network::open_connections() {
  std::size_t open = 0;
  for (const auto& [name, place] : places_)
    for (const std::weak_ptr<Wire>& one : place.wires)
      if (const std::shared_ptr<Wire> wire = one.lock(); wire && wire->open()) ++open;
  return open;
}

}  // namespace holdfast::simulation

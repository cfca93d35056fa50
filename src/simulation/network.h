// The virtual network: who can be reached where, and how.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "net/connector.h"
#include "simulation/virtual_stream.h"

namespace holdfast::simulation {

enum class Reach : std::uint8_t {
  open,
  refused,  // connections are refused at once, and those that are open were reset
  silent,   // nothing is answered: connections are never made
};

// Used by one timeline, which outlives it. Names are those of net::Origin::key().
class Network final : public net::Connector {
 public:
  using Accept = std::function<void(std::unique_ptr<net::Stream>)>;

  explicit Network(Timeline& time) : time_(time) {}

  // From now on `accept` gets the far ends of connections to `name`.
  void listen(const std::string& name, Link link, Accept accept);
  // How `name` can be reached from now on. Anything but open resets what is open.
  void set_reach(const std::string& name, Reach reach);

  Task<std::expected<std::unique_ptr<net::Stream>, net::ConnectFailure>> connect(
      const net::Origin& origin, net::Deadline deadline, net::Cancellation& cancellation) override;

  std::size_t open_connections();
  std::uint64_t connections_made() const { return made_; }

 private:
  struct Place {
    Link link;
    Accept accept;
    Reach reach = Reach::open;
    std::vector<std::weak_ptr<Wire>> wires;
    std::size_t swept = 64;  // forget the closed ones when there are so many
  };
  void forget_closed(Place& place) const;

  Timeline& time_;
  std::map<std::string, Place> places_;
  std::uint64_t made_ = 0;
};

}  // namespace holdfast::simulation

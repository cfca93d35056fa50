// Which addresses a connection may go to: the last check before it is opened, on the address that
// is then used, so that no name can lead it to the machine's own network or to cloud metadata.
#pragma once
#include <boost/asio/ip/address.hpp>

#include "net/origin.h"
#include "net/task.h"

namespace holdfast::net {

enum class Reach : std::uint8_t {
  global,    // the internet
  loopback,  // this machine
  internal,  // RFC 1918, unique local, carrier-grade NAT
  never,     // unspecified, link-local, cloud metadata, multicast, reserved, tunnels
};

// Where `address` leads; of an address that carries an IPv4 address (mapped, NAT64), where that
// does.
Reach reach_of(const asio::ip::address& address);

// Whether a connection to `origin` may go to `address`: global ones always, loopback for loopback
// hosts and with `private_allowed`, private ones with `private_allowed`, the rest never.
bool may_connect(const Origin& origin, const asio::ip::address& address);

}  // namespace holdfast::net

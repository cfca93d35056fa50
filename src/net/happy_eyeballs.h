// Opens a TCP connection to the first of several addresses that answers (RFC 8305).
#pragma once
#include <boost/asio/ip/tcp.hpp>
#include <expected>
#include <string>
#include <vector>

#include "net/connector.h"
#include "net/watchdog.h"

namespace holdfast::net {

// Tries `addresses` one after the other, IPv6 and IPv4 by turns, the next one 250 ms after the last
// or as soon as that has failed; the first to connect wins, the others are closed.
//   errors   connect: each said no; connect_timeout: the deadline passed; local; client_left
Task<std::expected<asio::ip::tcp::socket, ConnectFailure>> race_connect(
    asio::io_context& loop, Watchdog& watchdog, std::vector<asio::ip::address> addresses,
    std::uint16_t port, Deadline deadline, Cancellation& cancellation);

}  // namespace holdfast::net

// Opens connections to origins: names by c-ares, IPv6 and IPv4 raced, proxies, TLS. One per loop.
#pragma once
#include <memory>
#include <string>

#include "base/failure.h"
#include "net/origin.h"
#include "net/stream.h"

namespace holdfast::net {

// Why there is no connection, and what the operator can do about it.
struct ConnectFailure {
  FailureClass failure;  // dns, connect, connect_timeout, tls, client_left, local
  std::string detail;
};

struct Connector {
  virtual ~Connector() = default;
  virtual Task<std::expected<std::unique_ptr<Stream>, ConnectFailure>> connect(
      const Origin& origin, Deadline deadline) = 0;
};

}  // namespace holdfast::net

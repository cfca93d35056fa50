// Opens connections to origins: names by c-ares, IPv6 and IPv4 raced, proxies, TLS. One per loop.
#pragma once
#include <memory>
#include <string>

#include "base/failure.h"
#include "net/cancellation.h"
#include "net/origin.h"
#include "net/resolver.h"
#include "net/stream.h"

namespace holdfast::net {

// Why there is no connection, and what the operator can do about it.
struct ConnectFailure {
  FailureClass failure;  // dns, connect, connect_timeout, tls, client_left, local
  std::string detail;
};

struct Connector {
  virtual ~Connector() = default;
  // Opens a connection that is ready for HTTP/1.1: through the proxy and past the TLS handshake
  // where the origin says so. `origin` and `cancellation` outlive the call; it ends with
  // client_left as soon as that is cancelled.
  virtual Task<std::expected<std::unique_ptr<Stream>, ConnectFailure>> connect(
      const Origin& origin, Deadline deadline, Cancellation& cancellation) = 0;
};

// The real one. The loop, the watchdog and the clock outlive it and its streams.
std::unique_ptr<Connector> make_connector(asio::io_context& loop, Watchdog& watchdog,
                                          const Clock& clock, const ResolverOptions& options = {});

}  // namespace holdfast::net

// Asks an HTTP proxy for a tunnel (CONNECT, RFC 9110, 9.3.6).
#pragma once
#include "net/connector.h"

namespace holdfast::net {

inline constexpr std::size_t proxy_answer_bytes = 16UL * 1024;  // head of the proxy's answer

// Opens the tunnel through `stream`, a fresh connection to origin.proxy; afterwards it is a
// connection to the origin.
//   errors   connect: the proxy would not; connect_timeout: it did not answer; client_left
Task<std::expected<void, ConnectFailure>> proxy_connect(Stream& stream, const Origin& origin,
                                                        Deadline deadline);

}  // namespace holdfast::net

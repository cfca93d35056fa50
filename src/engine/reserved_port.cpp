#include "engine/reserved_port.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace holdfast::engine {

Result<ReservedPort> reserve_port() {
  ReservedPort out;
  out.socket = Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  // SO_REUSEADDR is set after bind, so that the port is a free one and still can be shared.
  if (!out.socket || ::bind(out.socket.get(), generic, size) != 0 ||
      ::setsockopt(out.socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::getsockname(out.socket.get(), generic, &size) != 0)
    return fail(ErrorCode::io, fmt::format("no free port on 127.0.0.1: {}", strerror(errno)));
  out.number = ntohs(address.sin_port);
  return out;
}

}  // namespace holdfast::engine

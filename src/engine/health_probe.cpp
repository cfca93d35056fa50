#include "engine/health_probe.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string_view>

namespace holdfast::engine {
namespace {
constexpr std::string_view question =
    "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
constexpr std::string_view status_line = "HTTP/1.1 200";  // as many bytes as any status needs
}  // namespace

void HealthProbe::start(std::uint16_t port) {
  asked_ = refused_ = false;
  answer_.clear();
  socket_ = Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket_) return;
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  refused_ = ::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 &&
             errno != EINPROGRESS;
}

short HealthProbe::wanted() const { return asked_ ? POLLIN : POLLOUT; }

ProbeResult HealthProbe::step() {
  if (!socket_ || refused_) return finish(ProbeResult::gone);
  if (!asked_) {
    const ssize_t put = ::send(socket_.get(), question.data(), question.size(), MSG_NOSIGNAL);
    if (put < 0 && errno == EAGAIN) return ProbeResult::pending;
    if (put != static_cast<ssize_t>(question.size())) return finish(ProbeResult::gone);
    asked_ = true;
  }
  std::array<char, 512> buffer;
  const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
  if (got < 0 && errno == EAGAIN) return ProbeResult::pending;
  if (got <= 0) return finish(ProbeResult::gone);
  answer_.append(buffer.data(), static_cast<std::size_t>(got));
  if (answer_.size() < status_line.size()) return ProbeResult::pending;
  if (!answer_.starts_with("HTTP/1.")) return finish(ProbeResult::gone);
  return finish(answer_.substr(8, 4) == " 200" ? ProbeResult::well : ProbeResult::busy);
}

ProbeResult HealthProbe::finish(ProbeResult result) {
  socket_.reset();
  return result;
}

}  // namespace holdfast::engine

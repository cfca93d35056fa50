#include "net/proxy_connect.h"

#include <fmt/format.h>

#include <array>

namespace holdfast::net {
namespace {
std::string with_port(const std::string& host, std::uint16_t port) {
  const bool bracket = host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", bracket ? "[" : "", host, bracket ? "]" : "", port);
}

std::unexpected<ConnectFailure> failure(const Proxy& proxy, const Error& error) {
  const std::string name = with_port(proxy.host, proxy.port);
  switch (error.code) {
    case ErrorCode::deadline_exceeded:
      return std::unexpected(
          ConnectFailure{FailureClass::connect_timeout,
                         fmt::format("the proxy {} did not answer CONNECT in time", name)});
    case ErrorCode::cancelled:
      return std::unexpected(ConnectFailure{FailureClass::client_left, "cancelled"});
    case ErrorCode::invalid_request:
    case ErrorCode::upstream_unavailable:
    case ErrorCode::malformed_response:
    case ErrorCode::too_large:
    case ErrorCode::configuration:
    case ErrorCode::io:
      break;
  }
  return std::unexpected(
      ConnectFailure{FailureClass::connect,
                     fmt::format("the proxy {} would not connect: {}", name, error.detail)});
}

// What the head of the proxy's answer means.   errors   malformed_response; upstream_unavailable
Result<void> judge(std::string_view head) {
  const bool is_status_line = head.starts_with("HTTP/1.") && head.size() >= 12 && head[8] == ' ';
  if (!is_status_line) return fail(ErrorCode::malformed_response, "it does not answer in HTTP/1");
  const std::string_view status = head.substr(9, 3);
  if (status[0] == '2') return {};
  std::string line(head.substr(9, head.find_first_of("\r\n") - 9));
  for (char& c : line)
    if (c < ' ' || c > '~') c = '?';
  line.resize(std::min<std::size_t>(line.size(), 80));
  if (status == "407") line += "; give the proxy's credentials";
  return fail(ErrorCode::upstream_unavailable, line);
}
}  // namespace

Task<std::expected<void, ConnectFailure>> proxy_connect(Stream& stream, const Origin& origin,
                                                        Deadline deadline) {
  const Proxy& proxy = *origin.proxy;
  const std::string target = with_port(origin.host, origin.port);
  std::string request = fmt::format("CONNECT {} HTTP/1.1\r\nHost: {}\r\n", target, target);
  if (!proxy.authorization.empty())
    fmt::format_to(std::back_inserter(request), "Proxy-Authorization: {}\r\n",
                   proxy.authorization.reveal());
  request += "\r\n";
  const Result<void> sent = co_await stream.write(request, deadline);
  explicit_bzero(request.data(), request.size());
  if (!sent) co_return failure(proxy, sent.error());

  std::string head;
  std::array<char, 4096> part;
  for (;;) {
    const Result<std::size_t> size = co_await stream.read_some(part, deadline);
    if (!size) co_return failure(proxy, size.error());
    if (*size == 0)
      co_return failure(proxy, {ErrorCode::upstream_unavailable, "it closed without an answer"});
    head.append(part.data(), *size);
    const std::size_t end = head.find("\r\n\r\n");
    if (end != std::string::npos) {
      const Result<void> judged = judge(head);
      if (!judged) co_return failure(proxy, judged.error());
      // The origin speaks only when it is spoken to: more bytes are not the tunnel's.
      if (head.size() != end + 4)
        co_return failure(proxy, {ErrorCode::malformed_response, "bytes after its answer"});
      co_return std::expected<void, ConnectFailure>();
    }
    if (head.size() > proxy_answer_bytes)
      co_return failure(proxy, {ErrorCode::too_large, "the head of its answer has no end"});
  }
}

}  // namespace holdfast::net

#include "net/connector.h"

#include <fmt/format.h>

#include "net/egress.h"
#include "net/happy_eyeballs.h"
#include "net/proxy_connect.h"
#include "net/tls_stream.h"

namespace holdfast::net {
namespace {
namespace ip = asio::ip;

std::unexpected<ConnectFailure> failure(FailureClass failure, std::string detail) {
  return std::unexpected(ConnectFailure{failure, std::move(detail)});
}

std::unexpected<ConnectFailure> no_address(const Error& error) {
  if (error.code == ErrorCode::cancelled) return failure(FailureClass::client_left, "cancelled");
  return failure(FailureClass::dns, error.detail);
}

std::unexpected<ConnectFailure> not_allowed(const Origin& origin, const ip::address& address) {
  const bool leave_helps = reach_of(address) != Reach::never;
  return failure(
      FailureClass::connect,
      fmt::format("{} leads to {}, {}", origin.host, address.to_string(),
                  leave_helps ? "inside a private network: write `network: private` at the "
                                "provider if that is meant"
                              : "where no provider can be (link-local, metadata or reserved)"));
}

class RealConnector final : public Connector {
 public:
  RealConnector(asio::io_context& loop, Watchdog& watchdog, const Clock& clock,
                const ResolverOptions& options)
      : loop_(loop), watchdog_(watchdog), resolver_(loop, watchdog, clock, options) {}

  Task<std::expected<std::unique_ptr<Stream>, ConnectFailure>> connect(
      const Origin& origin, Deadline deadline, Cancellation& cancellation) override {
    std::expected<std::unique_ptr<TcpStream>, ConnectFailure> opened =
        co_await open(origin, deadline, cancellation);
    if (!opened) co_return std::unexpected(std::move(opened).error());
    std::unique_ptr<TcpStream> tcp = std::move(*opened);
    // A closed stream fails at every further step, so that none can be missed.
    const Cancellation::Step step(cancellation, [&stream = *tcp] { stream.close(); });
    if (origin.proxy) {
      std::expected<void, ConnectFailure> tunnel = co_await proxy_connect(*tcp, origin, deadline);
      if (!tunnel) co_return std::unexpected(std::move(tunnel).error());
    }
    if (!origin.tls) co_return std::unique_ptr<Stream>(std::move(tcp));
    Result<std::shared_ptr<TlsContext>> context = contexts_.get(origin.ca_file);
    if (!context) co_return failure(FailureClass::tls, context.error().detail);
    std::expected<std::unique_ptr<Stream>, ConnectFailure> stream =
        co_await TlsStream::open(std::move(tcp), std::move(*context), origin, deadline);
    co_return stream;
  }

 private:
  // A TCP connection to the origin, or to its proxy.
  Task<std::expected<std::unique_ptr<TcpStream>, ConnectFailure>> open(const Origin& origin,
                                                                       Deadline deadline,
                                                                       Cancellation& cancellation) {
    const std::string host = origin.proxy ? origin.proxy->host : origin.host;
    const std::uint16_t port = origin.proxy ? origin.proxy->port : origin.port;
    Result<Resolver::Addresses> addresses =
        co_await resolver_.resolve(host, deadline, cancellation);
    if (!addresses) co_return no_address(addresses.error());
    if (const auto refused = check(origin, *addresses)) co_return not_allowed(origin, *refused);
    std::expected<ip::tcp::socket, ConnectFailure> socket = co_await race_connect(
        loop_, watchdog_, std::move(*addresses), port, deadline, cancellation);
    if (!socket) {
      ConnectFailure why = std::move(socket).error();
      why.detail = fmt::format("{}{}: {}", origin.proxy ? "the proxy " : "", host, why.detail);
      co_return std::unexpected(std::move(why));
    }
    co_return std::make_unique<TcpStream>(std::move(*socket), watchdog_);
  }

  // Leaves the addresses that may be used; one that may not, when none is left. A proxy is the
  // operator's own and may be anywhere; where it connects to is known when the host is an address.
  static std::optional<ip::address> check(const Origin& origin, Resolver::Addresses& addresses) {
    if (origin.proxy) {
      boost::system::error_code not_an_address;
      ip::address literal = ip::make_address(origin.host, not_an_address);
      if (!not_an_address && !may_connect(origin, literal)) return literal;
      return std::nullopt;
    }
    ip::address first = addresses.front();
    std::erase_if(addresses, [&](const ip::address& a) { return !may_connect(origin, a); });
    if (addresses.empty()) return first;
    return std::nullopt;
  }

  asio::io_context& loop_;
  Watchdog& watchdog_;
  Resolver resolver_;
  TlsContexts contexts_;
};
}  // namespace

std::unique_ptr<Connector> make_connector(asio::io_context& loop, Watchdog& watchdog,
                                          const Clock& clock, const ResolverOptions& options) {
  return std::make_unique<RealConnector>(loop, watchdog, clock, options);
}

}  // namespace holdfast::net

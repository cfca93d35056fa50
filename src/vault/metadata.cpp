#include "vault/metadata.h"

#include "net/happy_eyeballs.h"
#include "net/tcp_stream.h"

namespace holdfast::vault {
namespace {
namespace ip = boost::asio::ip;

class TokenConnector final : public net::Connector {
 public:
  TokenConnector(boost::asio::io_context& loop, net::Watchdog& watchdog,
                 std::unique_ptr<net::Connector> others)
      : loop_(loop), watchdog_(watchdog), others_(std::move(others)) {}

  Task<std::expected<std::unique_ptr<net::Stream>, net::ConnectFailure>> connect(
      const net::Origin& origin, net::Deadline deadline, net::Cancellation& cancellation) override {
    const std::optional<ip::address> address = metadata_address(origin);
    if (!address) {
      auto stream = co_await others_->connect(origin, deadline, cancellation);
      co_return stream;
    }
    std::vector<ip::address> only{*address};
    auto socket = co_await net::race_connect(loop_, watchdog_, std::move(only), origin.port,
                                             deadline, cancellation);
    if (!socket) co_return std::unexpected(std::move(socket).error());
    co_return std::make_unique<net::TcpStream>(std::move(*socket), watchdog_);
  }

 private:
  boost::asio::io_context& loop_;
  net::Watchdog& watchdog_;
  std::unique_ptr<net::Connector> others_;
};
}  // namespace

std::optional<ip::address> metadata_address(const net::Origin& origin) {
  if (origin.tls) return std::nullopt;
  if (origin.host == "metadata.google.internal") return ip::make_address("169.254.169.254");
  boost::system::error_code error;
  ip::address address = ip::make_address(origin.host, error);
  if (error) return std::nullopt;
  if (address.is_v4()) {
    const auto bytes = address.to_v4().to_bytes();
    if (bytes[0] == 169 && bytes[1] == 254) return address;
    return std::nullopt;
  }
  static const ip::address instance = ip::make_address("fd00:ec2::254");
  static const ip::address pod = ip::make_address("fd00:ec2::23");
  if (address == instance || address == pod) return address;
  return std::nullopt;
}

std::unique_ptr<net::Connector> make_token_connector(boost::asio::io_context& loop,
                                                     net::Watchdog& watchdog,
                                                     std::unique_ptr<net::Connector> others) {
  return std::make_unique<TokenConnector>(loop, watchdog, std::move(others));
}

}  // namespace holdfast::vault

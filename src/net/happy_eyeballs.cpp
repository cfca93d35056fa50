#include "net/happy_eyeballs.h"

#include <fmt/format.h>

#include <list>

#include "net/signal.h"

namespace holdfast::net {
namespace {
namespace ip = asio::ip;
constexpr Duration stagger = std::chrono::milliseconds(250);

// IPv6 and IPv4 by turns, each in its own order; IPv6 begins.
std::vector<ip::address> interleaved(const std::vector<ip::address>& addresses) {
  std::vector<ip::address> v6, v4, out;
  for (const ip::address& address : addresses) (address.is_v6() ? v6 : v4).push_back(address);
  for (std::size_t i = 0; i < std::max(v6.size(), v4.size()); ++i) {
    if (i < v6.size()) out.push_back(v6[i]);
    if (i < v4.size()) out.push_back(v4[i]);
  }
  return out;
}

// Outlives the coroutine that awaits it until its last handler has run.
class Race final : public std::enable_shared_from_this<Race>, private Watchdog::Node {
 public:
  Race(asio::io_context& loop, Watchdog& watchdog, std::vector<ip::address> addresses,
       std::uint16_t port)
      : finished(loop, watchdog),
        loop_(loop),
        watchdog_(watchdog),
        addresses_(std::move(addresses)),
        port_(port) {}

  // Starts the next attempt, at once another one if it fails at once.
  void go_on() {
    while (next_ < addresses_.size() && !winner) {
      const ip::tcp::endpoint endpoint(addresses_[next_++], port_);
      if (!start(endpoint)) continue;
      if (next_ < addresses_.size()) watchdog_.arm(*this, watchdog_.clock().now() + stagger);
      return;
    }
    watchdog_.disarm(*this);
    if (attempts_.empty()) finished.notify();
  }
  // Closes what is still under way; no more is started.
  void end() {
    watchdog_.disarm(*this);
    next_ = addresses_.size();
    for (ip::tcp::socket& socket : attempts_) close(socket);
  }
  std::string failures() const { return failures_; }
  bool local_failure() const { return local_failure_; }

  Signal finished;
  std::optional<ip::tcp::socket> winner;

 private:
  using Attempt = std::list<ip::tcp::socket>::iterator;

  bool start(const ip::tcp::endpoint& endpoint) {
    boost::system::error_code error;
    const Attempt attempt = attempts_.emplace(attempts_.end(), loop_);
    attempt->open(endpoint.protocol(), error);
    if (error) {
      const bool no_family = error == asio::error::address_family_not_supported;
      local_failure_ = local_failure_ || !no_family;  // out of descriptors or memory
      failed(attempt, endpoint, error);
      return false;
    }
    attempt->async_connect(endpoint,
                           [self = shared_from_this(), attempt, endpoint](const auto& outcome) {
                             self->ended(attempt, endpoint, outcome);
                           });
    return true;
  }

  void ended(Attempt attempt, const ip::tcp::endpoint& endpoint,
             const boost::system::error_code& error) {
    if (error) {
      failed(attempt, endpoint, error);
      if (next_ < addresses_.size() || attempts_.empty()) go_on();
      return;
    }
    if (!winner && attempt->is_open()) {
      winner.emplace(std::move(*attempt));
      attempts_.erase(attempt);
      end();
      finished.notify();
      return;
    }
    attempts_.erase(attempt);
  }

  void failed(Attempt attempt, const ip::tcp::endpoint& endpoint,
              const boost::system::error_code& error) {
    if (error != asio::error::operation_aborted)
      failures_ += fmt::format("{}{} port {}: {}", failures_.empty() ? "" : "; ",
                               endpoint.address().to_string(), endpoint.port(), error.message());
    attempts_.erase(attempt);
  }

  static void close(ip::tcp::socket& socket) {
    boost::system::error_code ignored;
    socket.close(ignored);
  }
  void expire() override { go_on(); }

  asio::io_context& loop_;
  Watchdog& watchdog_;
  std::vector<ip::address> addresses_;
  std::uint16_t port_;
  std::size_t next_ = 0;
  std::list<ip::tcp::socket> attempts_;
  std::string failures_;
  bool local_failure_ = false;
};

// Ends the race when the coroutine is done with it, or is destroyed.
struct Held {
  std::shared_ptr<Race> race;
  ~Held() { race->end(); }
};
}  // namespace

Task<std::expected<ip::tcp::socket, ConnectFailure>> race_connect(
    asio::io_context& loop, Watchdog& watchdog, std::vector<ip::address> addresses,
    std::uint16_t port, Deadline deadline, Cancellation& cancellation) {
  const Held held{std::make_shared<Race>(loop, watchdog, interleaved(addresses), port)};
  Race& race = *held.race;
  const Cancellation::Step step(cancellation, [&race] { race.finished.cancel(); });
  race.go_on();
  const Result<void> told = co_await race.finished.wait(deadline);
  if (race.winner && !cancellation.cancelled()) co_return std::move(*race.winner);
  std::string failures = race.failures();
  if (!told && told.error().code == ErrorCode::deadline_exceeded) {
    const std::string detail = failures.empty() ? "" : "; " + failures;
    co_return std::unexpected(
        ConnectFailure{FailureClass::connect_timeout,
                       fmt::format("no connection to port {} in time{}", port, detail)});
  }
  if (!told || cancellation.cancelled())
    co_return std::unexpected(ConnectFailure{FailureClass::client_left, "cancelled"});
  co_return std::unexpected(ConnectFailure{
      race.local_failure() ? FailureClass::local : FailureClass::connect, std::move(failures)});
}

}  // namespace holdfast::net

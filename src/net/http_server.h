// The side that clients reach: accepts connections on one loop, reads requests strictly, one at a
// time per connection, and hands each to a handler. Pipelined requests are answered in order.
#pragma once
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <list>
#include <memory>
#include <string>

#include "base/limits.h"
#include "net/exchange.h"

namespace holdfast::net {

class ServerTls;
class TlsStream;
struct TlsCounters;

struct Handler {
  virtual ~Handler() = default;
  // Answers the exchange. One that returns unanswered closes the connection.
  virtual Task<void> handle(Exchange& exchange) = 0;
  // What a client is told whose request could not be read: the headers and the body.
  virtual std::string problem_answer(const HeadProblem& problem, AnswerHeaders& headers) = 0;
};

struct HttpServerOptions {
  std::chrono::milliseconds idle_timeout = limits::idle_timeout;
  std::chrono::milliseconds head_timeout = limits::head_timeout;
  std::size_t max_connections = limits::connections_per_thread;
  std::shared_ptr<const ServerTls> tls{};  // null: what it accepts is plain HTTP
  TlsCounters* tls_counters = nullptr;     // with tls; outlives the server
};

class HttpServer {
 public:
  // Takes over a listening socket (see listen_on).
  HttpServer(asio::io_context& loop, Watchdog& watchdog, const Clock& clock, Handler& handler,
             asio::ip::tcp::acceptor acceptor, HttpServerOptions options = {});
  // One that listens nowhere: it serves what it adopts.
  HttpServer(asio::io_context& loop, Watchdog& watchdog, const Clock& clock, Handler& handler,
             HttpServerOptions options = {});
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Begins to accept; nothing where it listens nowhere.
  void start();
  // Serves the requests that come over `stream`, as if it had accepted it.
  void adopt(std::unique_ptr<Stream> stream);
  // What the connections to come shake hands with; one that listens for TLS never stops to.
  void use_tls(std::shared_ptr<const ServerTls> tls) { options_.tls = std::move(tls); }
  // Accepts what is queued already, then no more; idle connections close, others after their
  // answer.
  void stop_accepting();
  // Closes the connections that wait for a request.
  void close_idle();
  // Ends every connection at once.
  void close_all();
  // Open connections.
  std::size_t connections() const { return connections_.size(); }
  // Since the start: connections accepted, and requests that ended in an exception of ours.
  std::uint64_t accepted() const { return accepted_; }
  std::uint64_t internal_errors() const { return internal_errors_; }

 private:
  struct Connection;
  Task<void> accept_loop();
  void accept_queued(std::size_t most);
  void take(asio::ip::tcp::socket socket);
  void begin(std::unique_ptr<Stream> stream, TlsStream* tls, const asio::ip::address& address);
  Task<bool> shake_hands(Connection& connection);
  Task<void> serve(Connection& connection);
  Task<bool> serve_one(Connection& connection);
  Task<void> refuse(Connection& connection, const HeadProblem& problem);
  Task<void> linger(Connection& connection);
  void mark_idle(Connection& connection, bool idle);

  asio::io_context& loop_;
  ServerShared shared_;
  Handler& handler_;
  asio::ip::tcp::acceptor acceptor_;
  asio::steady_timer accept_pause_;
  HttpServerOptions options_;
  std::list<std::unique_ptr<Connection>> connections_;
  std::list<Connection*> idle_;  // the longest idle one first
  std::uint64_t accepted_ = 0, internal_errors_ = 0;
};

// A listening socket that shares its port with the other threads' (SO_REUSEPORT) when `share` is
// set.
//   errors   io: in use, not permitted, no such address; the detail names address, port and remedy
Result<asio::ip::tcp::acceptor> listen_on(asio::io_context& loop, const std::string& address,
                                          std::uint16_t port, bool share);

}  // namespace holdfast::net

#include "net/http_server.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <limits>

#include "base/log.h"
#include "net/server_tls.h"
#include "net/tcp_stream.h"
#include "net/tls_limits.h"
#include "net/tls_stream.h"

namespace holdfast::net {
namespace {

using namespace std::chrono_literals;
// Room for a request and its usual body in one read. Only what is read into becomes resident.
constexpr std::size_t read_buffer_bytes = 32'768;
constexpr auto linger_time = 2s;
constexpr std::size_t linger_bytes = 1U << 20U;
constexpr int listen_backlog = 4096;
constexpr std::size_t accept_batch = 64;

}  // namespace

struct HttpServer::Connection : ClientConnection {
  Connection(std::unique_ptr<Stream> of, TlsStream* to_shake, const asio::ip::address& from)
      : ClientConnection{std::move(of), ReadBuffer(read_buffer_bytes), to_shake != nullptr, from},
        tls(to_shake) {}

  std::list<std::unique_ptr<Connection>>::iterator self;
  std::optional<std::list<Connection*>::iterator> idle;
  TlsStream* tls;     // the stream; null: plain, or somebody else's
  bool used = false;  // a request has come over it
};

HttpServer::HttpServer(asio::io_context& loop, Watchdog& watchdog, const Clock& clock,
                       Handler& handler, asio::ip::tcp::acceptor acceptor,
                       HttpServerOptions options)
    : loop_(loop),
      shared_{watchdog, clock},
      handler_(handler),
      acceptor_(std::move(acceptor)),
      accept_pause_(loop),
      options_(std::move(options)) {}

HttpServer::HttpServer(asio::io_context& loop, Watchdog& watchdog, const Clock& clock,
                       Handler& handler, HttpServerOptions options)
    : HttpServer(loop, watchdog, clock, handler, asio::ip::tcp::acceptor(loop),
                 std::move(options)) {}

HttpServer::~HttpServer() = default;

void HttpServer::start() {
  if (!acceptor_.is_open()) return;
  boost::system::error_code error;
  acceptor_.non_blocking(true, error);
  asio::co_spawn(loop_, accept_loop(), asio::detached);
}

Task<void> HttpServer::accept_loop() {
  while (acceptor_.is_open()) {
    boost::system::error_code error;
    auto socket = co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (!error) take(std::move(socket));  // also one that came in as accepting stopped
    if (error == asio::error::operation_aborted || shared_.stopping) break;
    if (!error) {
      accept_queued(accept_batch);
      continue;
    }
    if (error == asio::error::connection_aborted) continue;
    // Out of descriptors or memory: those that are here finish, the queue waits.
    log::warning("cannot accept connections: {}; trying again in 100 ms", error.message());
    accept_pause_.expires_after(100ms);
    co_await accept_pause_.async_wait(asio::redirect_error(asio::use_awaitable, error));
  }
}

// One turn of a busy loop takes long: a connection a turn would let the queue grow.
void HttpServer::accept_queued(std::size_t most) {
  boost::system::error_code error;
  for (; most > 0; --most) {
    asio::ip::tcp::socket socket(loop_);
    acceptor_.accept(socket, error);
    if (error) break;  // none is left; what else it may be, the next async_accept says
    take(std::move(socket));
  }
}

void HttpServer::take(asio::ip::tcp::socket socket) {
  boost::system::error_code error;
  socket.non_blocking(true, error);
  const asio::ip::address address = socket.remote_endpoint(error).address();
  auto tcp = std::make_unique<TcpStream>(std::move(socket), shared_.watchdog);
  if (!options_.tls) return begin(std::move(tcp), nullptr, address);
  auto tls = std::make_unique<TlsStream>(std::move(tcp), options_.tls);
  TlsStream* const to_shake = tls.get();
  begin(std::move(tls), to_shake, address);
}

void HttpServer::adopt(std::unique_ptr<Stream> stream) { begin(std::move(stream), nullptr, {}); }

void HttpServer::begin(std::unique_ptr<Stream> stream, TlsStream* tls,
                       const asio::ip::address& address) {
  if (connections_.size() >= options_.max_connections) {
    if (idle_.empty()) {
      log::warning("{} connections are open and busy: one more was closed", connections_.size());
      return;
    }
    idle_.front()->stream->close();
    mark_idle(*idle_.front(), false);
  }
  ++accepted_;
  connections_.push_back(std::make_unique<Connection>(std::move(stream), tls, address));
  Connection& connection = *connections_.back();
  connection.self = std::prev(connections_.end());
  asio::co_spawn(loop_, serve(connection), asio::detached);
}

void HttpServer::stop_accepting() {
  if (shared_.stopping) return;
  boost::system::error_code error;
  // What the kernel has queued for us would be reset by closing the listener.
  accept_queued(std::numeric_limits<std::size_t>::max());
  shared_.stopping = true;
  acceptor_.close(error);
  accept_pause_.cancel();
  // Connections that have not sent a request yet are given the chance to: only used ones close.
  for (Connection* connection : idle_)
    if (connection->used) connection->stream->cancel();
}

void HttpServer::close_idle() {
  for (Connection* connection : idle_) connection->stream->cancel();
}

void HttpServer::close_all() {
  for (const auto& connection : connections_) connection->stream->close();
}

void HttpServer::mark_idle(Connection& connection, bool idle) {
  if (idle && !connection.idle) {
    connection.idle = idle_.insert(idle_.end(), &connection);
  } else if (!idle && connection.idle) {
    idle_.erase(*connection.idle);
    connection.idle.reset();
  }
}

// Until it is done the connection is as good as idle: it may be closed for another.
Task<bool> HttpServer::shake_hands(Connection& connection) {
  mark_idle(connection, true);
  const Deadline deadline = shared_.clock.now() + limits::handshake_timeout;
  const auto shaken = co_await connection.tls->accept(deadline);
  mark_idle(connection, false);
  TlsCounters& counters = *options_.tls_counters;
  if (!shaken) {
    const auto which = static_cast<std::size_t>(shaken.error());
    counters.failures[which].fetch_add(1, std::memory_order_relaxed);
    co_return false;
  }
  counters.handshakes.fetch_add(1, std::memory_order_relaxed);
  connection.certificate = connection.tls->client_certificate();
  co_return true;
}

Task<void> HttpServer::serve(Connection& connection) {
  try {
    bool more = connection.tls == nullptr;
    if (!more) more = co_await shake_hands(connection);
    while (more) more = co_await serve_one(connection);
  } catch (const std::exception& bug) {
    ++internal_errors_;
    log::error("internal error while serving a request: {}", bug.what());
  }
  mark_idle(connection, false);
  connection.stream->close();
  connections_.erase(connection.self);
}

Task<void> HttpServer::refuse(Connection& connection, const HeadProblem& problem) {
  AnswerHeaders headers;
  const std::string body = handler_.problem_answer(problem, headers);
  std::string out = head_lines(problem.status, headers, false, 1, body.size());
  append_content_length(out, body.size());
  out.append("\r\n").append(body);
  auto sent =
      co_await connection.stream->write(out, shared_.clock.now() + limits::client_write_timeout);
  if (sent) co_await linger(connection);
}

// Reads what the client is still sending, within bounds: closing with unread bytes in the socket
// would reset the connection, and the answer might never be seen.
Task<void> HttpServer::linger(Connection& connection) {
  connection.stream->end_writing();
  const Deadline deadline = shared_.clock.now() + linger_time;
  std::size_t dropped = 0;
  while (dropped < linger_bytes) {
    connection.buffer.consume_all();
    const std::span<char> room = connection.buffer.room();
    auto got = co_await connection.stream->read_some(room, deadline);
    if (!got || *got == 0) break;
    dropped += *got;
  }
}

Task<bool> HttpServer::serve_one(Connection& connection) {
  std::optional<std::size_t> head_bytes;
  Deadline deadline = shared_.clock.now() + options_.idle_timeout;
  bool waiting = true;
  while (true) {
    std::string_view unread = connection.buffer.unread();
    while (waiting && unread.starts_with("\r\n")) {  // empty lines between requests (RFC 9112 2.2)
      connection.buffer.consume(2);
      unread = connection.buffer.unread();
    }
    if (!unread.empty()) {
      auto found = find_head_end(unread, true);
      if (!found) {
        co_await refuse(connection, found.error());
        co_return false;
      }
      if (*found) {
        head_bytes = *found;
        break;
      }
      if (waiting) {
        waiting = false;
        deadline = shared_.clock.now() + options_.head_timeout;
      }
    } else if (shared_.stopping && connection.used) {
      co_return false;
    }
    mark_idle(connection, waiting);
    const std::span<char> room = connection.buffer.room();
    auto got = co_await connection.stream->read_some(room, deadline);
    mark_idle(connection, false);
    if (!got && got.error().code == ErrorCode::deadline_exceeded && !waiting)
      co_await refuse(connection, {408, "the request's head came too slowly"});
    if (!got) co_return false;
    if (*got == 0 && !waiting)
      co_await refuse(connection,
                      {400, "the connection was half-closed within the request's head"});
    if (*got == 0) co_return false;
    connection.buffer.filled(*got);
  }
  connection.used = true;
  auto head = read_request_head(connection.buffer.unread().substr(0, *head_bytes));
  if (!head) {
    co_await refuse(connection, head.error());
    co_return false;
  }
  connection.buffer.consume(*head_bytes);
  Exchange exchange(shared_, connection, std::move(*head));
  std::string failure;
  try {
    co_await handler_.handle(exchange);
  } catch (const std::exception& bug) {
    ++internal_errors_;
    failure = bug.what();
  }
  if (!failure.empty()) {
    log::error("internal error while handling a request: {}", failure);
    if (!exchange.begun_) {
      exchange.close_after();
      const HeadProblem problem{500, "an internal error; the log says more"};
      AnswerHeaders headers;
      const std::string body = handler_.problem_answer(problem, headers);
      auto sent = co_await exchange.answer(500, headers, body);
      (void)sent;
    }
    co_return false;
  }
  if (!exchange.ended_ || exchange.left_) co_return false;
  if (!exchange.keep_alive_) {
    if (exchange.body_pending_)
      co_await linger(connection);
    else
      connection.stream->end_writing();
    co_return false;
  }
  if (!exchange.surplus_.empty()) connection.buffer.assign(exchange.surplus_);
  connection.buffer.shrink(read_buffer_bytes);
  co_return true;
}

Result<asio::ip::tcp::acceptor> listen_on(asio::io_context& loop, const std::string& address,
                                          std::uint16_t port, bool share) {
  boost::system::error_code error;
  const auto ip = asio::ip::make_address(address, error);
  if (error)
    return fail(ErrorCode::io, fmt::format("cannot listen on {}: not an IP address", address));
  const asio::ip::tcp::endpoint endpoint(ip, port);
  asio::ip::tcp::acceptor acceptor(loop);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error && share) {
    const int on = 1;
    ::setsockopt(acceptor.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  }
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(listen_backlog, error);
  if (error) {
    const std::string_view remedy =
        error == asio::error::address_in_use
            ? "; another process has this port: stop it, or choose another port"
            : "";
    return fail(ErrorCode::io, fmt::format("cannot listen on {}:{}: {}{}", address, port,
                                           error.message(), remedy));
  }
  return acceptor;
}

}  // namespace holdfast::net

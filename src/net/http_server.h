// The side that clients reach: accepts connections on one loop, reads requests strictly, one at a
// time per connection, and hands each to a handler. Pipelined requests are answered in order.
#pragma once
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "net/http_head.h"
#include "net/task.h"
#include "net/tcp_stream.h"
#include "net/watchdog.h"

namespace holdfast::net {

// The header lines of an answer, built in place. A value's control characters become spaces.
class AnswerHeaders {
 public:
  AnswerHeaders& add(std::string_view name, std::string_view value);
  std::string_view lines() const { return lines_; }

 private:
  std::string lines_;
};

std::string_view reason_phrase(int status);

class HttpServer;

// One request and its answer. Used by the coroutine that handles it; lives until that returns.
class Exchange {
 public:
  const RequestHead& head() const { return head_; }
  using Body = std::expected<std::string_view, HeadProblem>;
  // The body, when it has come whole with its head and is not larger; else read_body() is needed.
  std::optional<std::string_view> body_at_hand(std::size_t max_bytes);
  // Reads the whole body; the view stays valid as long as the exchange. Call at most once.
  //   errors   413 beyond max_bytes; 408 too slow; 400 malformed or cut off (status 499: client
  //   left)
  Task<Body> read_body(std::size_t max_bytes);

  // The whole answer. HEAD requests get the head alone.   errors   cancelled: the client left
  Task<Result<void>> answer(int status, const AnswerHeaders& headers, std::string_view body);
  // An answer in pieces (chunked, or until close for HTTP/1.0): the head goes out with the first
  // piece.
  //   length   announced as Content-Length when known; the pieces must add up to it
  void begin(int status, const AnswerHeaders& headers,
             std::optional<std::uint64_t> length = std::nullopt);
  Task<Result<void>> write(std::string_view piece);
  Task<Result<void>> end(std::string_view last_piece = {});
  // Closes the connection after this exchange, in mid-answer when end() was not called.
  void close_after() { keep_alive_ = false; }

  bool begun() const { return begun_; }
  bool client_left() const { return left_; }
  std::uint64_t bytes_sent() const { return bytes_sent_; }

  // While alive: calls `on_left` (once, from the loop) when the client closes its connection.
  // Whoever half-closes its side after the request counts as gone.
  class ClientWatch final : Watchdog::Node {
   public:
    ClientWatch(Exchange& exchange, std::function<void()> on_left);
    ~ClientWatch() = default;

   private:
    void expire() override;
    void arm();
    Exchange& exchange_;
    std::function<void()> on_left_;
  };

 private:
  friend class HttpServer;
  struct Connection;
  Exchange(Connection& connection, RequestHead head);
  std::unexpected<Error> lose_client();
  Result<void> send_now(std::string_view& bytes);
  Task<Result<void>> send(std::string_view bytes);
  Task<std::expected<void, HeadProblem>> gather_length(std::size_t length);
  Task<std::expected<void, HeadProblem>> gather_chunks(std::size_t max_bytes);
  Task<std::expected<std::size_t, HeadProblem>> read_some(std::span<char> room, std::size_t so_far,
                                                          MonoTime started);
  void append_piece(std::string_view piece);
  void skip_buffered_body();

  Connection& connection_;
  RequestHead head_;
  std::string body_;
  std::string surplus_;  // bytes behind a chunked body
  bool keep_alive_;
  bool body_pending_;  // the body has not been read to its end
  bool begun_ = false;
  bool ended_ = false;
  bool chunked_ = false;
  bool left_ = false;
  std::string pending_;  // bytes to go out with the next write
  std::uint64_t bytes_sent_ = 0;
};

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
};

class HttpServer {
 public:
  // Takes over a listening socket (see listen_on).
  HttpServer(asio::io_context& loop, Watchdog& watchdog, const Clock& clock, Handler& handler,
             asio::ip::tcp::acceptor acceptor, HttpServerOptions options = {});
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  void start();
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
  friend class Exchange;
  using Connection = Exchange::Connection;
  Task<void> accept_loop();
  void accept_queued(std::size_t most);
  void adopt(asio::ip::tcp::socket socket);
  Task<void> serve(Connection& connection);
  Task<bool> serve_one(Connection& connection);
  Task<void> refuse(Connection& connection, const HeadProblem& problem);
  Task<void> linger(Connection& connection);
  void mark_idle(Connection& connection, bool idle);

  asio::io_context& loop_;
  Watchdog& watchdog_;
  const Clock& clock_;
  Handler& handler_;
  asio::ip::tcp::acceptor acceptor_;
  asio::steady_timer accept_pause_;
  HttpServerOptions options_;
  std::list<std::unique_ptr<Connection>> connections_;
  std::list<Connection*> idle_;  // the longest idle one first
  std::string spare_;            // an answer's memory, once it has gone out: for the next one
  bool stopping_ = false;
  std::uint64_t accepted_ = 0, internal_errors_ = 0;
};

// A listening socket that shares its port with the other threads' (SO_REUSEPORT) when `share` is
// set.
//   errors   io: in use, not permitted, no such address; the detail names address, port and remedy
Result<asio::ip::tcp::acceptor> listen_on(asio::io_context& loop, const std::string& address,
                                          std::uint16_t port, bool share);

}  // namespace holdfast::net

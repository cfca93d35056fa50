#include "net/http_server.h"

#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <cstring>
#include <limits>

#include "base/check.h"
#include "base/log.h"
#include "net/read_buffer.h"

namespace holdfast::net {
namespace {

using namespace std::chrono_literals;
// Room for a request and its usual body in one read. Only what is read into becomes resident.
constexpr std::size_t read_buffer_bytes = 32'768;
constexpr std::size_t one_write_bytes = 65'536;  // of a body that is copied behind its head
constexpr std::size_t body_read_bytes = 65'536;
constexpr std::size_t usual_header_bytes = 512;
constexpr std::size_t first_piece_bytes = 512;  // of a streamed answer
constexpr std::size_t write_piece_bytes = limits::client_backlog_bytes;
constexpr auto client_poll_interval = 250ms;
constexpr auto linger_time = 2s;
constexpr std::size_t linger_bytes = 1U << 20U;
constexpr int listen_backlog = 4096;
constexpr std::size_t accept_batch = 64;

HeadProblem cut_off() {
  return {499, "the connection closed before the request's body was complete"};
}

std::unexpected<HeadProblem> too_large(std::size_t max_bytes) {
  return std::unexpected(
      HeadProblem{413, fmt::format("the body is larger than {} bytes", max_bytes)});
}

}  // namespace

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 426:
      return "Upgrade Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Status";
  }
}

AnswerHeaders& AnswerHeaders::add(std::string_view name, std::string_view value) {
  if (lines_.empty()) lines_.reserve(usual_header_bytes);
  lines_.append(name).append(": ");
  const std::size_t begin = lines_.size();
  lines_.append(value).append("\r\n");
  for (char& c : std::span(lines_).subspan(begin, value.size())) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) c = ' ';
  }
  return *this;
}

struct Exchange::Connection {
  Connection(HttpServer& owner, asio::ip::tcp::socket socket)
      : server(owner), stream(std::move(socket), owner.watchdog_) {}

  HttpServer& server;
  TcpStream stream;
  ReadBuffer buffer{read_buffer_bytes};
  std::list<std::unique_ptr<Connection>>::iterator self;
  std::optional<std::list<Connection*>::iterator> idle;
  bool used = false;  // a request has come over it
};

Exchange::Exchange(Connection& connection, RequestHead head)
    : connection_(connection),
      head_(std::move(head)),
      keep_alive_(head_.keep_alive && !connection.server.stopping_),
      body_pending_(head_.framing != BodyFraming::none) {}

std::unexpected<Error> Exchange::lose_client() {
  left_ = true;
  keep_alive_ = false;
  return fail(ErrorCode::cancelled, "the client left");
}

// What goes out without waiting, as most answers do, needs no coroutine; it leaves `bytes`.
Result<void> Exchange::send_now(std::string_view& bytes) {
  const Result<std::size_t> sent = connection_.stream.write_now(bytes.substr(0, write_piece_bytes));
  if (!sent) return lose_client();
  bytes_sent_ += *sent;
  bytes.remove_prefix(*sent);
  return {};
}

Task<Result<void>> Exchange::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto piece = bytes.substr(0, write_piece_bytes);
    const Deadline deadline = connection_.server.clock_.now() + limits::client_write_timeout;
    auto written = co_await connection_.stream.write(piece, deadline);
    if (!written) co_return lose_client();
    bytes_sent_ += piece.size();
    bytes.remove_prefix(piece.size());
  }
  co_return Result<void>{};
}

std::optional<std::string_view> Exchange::body_at_hand(std::size_t max_bytes) {
  if (!body_pending_) return std::string_view{};
  ReadBuffer& buffer = connection_.buffer;
  if (head_.framing != BodyFraming::length || head_.content_length > max_bytes ||
      buffer.unread().size() < head_.content_length)
    return std::nullopt;
  const auto body = buffer.unread().substr(0, static_cast<std::size_t>(head_.content_length));
  buffer.consume(body.size());
  body_pending_ = false;
  return body;
}

Task<Exchange::Body> Exchange::read_body(std::size_t max_bytes) {
  if (const auto body = body_at_hand(max_bytes)) co_return *body;
  const bool chunked = head_.framing == BodyFraming::chunked;
  if (!chunked && head_.content_length > max_bytes) co_return too_large(max_bytes);
  Connection& connection = connection_;
  if (head_.expect_continue && connection.buffer.empty()) {
    auto sent = co_await send("HTTP/1.1 100 Continue\r\n\r\n");
    if (!sent) co_return std::unexpected(cut_off());
  }
  std::expected<void, HeadProblem> gathered;
  if (chunked)
    gathered = co_await gather_chunks(max_bytes);
  else
    gathered = co_await gather_length(static_cast<std::size_t>(head_.content_length));
  if (!gathered) co_return std::unexpected(std::move(gathered).error());
  body_pending_ = false;
  co_return std::string_view(body_);
}

// The head's views point into the connection's buffer, so a body that has not come with it is
// gathered beside it.
Task<std::expected<void, HeadProblem>> Exchange::gather_length(std::size_t length) {
  const std::string_view begun = connection_.buffer.unread();
  connection_.buffer.consume_all();
  std::size_t filled = begun.size();
  body_.resize(std::min(length, std::max(filled, body_read_bytes)));
  begun.copy(body_.data(), filled);
  const MonoTime started = connection_.server.clock_.now();
  while (filled < length) {
    if (filled == body_.size()) body_.resize(std::min(length, 2 * filled));
    const std::span<char> room = std::span(body_).subspan(filled);
    auto got = co_await read_some(room, filled, started);
    if (!got) co_return std::unexpected(std::move(got).error());
    filled += *got;
  }
  co_return std::expected<void, HeadProblem>();
}

Task<std::expected<void, HeadProblem>> Exchange::gather_chunks(std::size_t max_bytes) {
  ChunkedDecoder decoder;
  std::string_view input = connection_.buffer.unread();
  connection_.buffer.consume_all();
  const auto scratch = std::make_unique_for_overwrite<char[]>(body_read_bytes);
  const MonoTime started = connection_.server.clock_.now();
  while (true) {
    while (!input.empty() && !decoder.done()) {
      auto piece = decoder.next(input);
      if (!piece) co_return std::unexpected(std::move(piece).error());
      if (body_.size() + piece->size() > max_bytes) co_return too_large(max_bytes);
      body_.append(*piece);
    }
    if (decoder.done()) break;
    const std::span<char> room(scratch.get(), body_read_bytes);
    auto got = co_await read_some(room, body_.size(), started);
    if (!got) co_return std::unexpected(std::move(got).error());
    input = std::string_view(scratch.get(), *got);
  }
  surplus_.assign(input);  // the next pipelined request
  co_return std::expected<void, HeadProblem>();
}

// More of a body of which `so_far` bytes have come.
Task<std::expected<std::size_t, HeadProblem>> Exchange::read_some(std::span<char> room,
                                                                  std::size_t so_far,
                                                                  MonoTime started) {
  const auto earned = std::chrono::seconds(so_far / limits::body_min_rate);
  const Deadline deadline = started + limits::body_grace + earned;
  auto got = co_await connection_.stream.read_some(room, deadline);
  if (!got && got.error().code == ErrorCode::deadline_exceeded)
    co_return std::unexpected(HeadProblem{408, "the request's body came too slowly"});
  if (!got) {
    left_ = true;
    co_return std::unexpected(cut_off());
  }
  if (*got == 0)
    co_return std::unexpected(
        HeadProblem{400, "the connection was half-closed before the body was complete"});
  co_return *got;
}

namespace {
void append_number(std::string& out, std::uint64_t number) {
  const fmt::format_int text(number);
  out.append(text.data(), text.size());
}

void append_chunk_size(std::string& out, std::size_t size) {
  char text[2 * sizeof size];
  const auto end = std::to_chars(std::begin(text), std::end(text), size, 16).ptr;
  out.append(text, end).append("\r\n");
}

//   body_bytes   that will be appended
//   out          empty; its memory is used
std::string head_lines(int status, const AnswerHeaders& headers, bool keep_alive, int minor_version,
                       std::size_t body_bytes, std::string out = {}) {
  out.reserve(headers.lines().size() + body_bytes + 128);
  out.append("HTTP/1.1 ");
  append_number(out, static_cast<std::uint64_t>(status));
  out.append(" ").append(reason_phrase(status)).append("\r\n").append(headers.lines());
  if (!keep_alive)
    out.append("connection: close\r\n");
  else if (minor_version == 0)
    out.append("connection: keep-alive\r\n");
  return out;
}
}  // namespace

// A body that nobody asked for and that has arrived whole does not cost the connection.
void Exchange::skip_buffered_body() {
  if (!body_pending_ || head_.framing != BodyFraming::length) return;
  if (connection_.buffer.unread().size() < head_.content_length) return;
  connection_.buffer.consume(static_cast<std::size_t>(head_.content_length));
  body_pending_ = false;
}

Task<Result<void>> Exchange::answer(int status, const AnswerHeaders& headers,
                                    std::string_view body) {
  HF_CHECK(!begun_);
  begun_ = ended_ = true;
  skip_buffered_body();
  if (body_pending_ || connection_.server.stopping_) keep_alive_ = false;
  const std::uint64_t length = body.size();
  if (head_.method == Method::head) body = {};
  const bool in_one = body.size() <= one_write_bytes;
  std::string& spare = connection_.server.spare_;
  std::string out = head_lines(status, headers, keep_alive_, head_.minor_version,
                               in_one ? body.size() : 0, std::exchange(spare, {}));
  if (status != 204) {
    out.append("content-length: ");
    append_number(out, length);
    out.append("\r\n");
  }
  out.append("\r\n");
  if (in_one) {
    out.append(body);
    body = {};
  }
  std::string_view rest = out;
  auto sent = send_now(rest);
  if (sent && !rest.empty()) sent = co_await send(rest);
  out.clear();
  spare = std::move(out);
  if (sent && !body.empty()) sent = co_await send(body);
  co_return sent;
}

void Exchange::begin(int status, const AnswerHeaders& headers,
                     std::optional<std::uint64_t> length) {
  HF_CHECK(!begun_);
  begun_ = true;
  chunked_ = !length && head_.minor_version >= 1;
  if (body_pending_ || connection_.server.stopping_ || (!length && !chunked_)) keep_alive_ = false;
  pending_ = head_lines(status, headers, keep_alive_, head_.minor_version, first_piece_bytes);
  if (length)
    fmt::format_to(std::back_inserter(pending_), "content-length: {}\r\n", *length);
  else if (chunked_)
    pending_.append("transfer-encoding: chunked\r\n");
  pending_.append("\r\n");
}

void Exchange::append_piece(std::string_view piece) {
  if (piece.empty() || head_.method == Method::head) return;
  if (chunked_) append_chunk_size(pending_, piece.size());
  pending_.append(piece);
  if (chunked_) pending_.append("\r\n");
}

Task<Result<void>> Exchange::write(std::string_view piece) {
  HF_CHECK(begun_ && !ended_);
  append_piece(piece);
  std::string_view rest = pending_;
  auto sent = send_now(rest);
  if (sent && !rest.empty()) sent = co_await send(rest);
  pending_.clear();
  co_return sent;
}

Task<Result<void>> Exchange::end(std::string_view last_piece) {
  HF_CHECK(begun_ && !ended_);
  append_piece(last_piece);
  if (chunked_ && head_.method != Method::head) pending_.append("0\r\n\r\n");
  ended_ = true;
  std::string_view rest = pending_;
  auto sent = send_now(rest);
  if (sent && !rest.empty()) sent = co_await send(rest);
  pending_.clear();
  co_return sent;
}

Exchange::ClientWatch::ClientWatch(Exchange& exchange, std::function<void()> on_left)
    : exchange_(exchange), on_left_(std::move(on_left)) {
  arm();
}

void Exchange::ClientWatch::arm() {
  HttpServer& server = exchange_.connection_.server;
  server.watchdog_.arm(*this, server.clock_.now() + client_poll_interval);
}

void Exchange::ClientWatch::expire() {
  if (!exchange_.connection_.stream.peer_closed()) return arm();
  exchange_.left_ = true;
  exchange_.keep_alive_ = false;
  on_left_();
}

HttpServer::HttpServer(asio::io_context& loop, Watchdog& watchdog, const Clock& clock,
                       Handler& handler, asio::ip::tcp::acceptor acceptor,
                       HttpServerOptions options)
    : loop_(loop),
      watchdog_(watchdog),
      clock_(clock),
      handler_(handler),
      acceptor_(std::move(acceptor)),
      accept_pause_(loop),
      options_(options) {}

HttpServer::~HttpServer() = default;

void HttpServer::start() {
  boost::system::error_code error;
  acceptor_.non_blocking(true, error);
  asio::co_spawn(loop_, accept_loop(), asio::detached);
}

Task<void> HttpServer::accept_loop() {
  while (acceptor_.is_open()) {
    boost::system::error_code error;
    auto socket = co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (!error) adopt(std::move(socket));  // also one that came in as accepting stopped
    if (error == asio::error::operation_aborted || stopping_) break;
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
    adopt(std::move(socket));
  }
}

void HttpServer::adopt(asio::ip::tcp::socket socket) {
  boost::system::error_code error;
  socket.non_blocking(true, error);
  socket.set_option(asio::ip::tcp::no_delay(true), error);
  if (connections_.size() >= options_.max_connections) {
    if (idle_.empty()) {
      log::warning("{} connections are open and busy: one more was closed", connections_.size());
      return;
    }
    idle_.front()->stream.close();
    mark_idle(*idle_.front(), false);
  }
  ++accepted_;
  connections_.push_back(std::make_unique<Connection>(*this, std::move(socket)));
  Connection& connection = *connections_.back();
  connection.self = std::prev(connections_.end());
  asio::co_spawn(loop_, serve(connection), asio::detached);
}

void HttpServer::stop_accepting() {
  if (stopping_) return;
  boost::system::error_code error;
  // What the kernel has queued for us would be reset by closing the listener.
  accept_queued(std::numeric_limits<std::size_t>::max());
  stopping_ = true;
  acceptor_.close(error);
  accept_pause_.cancel();
  // Connections that have not sent a request yet are given the chance to: only used ones close.
  for (Connection* connection : idle_)
    if (connection->used) connection->stream.cancel();
}

void HttpServer::close_idle() {
  for (Connection* connection : idle_) connection->stream.cancel();
}

void HttpServer::close_all() {
  for (const auto& connection : connections_) connection->stream.close();
}

void HttpServer::mark_idle(Connection& connection, bool idle) {
  if (idle && !connection.idle) {
    connection.idle = idle_.insert(idle_.end(), &connection);
  } else if (!idle && connection.idle) {
    idle_.erase(*connection.idle);
    connection.idle.reset();
  }
}

Task<void> HttpServer::serve(Connection& connection) {
  try {
    bool more = true;
    while (more) more = co_await serve_one(connection);
  } catch (const std::exception& bug) {
    ++internal_errors_;
    log::error("internal error while serving a request: {}", bug.what());
  }
  mark_idle(connection, false);
  connection.stream.close();
  connections_.erase(connection.self);
}

Task<void> HttpServer::refuse(Connection& connection, const HeadProblem& problem) {
  AnswerHeaders headers;
  const std::string body = handler_.problem_answer(problem, headers);
  std::string out = head_lines(problem.status, headers, false, 1, body.size());
  fmt::format_to(std::back_inserter(out), "content-length: {}\r\n\r\n{}", body.size(), body);
  auto sent = co_await connection.stream.write(out, clock_.now() + limits::client_write_timeout);
  if (sent) co_await linger(connection);
}

// Reads what the client is still sending, within bounds: closing with unread bytes in the socket
// would reset the connection, and the answer might never be seen.
Task<void> HttpServer::linger(Connection& connection) {
  boost::system::error_code ignored;
  connection.stream.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  const Deadline deadline = clock_.now() + linger_time;
  std::size_t dropped = 0;
  while (dropped < linger_bytes) {
    connection.buffer.consume_all();
    const std::span<char> room = connection.buffer.room();
    auto got = co_await connection.stream.read_some(room, deadline);
    if (!got || *got == 0) break;
    dropped += *got;
  }
}

Task<bool> HttpServer::serve_one(Connection& connection) {
  std::optional<std::size_t> head_bytes;
  Deadline deadline = clock_.now() + options_.idle_timeout;
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
        deadline = clock_.now() + options_.head_timeout;
      }
    } else if (stopping_ && connection.used) {
      co_return false;
    }
    mark_idle(connection, waiting);
    const std::span<char> room = connection.buffer.room();
    auto got = co_await connection.stream.read_some(room, deadline);
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
  Exchange exchange(connection, std::move(*head));
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
    if (exchange.body_pending_) co_await linger(connection);
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

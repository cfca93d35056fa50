#include "net/tcp_stream.h"

#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/this_coro.hpp>

namespace holdfast::net {
namespace {
constexpr auto as_value = asio::as_tuple(asio::deferred);

boost::system::error_code last_error() { return {errno, boost::system::system_category()}; }
}  // namespace

TcpStream::TcpStream(asio::ip::tcp::socket socket, Watchdog& watchdog)
    : socket_(std::move(socket)), watchdog_(watchdog) {
  boost::system::error_code ignored;  // a socket that is gone says so at the first read
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
}

void TcpStream::Operation::expire() {
  state = State::expired;
  boost::system::error_code ignored;
  owner.socket_.cancel(ignored);  // wakes the other operation too, which goes on
}

void TcpStream::begin(Operation& operation, Deadline deadline) {
  operation.state = State::waiting;
  watchdog_.arm(operation, deadline);
}

Error TcpStream::end(Operation& operation, const boost::system::error_code& error) {
  watchdog_.disarm(operation);
  const State state = std::exchange(operation.state, State::idle);
  if (error == asio::error::operation_aborted || !socket_.is_open()) {
    if (state == State::expired) return {ErrorCode::deadline_exceeded, "deadline passed"};
    return {ErrorCode::cancelled, "cancelled"};
  }
  return {ErrorCode::upstream_unavailable, error.message()};
}

bool TcpStream::goes_on(const Operation& operation, const boost::system::error_code& error,
                        asio::cancellation_type asked) const {
  return error == asio::error::operation_aborted && operation.state == State::waiting &&
         socket_.is_open() && asked == asio::cancellation_type::none;
}

Task<Result<std::size_t>> TcpStream::read_some(std::span<char> into, Deadline deadline) {
  begin(reading_, deadline);
  for (;;) {
    const auto room = asio::buffer(into.data(), into.size());
    const auto [error, size] = co_await socket_.async_read_some(room, as_value);
    if (!error) {
      watchdog_.disarm(reading_);
      reading_.state = State::idle;
      co_return size;
    }
    const asio::cancellation_state asked = co_await asio::this_coro::cancellation_state;
    if (goes_on(reading_, error, asked.cancelled())) continue;
    const Error why = end(reading_, error);
    if (error == asio::error::eof) co_return 0;
    co_return std::unexpected(why);
  }
}

Result<std::size_t> TcpStream::write_now(std::string_view bytes) {
  if (!socket_.is_open()) return fail(ErrorCode::cancelled, "closed");
  ssize_t sent = 0;
  do {
    sent = ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) return static_cast<std::size_t>(sent);
  if (errno == EAGAIN || errno == EWOULDBLOCK) return 0;
  return fail(ErrorCode::upstream_unavailable, last_error().message());
}

Task<Result<void>> TcpStream::write(std::string_view bytes, Deadline deadline) {
  while (true) {
    Result<std::size_t> sent = write_now(bytes);
    if (!sent) co_return std::unexpected(std::move(sent).error());
    bytes.remove_prefix(*sent);
    if (bytes.empty()) co_return Result<void>();
    Result<void> ready = co_await wait(writing_, Ready::write, deadline);
    if (!ready) co_return ready;
  }
}

Task<Result<void>> TcpStream::wait(Operation& operation, Ready ready, Deadline deadline) {
  begin(operation, deadline);
  const auto kind =
      ready == Ready::read ? asio::ip::tcp::socket::wait_read : asio::ip::tcp::socket::wait_write;
  for (;;) {
    const auto [error] = co_await socket_.async_wait(kind, as_value);
    if (!error) {
      watchdog_.disarm(operation);
      operation.state = State::idle;
      co_return Result<void>();
    }
    const asio::cancellation_state asked = co_await asio::this_coro::cancellation_state;
    if (!goes_on(operation, error, asked.cancelled()))
      co_return std::unexpected(end(operation, error));
  }
}

void TcpStream::cancel() {
  for (Operation* operation : {&reading_, &writing_})
    if (operation->state == State::waiting) operation->state = State::cancelled;
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

void TcpStream::close() {
  cancel();
  boost::system::error_code ignored;
  socket_.close(ignored);
}

void TcpStream::end_writing() {
  boost::system::error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
}

bool TcpStream::quiet() {
  char byte = 0;
  const ssize_t size = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

bool TcpStream::peer_closed() {
  char byte = 0;
  const ssize_t size = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return size == 0 || (size < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

}  // namespace holdfast::net

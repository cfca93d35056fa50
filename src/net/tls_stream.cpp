#include "net/tls_stream.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "base/check.h"

namespace holdfast::net {
namespace {
using Socket = asio::ip::tcp::socket;

// OpenSSL's own socket BIO would raise SIGPIPE, and go on to use a descriptor that is closed here
// and opened for another elsewhere. This one asks the socket each time.
Socket& socket_of(BIO* bio) { return *static_cast<Socket*>(BIO_get_data(bio)); }

int after(BIO* bio, ssize_t size) {
  BIO_clear_retry_flags(bio);
  return static_cast<int>(size);
}

int bio_read(BIO* bio, char* into, int size) {
  const ssize_t got =
      ::recv(socket_of(bio).native_handle(), into, static_cast<std::size_t>(size), MSG_DONTWAIT);
  const int outcome = after(bio, got);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
    BIO_set_retry_read(bio);
  if (got == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return outcome;
}

int bio_write(BIO* bio, const char* bytes, int size) {
  const ssize_t sent = ::send(socket_of(bio).native_handle(), bytes, static_cast<std::size_t>(size),
                              MSG_DONTWAIT | MSG_NOSIGNAL);
  const int outcome = after(bio, sent);
  if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
    BIO_set_retry_write(bio);
  return outcome;
}

long bio_control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
  return 0;
}

const BIO_METHOD* bio_method() {
  static const BIO_METHOD* const made = [] {
    BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "holdfast");
    HF_CHECK(method != nullptr);
    BIO_meth_set_read(method, &bio_read);
    BIO_meth_set_write(method, &bio_write);
    BIO_meth_set_ctrl(method, &bio_control);
    return method;
  }();
  return made;
}

int clamped(std::size_t size) { return static_cast<int>(std::min<std::size_t>(size, 1U << 30U)); }

std::unexpected<ConnectFailure> failure(const Origin& origin, const Error& error,
                                        const std::string& why) {
  if (error.code == ErrorCode::cancelled)
    return std::unexpected(ConnectFailure{FailureClass::client_left, "cancelled"});
  if (error.code == ErrorCode::deadline_exceeded)
    return std::unexpected(ConnectFailure{
        FailureClass::connect_timeout,
        fmt::format("{}: the TLS handshake did not end in time", origin.authority())});
  std::string detail = why.empty() ? error.detail : why;
  if (detail == "wrong version number" || detail == "packet length too long" ||
      detail == "http request")
    detail += ": this port does not speak TLS; is base_url meant to begin with http://?";
  return std::unexpected(
      ConnectFailure{FailureClass::tls, fmt::format("{}: {}", origin.authority(), detail)});
}

constexpr auto see_off_time = std::chrono::seconds(1);
constexpr std::size_t see_off_reads = 32;
constexpr std::string_view plain_http_answer =
    "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: 42\r\n"
    "connection: close\r\n\r\nthis port speaks TLS: write https:// here\n";

//   error   the first of what OpenSSL said, 0 for nothing
//   shown   the client has shown a certificate that did not pass
HandshakeFailure failure_of(unsigned long error, bool shown) {
  if (shown) return HandshakeFailure::certificate;
  if (error == 0 || ERR_GET_LIB(error) != ERR_LIB_SSL) return HandshakeFailure::left;
  const int reason = ERR_GET_REASON(error);
  if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) return HandshakeFailure::certificate;
  // The alert of a client, such as one that does not trust us.
  if (reason >= SSL_AD_REASON_OFFSET || reason == SSL_R_UNEXPECTED_EOF_WHILE_READING)
    return HandshakeFailure::left;
  return HandshakeFailure::protocol;
}
}  // namespace

TlsStream::TlsStream(std::unique_ptr<TcpStream> tcp, std::shared_ptr<const void> context,
                     SslPtr ssl)
    : context_(std::move(context)), tcp_(std::move(tcp)), ssl_(std::move(ssl)) {
  attach();
}

TlsStream::TlsStream(std::unique_ptr<TcpStream> tcp, const std::shared_ptr<const ServerTls>& tls)
    : context_(tls), tcp_(std::move(tcp)), ssl_(tls->server(why_)) {
  attach();
}

void TlsStream::attach() {
  BIO* bio = BIO_new(bio_method());
  HF_CHECK(bio != nullptr);
  BIO_set_data(bio, &tcp_->socket());
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
}

// Without goodbyes OpenSSL takes the session for a bad one and forbids to resume it. When the
// handshake failed, it may be.
TlsStream::~TlsStream() {
  if (SSL_is_init_finished(ssl_.get()) == 1)
    SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

Task<std::expected<std::unique_ptr<Stream>, ConnectFailure>> TlsStream::open(
    std::unique_ptr<TcpStream> tcp, std::shared_ptr<TlsContext> context, const Origin& origin,
    Deadline deadline) {
  std::string why;  // the certificate that was refused
  Result<SslPtr> ssl = context->client(origin, why);
  if (!ssl) co_return failure(origin, ssl.error(), why);
  std::unique_ptr<TlsStream> stream(
      new TlsStream(std::move(tcp), std::move(context), std::move(*ssl)));
  for (;;) {
    if (!stream->tcp_->socket().is_open())
      co_return failure(origin, {ErrorCode::cancelled, "closed"}, why);
    ERR_clear_error();
    const int outcome = SSL_do_handshake(stream->ssl_.get());
    if (outcome == 1) break;
    Result<void> ready = co_await stream->wait_after(outcome, stream->tcp_->reading_, deadline);
    if (!ready) co_return failure(origin, ready.error(), why);
  }
  TlsContext::handshake_done(*stream->ssl_);
  co_return stream;
}

Task<std::expected<void, HandshakeFailure>> TlsStream::accept(Deadline deadline) {
  using Shaken = std::expected<void, HandshakeFailure>;
  for (;;) {
    if (!tcp_->socket().is_open()) co_return Shaken(std::unexpect, HandshakeFailure::left);
    ERR_clear_error();
    const int outcome = SSL_do_handshake(ssl_.get());
    if (outcome == 1) break;
    const unsigned long error = ERR_peek_error();
    Result<void> ready = co_await wait_after(outcome, tcp_->reading_, deadline);
    if (ready) continue;
    if (ready.error().code == ErrorCode::deadline_exceeded)
      co_return Shaken(std::unexpect, HandshakeFailure::slow);
    if (ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) == SSL_R_HTTP_REQUEST) {
      Result<std::size_t> told = tcp_->write_now(plain_http_answer);
      (void)told;  // it fits an empty socket, or nobody is there
      co_await see_off();
      co_return Shaken(std::unexpect, HandshakeFailure::plain_http);
    }
    const HandshakeFailure failure = failure_of(error, !why_.empty());
    if (failure != HandshakeFailure::left) co_await see_off();
    co_return Shaken(std::unexpect, failure);
  }
  co_return Shaken();
}

// Closing with unread bytes in the socket would reset the connection, and what it was told might
// never be seen.
Task<void> TlsStream::see_off() {
  tcp_->end_writing();
  const Deadline deadline = tcp_->watchdog_.clock().now() + see_off_time;
  std::array<char, 4096> dropped{};
  for (std::size_t i = 0; i < see_off_reads; ++i) {
    Result<std::size_t> got = co_await tcp_->read_some(dropped, deadline);
    if (!got || *got == 0) break;
  }
}

std::string_view TlsStream::protocol() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

std::optional<ClientCertificate> TlsStream::client_certificate() const {
  X509* shown = SSL_get0_peer_certificate(ssl_.get());
  if (shown == nullptr) return std::nullopt;
  ClientCertificate out = read_client_certificate(*shown);
  out.problem = why_;
  const long verified = SSL_get_verify_result(ssl_.get());
  if (verified != X509_V_OK && out.problem.empty())
    out.problem = X509_verify_cert_error_string(verified);
  return out;
}

void TlsStream::end_writing() {
  if (SSL_is_server(ssl_.get()) == 1 && SSL_is_init_finished(ssl_.get()) == 1 &&
      tcp_->socket().is_open()) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());  // sends it, or there is no room: then it is a connection cut off
  }
  tcp_->end_writing();
}

Task<Result<void>> TlsStream::wait_after(int outcome, TcpStream::Operation& operation,
                                         Deadline deadline) {
  const boost::system::error_code system_error(errno, boost::system::system_category());
  const int error = SSL_get_error(ssl_.get(), outcome);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
    const TcpStream::Ready ready =
        error == SSL_ERROR_WANT_READ ? TcpStream::Ready::read : TcpStream::Ready::write;
    Result<void> waited = co_await tcp_->wait(operation, ready, deadline);
    co_return waited;
  }
  co_return fail(ErrorCode::upstream_unavailable,
                 error == SSL_ERROR_SYSCALL ? system_error.message() : tls_error_text());
}

Task<Result<std::size_t>> TlsStream::read_some(std::span<char> into, Deadline deadline) {
  for (;;) {
    if (!tcp_->socket().is_open()) co_return fail(ErrorCode::cancelled, "closed");
    ERR_clear_error();
    const int size = SSL_read(ssl_.get(), into.data(), clamped(into.size()));
    if (size > 0) co_return static_cast<std::size_t>(size);
    if (SSL_get_error(ssl_.get(), size) == SSL_ERROR_ZERO_RETURN) co_return 0;
    Result<void> ready = co_await wait_after(size, tcp_->reading_, deadline);
    if (!ready) co_return std::unexpected(ready.error());
  }
}

// What OpenSSL has begun to send and could not must be offered again: write() is, with the rest.
Result<std::size_t> TlsStream::write_now(std::string_view bytes) {
  if (!tcp_->socket().is_open()) return fail(ErrorCode::cancelled, "closed");
  std::size_t done = 0;
  while (done < bytes.size()) {
    ERR_clear_error();
    const int sent = SSL_write(ssl_.get(), bytes.data() + done, clamped(bytes.size() - done));
    if (sent > 0) {
      done += static_cast<std::size_t>(sent);
      continue;
    }
    const int error = SSL_get_error(ssl_.get(), sent);
    if (error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ) break;
    return fail(ErrorCode::upstream_unavailable, tls_error_text());
  }
  return done;
}

Task<Result<void>> TlsStream::write(std::string_view bytes, Deadline deadline) {
  while (!bytes.empty()) {
    if (!tcp_->socket().is_open()) co_return fail(ErrorCode::cancelled, "closed");
    ERR_clear_error();
    const int sent = SSL_write(ssl_.get(), bytes.data(), clamped(bytes.size()));
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
      continue;
    }
    Result<void> ready = co_await wait_after(sent, tcp_->writing_, deadline);
    if (!ready) co_return ready;
  }
  co_return Result<void>();
}

// Session tickets may come at any time and mean nothing, so that the socket alone does not tell.
bool TlsStream::quiet() {
  if (!tcp_->socket().is_open()) return false;
  char byte = 0;
  ERR_clear_error();
  const int size = SSL_peek(ssl_.get(), &byte, 1);
  return size <= 0 && SSL_get_error(ssl_.get(), size) == SSL_ERROR_WANT_READ;
}

bool TlsStream::peer_closed() {
  if (!tcp_->socket().is_open()) return true;
  char byte = 0;
  ERR_clear_error();
  const int size = SSL_peek(ssl_.get(), &byte, 1);
  return size <= 0 && SSL_get_error(ssl_.get(), size) != SSL_ERROR_WANT_READ;
}

}  // namespace holdfast::net

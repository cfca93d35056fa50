// A TLS connection to an upstream as a Stream.
#pragma once
#include "net/connector.h"
#include "net/tcp_stream.h"
#include "net/tls_context.h"

namespace holdfast::net {

class TlsStream final : public Stream {
 public:
  // Shakes hands over `tcp`, a fresh connection to `origin` (through a proxy or not).
  //   errors   tls: certificate, host name, protocol; connect_timeout; client_left
  static Task<std::expected<std::unique_ptr<Stream>, ConnectFailure>> open(
      std::unique_ptr<TcpStream> tcp, std::shared_ptr<TlsContext> context, const Origin& origin,
      Deadline deadline);

  ~TlsStream() override;
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  Task<Result<std::size_t>> read_some(std::span<char> into, Deadline deadline) override;
  Task<Result<void>> write(std::string_view bytes, Deadline deadline) override;
  void cancel() override { tcp_->cancel(); }
  bool quiet() override;
  bool peer_closed() override;
  // Without a TLS goodbye.
  void end_writing() override { tcp_->end_writing(); }
  void close() override { tcp_->close(); }

  bool resumed() const { return SSL_session_reused(ssl_.get()) == 1; }

 private:
  TlsStream(std::unique_ptr<TcpStream> tcp, std::shared_ptr<TlsContext> context, SslPtr ssl);
  // Waits for what OpenSSL needs after a call that returned `outcome`, with the socket.
  //   errors   upstream_unavailable: the connection is broken; deadline_exceeded; cancelled
  Task<Result<void>> wait_after(int outcome, TcpStream::Operation& operation, Deadline deadline);

  std::shared_ptr<TlsContext> context_;
  std::unique_ptr<TcpStream> tcp_;
  SslPtr ssl_;
};

}  // namespace holdfast::net

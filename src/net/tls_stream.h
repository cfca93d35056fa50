// A TLS connection as a Stream: to an upstream, or of a client.
#pragma once
#include "net/client_certificate.h"
#include "net/connector.h"
#include "net/server_tls.h"
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

  // The server's end over `tcp`, just accepted. accept() comes before all else.
  TlsStream(std::unique_ptr<TcpStream> tcp, const std::shared_ptr<const ServerTls>& tls);
  // Shakes hands. A client that speaks HTTP without TLS is told so.
  Task<std::expected<void, HandshakeFailure>> accept(Deadline deadline);
  // What the handshake has brought: the protocol that was agreed on (empty: none was named), and
  // what the client has shown of itself.
  std::string_view protocol() const;
  std::optional<ClientCertificate> client_certificate() const;

  ~TlsStream() override;
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  Task<Result<std::size_t>> read_some(std::span<char> into, Deadline deadline) override;
  Result<std::size_t> write_now(std::string_view bytes) override;
  Task<Result<void>> write(std::string_view bytes, Deadline deadline) override;
  void cancel() override { tcp_->cancel(); }
  bool quiet() override;
  bool peer_closed() override;
  // With a TLS goodbye to a client, without one to an upstream.
  void end_writing() override;
  void close() override { tcp_->close(); }

  bool resumed() const { return SSL_session_reused(ssl_.get()) == 1; }

 private:
  TlsStream(std::unique_ptr<TcpStream> tcp, std::shared_ptr<const void> context, SslPtr ssl);
  void attach();  // OpenSSL to the socket
  Task<void> see_off();
  // Waits for what OpenSSL needs after a call that returned `outcome`, with the socket.
  //   errors   upstream_unavailable: the connection is broken; deadline_exceeded; cancelled
  Task<Result<void>> wait_after(int outcome, TcpStream::Operation& operation, Deadline deadline);

  std::shared_ptr<const void> context_;  // what the callbacks use
  std::unique_ptr<TcpStream> tcp_;
  std::string why_;  // a client's certificate that did not pass
  SslPtr ssl_;
};

}  // namespace holdfast::net

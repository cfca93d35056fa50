// What a listener needs to speak TLS: its certificate, its key, and who signs its clients'
// certificates. Read once and never changed: new files make a new one.
#pragma once
#include <openssl/ssl.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "net/tls_context.h"

namespace holdfast::net {

enum class ClientCertificates : std::uint8_t { required, optional };
std::string_view to_string(ClientCertificates value);

struct ServerTlsFiles {
  std::string certificate;  // PEM: the listener's own first, then those between it and a root
  std::string key;          // PEM, of the first of them
  std::string client_ca;    // PEM: who may sign clients' certificates; empty: none is asked for
  ClientCertificates client_certificates = ClientCertificates::required;
  bool operator==(const ServerTlsFiles&) const = default;
};

struct TlsProblem {
  std::string_view key;  // certificate, key or client_ca
  std::string what;      // names the file
  std::string remedy;
};

// Why a handshake came to nothing.
enum class HandshakeFailure : std::uint8_t {
  plain_http,   // HTTP without TLS
  protocol,     // no version or cipher in common, or no TLS at all
  certificate,  // the client's is missing or did not pass
  slow,         // not done in time
  left,         // the client went away, as one does that does not trust our certificate
};
inline constexpr std::size_t handshake_failure_count = 5;
std::string_view to_string(HandshakeFailure failure);

// What happened at one listener, over all its threads.
struct TlsCounters {
  std::atomic<std::uint64_t> handshakes{0};
  std::array<std::atomic<std::uint64_t>, handshake_failure_count> failures{};
};

class ServerTls {
 public:
  // Reads and checks the files; blocks on the disk.
  //   alpn     the protocols to choose from, the first preferred: names behind their length bytes
  //   wall_us  now: a certificate that has expired, or is not valid yet, is refused
  static std::expected<std::shared_ptr<const ServerTls>, TlsProblem> load(
      const ServerTlsFiles& files, std::string_view alpn, std::int64_t wall_us);

  // The same with other keys for session tickets: who has one of before shakes hands in full.
  std::shared_ptr<const ServerTls> with_new_tickets() const;

  // A server's end: TLS 1.2 at least, forward secrecy and authenticated ciphers only, no
  // renegotiation, no compression. Any thread.
  //   why   where a client's certificate that did not pass is explained; outlives the SSL
  SslPtr server(std::string& why) const;

  // When the first certificate of the chain expires.
  std::int64_t expires_us() const { return expires_us_; }
  // What is unwise about the files; empty: nothing.
  const std::string& warning() const { return warning_; }

 private:
  struct Parts;
  explicit ServerTls(std::shared_ptr<const Parts> parts) : parts_(std::move(parts)) {}
  std::expected<void, TlsProblem> make_context();

  std::shared_ptr<const Parts> parts_;
  std::unique_ptr<SSL_CTX, SslFree> context_;
  std::int64_t expires_us_ = 0;
  std::string warning_;
};

inline constexpr std::string_view alpn_http1 = "\x08http/1.1";

}  // namespace holdfast::net

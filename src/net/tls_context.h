// What TLS connections of one loop share: trusted roots, and sessions to resume.
#pragma once
#include <openssl/ssl.h>

#include <map>
#include <memory>
#include <string>

#include "base/error.h"
#include "net/origin.h"
#include "net/tls_text.h"

namespace holdfast::net {

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
};
using SslPtr = std::unique_ptr<SSL, SslFree>;

// The trust of one ca_file (or of the system's roots), and the sessions made under it. Used by one
// loop; the connections share it, so that it outlives the cache it came from.
class TlsContext : public std::enable_shared_from_this<TlsContext> {
 public:
  // Reads `ca_file`; empty: the system's roots.   errors   configuration: unreadable, no
  // certificate
  static Result<std::shared_ptr<TlsContext>> make(const std::string& ca_file);

  // A client's end for `origin`: TLS 1.2 at least, its name announced and required of the
  // certificate, HTTP/1.1 offered, the last session offered for resumption.
  //   why   where a refused certificate is explained, until handshake_done()
  Result<SslPtr> client(const Origin& origin, std::string& why);
  static void handshake_done(SSL& ssl);
  bool has_session(const std::string& origin_key) const { return sessions_.contains(origin_key); }

 private:
  TlsContext() = default;
  static int keep_session(SSL* ssl, SSL_SESSION* session);

  std::unique_ptr<SSL_CTX, SslFree> context_;
  std::map<std::string, std::unique_ptr<SSL_SESSION, SslFree>> sessions_;  // by origin's key
};

// Contexts by ca_file; a file that has changed is read again. Used by one loop.
class TlsContexts {
 public:
  Result<std::shared_ptr<TlsContext>> get(const std::string& ca_file);

 private:
  struct Kept {
    std::int64_t changed_ns = 0;
    std::int64_t size = 0;
    std::shared_ptr<TlsContext> context;
  };
  std::map<std::string, Kept> kept_;
};

}  // namespace holdfast::net

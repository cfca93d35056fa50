// What the tests of TLS share: an authority that signs certificates, and a server in a thread.
#pragma once
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

namespace holdfast::net::test {

inline void require(bool condition, const char* what) {
  if (!condition) throw std::runtime_error(std::string("the test cannot be set up: ") + what);
}

struct Certificate {
  std::shared_ptr<EVP_PKEY> key{EVP_EC_gen("P-256"), &EVP_PKEY_free};
  std::shared_ptr<X509> x509{X509_new(), &X509_free};
};

constexpr long day_s = 86400;

// Signs certificates; itself signed by nobody.
class Authority {
 public:
  explicit Authority(const char* name) { own_ = make(name, "", -day_s, day_s, nullptr); }
  // `names` such as "DNS:a.example,IP:127.0.0.1"; valid from and until, in seconds from now.
  Certificate sign(const char* names, long from_s = -day_s, long until_s = day_s) const {
    return make("server", names, from_s, until_s, &own_);
  }
  // A file of the authority's certificate that lives as long as this.
  std::string file() const {
    if (path_.empty()) {
      std::string path = std::filesystem::temp_directory_path() / "holdfast_test_ca_XXXXXX";
      const int made = mkstemp(path.data());
      require(made >= 0, "a temporary file");
      FILE* out = fdopen(made, "w");
      PEM_write_X509(out, own_.x509.get());
      fclose(out);
      path_ = path;
    }
    return path_;
  }
  ~Authority() {
    if (!path_.empty()) unlink(path_.c_str());
  }
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

 private:
  static Certificate make(const char* name, const std::string& names, long from_s, long until_s,
                          const Certificate* issuer) {
    static std::atomic<long> serial{1};
    Certificate out;
    X509* x509 = out.x509.get();
    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), serial++);
    X509_gmtime_adj(X509_getm_notBefore(x509), from_s);
    X509_gmtime_adj(X509_getm_notAfter(x509), until_s);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
    const Certificate& by = issuer == nullptr ? out : *issuer;
    X509_set_issuer_name(x509, X509_get_subject_name(by.x509.get()));
    X509_set_pubkey(x509, out.key.get());
    extend(x509, NID_basic_constraints, issuer == nullptr ? "critical,CA:TRUE" : "CA:FALSE");
    if (!names.empty()) extend(x509, NID_subject_alt_name, names.c_str());
    require(X509_sign(x509, by.key.get(), EVP_sha256()) > 0, "a certificate");
    return out;
  }
  static void extend(X509* x509, int what, const char* value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, what, value);
    X509_add_ext(x509, extension, -1);
    X509_EXTENSION_free(extension);
  }

  Certificate own_;
  mutable std::string path_;
};

// Accepts TLS on 127.0.0.1, one connection after the other, and sends back what it reads.
class TlsServer {
 public:
  struct Ways {
    int highest_version = 0;   // of TLS; 0: the library's
    bool answers = true;       // false: never says a word
    bool says_goodbye = true;  // at the end, when the client has sent "bye"
  };
  explicit TlsServer(const Certificate& certificate) : TlsServer(certificate, Ways{}) {}
  TlsServer(const Certificate& certificate, Ways ways)
      : context_(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free), ways_(ways) {
    SSL_CTX_use_certificate(context_.get(), certificate.x509.get());
    SSL_CTX_use_PrivateKey(context_.get(), certificate.key.get());
    SSL_CTX_set_max_proto_version(context_.get(), ways.highest_version);
    SSL_CTX_set_cipher_list(context_.get(), "DEFAULT@SECLEVEL=0");
    SSL_CTX_set_alpn_select_cb(context_.get(), &TlsServer::select, this);
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    require(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0, "bind");
    require(listen(listener_, 16) == 0, "listen");
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~TlsServer() {
    shutdown(listener_, SHUT_RDWR);
    if (const int served = serving_.load(); served >= 0) shutdown(served, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  std::uint16_t port() const { return port_; }
  std::string alpn() const { return alpn_; }  // what the last client offered

 private:
  static int select(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in,
                    unsigned in_size, void* self) {
    static_cast<TlsServer*>(self)->alpn_.assign(reinterpret_cast<const char*>(in), in_size);
    *out = in + 1;
    *size = in[0];
    return SSL_TLSEXT_ERR_OK;
  }

  void serve() {
    sigset_t broken_pipe;  // OpenSSL writes to clients that have left
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
    for (;;) {
      const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client < 0) return;
      serving_ = client;
      if (ways_.answers)
        talk(client);
      else
        wait_for_end(client);
      serving_ = -1;
      close(client);
    }
  }
  static void wait_for_end(int client) {
    char byte = 0;
    while (recv(client, &byte, 1, 0) > 0) continue;
  }
  void talk(int client) {
    const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context_.get()), &SSL_free);
    SSL_set_fd(ssl.get(), client);
    if (SSL_accept(ssl.get()) != 1) return;
    std::string buffer(65536, '\0');
    for (;;) {
      const int size = SSL_read(ssl.get(), buffer.data(), static_cast<int>(buffer.size()));
      if (size <= 0) return;
      if (std::string_view(buffer.data(), static_cast<std::size_t>(size)) == "bye") break;
      if (SSL_write(ssl.get(), buffer.data(), size) <= 0) return;
    }
    if (ways_.says_goodbye) SSL_shutdown(ssl.get());
    shutdown(client, SHUT_WR);
    wait_for_end(client);
  }

  std::shared_ptr<SSL_CTX> context_;
  Ways ways_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> serving_ = -1;
  std::string alpn_;
  std::thread thread_;
};

}  // namespace holdfast::net::test

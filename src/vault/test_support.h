// What the tests of this room share: a token service on a real socket, an exchange without one,
// keys made for the occasion.
#pragma once
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "net/http_head.h"
#include "net/test_support.h"
#include "net/test_tls.h"
#include "net/url.h"
#include "vault/credential.h"

namespace holdfast::vault::test {

struct Received {
  std::string method, target, body;
  std::map<std::string, std::string> headers;  // names in lower case
  std::map<std::string, std::string> form() const { return fields_of(body); }
  std::map<std::string, std::string> query() const {
    return fields_of(target.substr(std::min(target.find('?'), target.size() - 1) + 1));
  }

 private:
  static std::map<std::string, std::string> fields_of(std::string_view text) {
    std::map<std::string, std::string> out;
    while (!text.empty()) {
      const std::string_view field = text.substr(0, text.find('&'));
      const std::size_t equals = std::min(field.find('='), field.size());
      out[std::string(field.substr(0, equals))] =
          net::percent_decode(field.substr(std::min(equals + 1, field.size())), true);
      text.remove_prefix(std::min(field.size() + 1, text.size()));
    }
    return out;
  }
};

struct Reply {
  int status = 200;
  std::string body;
  std::string headers = "";  // whole lines with CR LF
};

// Answers one request per connection, in a thread of its own, by `handle`; over TLS when it has a
// certificate.
class TokenService {
 public:
  using Handle = std::function<Reply(const Received&)>;
  explicit TokenService(Handle handle, const net::test::Certificate* certificate = nullptr)
      : handle_(std::move(handle)) {
    if (certificate != nullptr) {
      tls_.reset(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free);
      SSL_CTX_use_certificate(tls_.get(), certificate->x509.get());
      SSL_CTX_use_PrivateKey(tls_.get(), certificate->key.get());
    }
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    const bool up = ::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                    ::listen(listener_, 16) == 0;
    if (!up) throw std::runtime_error("the token service does not start");
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~TokenService() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  TokenService(const TokenService&) = delete;
  TokenService& operator=(const TokenService&) = delete;

  std::string url() const {
    return (tls_ ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(port_);
  }
  int asked() const { return asked_.load(); }

 private:
  struct Connection {
    Connection(int client, SSL_CTX* tls) : fd(client) {
      if (tls == nullptr) return;
      ssl.reset(SSL_new(tls), &SSL_free);
      SSL_set_fd(ssl.get(), fd);
      SSL_accept(ssl.get());
    }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection() { ::close(fd); }
    ssize_t receive(std::span<char> into) const {
      if (ssl) return SSL_read(ssl.get(), into.data(), static_cast<int>(into.size()));
      return ::recv(fd, into.data(), into.size(), 0);
    }
    void send(const std::string& bytes) const {
      if (ssl)
        SSL_write(ssl.get(), bytes.data(), static_cast<int>(bytes.size()));
      else
        ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    }
    int fd;
    std::shared_ptr<SSL> ssl;
  };

  void serve() {
    sigset_t broken_pipe;  // OpenSSL writes to clients that have left
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
    for (;;) {
      const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client < 0) return;
      const Connection connection(client, tls_.get());
      if (const auto request = receive(connection)) {
        ++asked_;
        const Reply reply = handle_(*request);
        const std::string bytes =
            "HTTP/1.1 " + std::to_string(reply.status) + " Said\r\n" + reply.headers +
            "Content-Length: " + std::to_string(reply.body.size()) + "\r\n\r\n" + reply.body;
        connection.send(bytes);
      }
    }
  }

  static std::optional<Received> receive(const Connection& connection) {
    std::string bytes;
    std::array<char, 65536> buffer{};
    Received out;
    std::size_t whole = 0;
    while (whole == 0 || bytes.size() < whole) {
      const auto got = connection.receive(buffer);
      if (got <= 0) return std::nullopt;
      bytes.append(buffer.data(), static_cast<std::size_t>(got));
      const auto end = net::find_head_end(bytes, true);
      if (!end) return std::nullopt;
      if (!*end) continue;
      const auto head = net::read_request_head(std::string_view(bytes).substr(0, **end));
      if (!head) return std::nullopt;
      whole = **end + head->content_length;
      if (bytes.size() < whole) continue;
      out.method = bytes.substr(0, bytes.find(' '));
      out.target = head->target;
      for (const net::HeaderField& field : head->headers.fields) {
        std::string name(field.name);
        std::ranges::transform(name, name.begin(), [](char c) {
          return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
        });
        out.headers[name] = field.value;
      }
      out.body = bytes.substr(**end, head->content_length);
    }
    return out;
  }

  Handle handle_;
  std::shared_ptr<SSL_CTX> tls_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> asked_ = 0;
  std::thread thread_;
};

// An exchange that keeps what is sent, byte for byte, and answers from a list.
class ScriptedExchange final : public Exchange {
 public:
  std::int64_t now_us = 1'800'000'000'000'000;  // 2027-01-15T08:00:00Z
  std::map<std::string, std::string> files;
  std::deque<TokenAnswer> answers;
  std::vector<std::string> sent;

  void answer(std::string body, std::vector<std::pair<std::string, std::string>> headers = {}) {
    answers.push_back({200, std::move(headers), Secret(std::move(body))});
  }
  std::int64_t wall_us() const override { return now_us; }
  Result<Secret> read_file(const std::string& path) override {
    const auto found = files.find(path);
    if (found == files.end()) return fail(ErrorCode::configuration, "no such file");
    return Secret(found->second);
  }
  Task<Result<TokenAnswer>> send(TokenRequest request) override {
    const auto bytes = to_bytes(request);
    if (!bytes) co_return std::unexpected(bytes.error());
    sent.emplace_back(bytes->reveal());
    if (answers.empty()) co_return fail(ErrorCode::upstream_unavailable, "nothing more to say");
    TokenAnswer next = std::move(answers.front());
    answers.pop_front();
    co_return next;
  }
};

inline Result<Credential> fetch(const CredentialSource& source, Exchange& exchange) {
  boost::asio::io_context loop;
  return net::test::run(loop, source.fetch(exchange));
}

struct KeyPair {
  std::shared_ptr<EVP_PKEY> key;
  std::string private_pem, public_pem;
};

inline std::string text_of_bio(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

inline KeyPair key_pair(EVP_PKEY* made, const EVP_CIPHER* cipher = nullptr) {
  KeyPair out{{made, &EVP_PKEY_free}, {}, {}};
  const std::unique_ptr<BIO, decltype(&BIO_free)> one(BIO_new(BIO_s_mem()), &BIO_free);
  const std::unique_ptr<BIO, decltype(&BIO_free)> other(BIO_new(BIO_s_mem()), &BIO_free);
  PEM_write_bio_PKCS8PrivateKey(one.get(), made, cipher, cipher == nullptr ? nullptr : "secret",
                                cipher == nullptr ? 0 : 6, nullptr, nullptr);
  PEM_write_bio_PUBKEY(other.get(), made);
  out.private_pem = text_of_bio(one.get());
  out.public_pem = text_of_bio(other.get());
  return out;
}

inline const KeyPair& rsa_key() {
  static const KeyPair key = key_pair(EVP_RSA_gen(2048));
  return key;
}

inline std::string from_base64url(std::string text) {
  for (char& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c;
  const std::size_t padding = (4 - text.size() % 4) % 4;
  text.append(padding, '=');
  std::string out(text.size(), '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < 0) return {};
  out.resize(static_cast<std::size_t>(size) - padding);
  return out;
}

struct Jwt {
  std::string header, claims, signed_text, signature;
};
inline Jwt parts_of(const std::string& token) {
  const std::size_t first = token.find('.');
  const std::size_t second = token.find('.', first + 1);
  return {from_base64url(token.substr(0, first)),
          from_base64url(token.substr(first + 1, second - first - 1)), token.substr(0, second),
          from_base64url(token.substr(second + 1))};
}

inline bool verifies(const Jwt& jwt, const KeyPair& key) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key.key.get());
  return EVP_DigestVerify(
             context.get(), reinterpret_cast<const unsigned char*>(jwt.signature.data()),
             jwt.signature.size(), reinterpret_cast<const unsigned char*>(jwt.signed_text.data()),
             jwt.signed_text.size()) == 1;
}

inline std::string json_escaped(std::string text) {
  for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 2)
    text.replace(at, 1, "\\n");
  return text;
}

inline std::string service_account_json(const std::string& token_url) {
  return R"({"type": "service_account", "client_email": "gate@project.iam.example",
             "private_key_id": "key-1", "token_uri": ")" +
         token_url + R"(", "private_key": ")" + json_escaped(rsa_key().private_pem) + "\"}";
}

class Folder {  // of files, gone at the end
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "holdfast-vault-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
    return (path_ / name).string();
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace holdfast::vault::test

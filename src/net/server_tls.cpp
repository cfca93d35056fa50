#include "net/server_tls.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "base/check.h"
#include "net/tls_limits.h"

namespace holdfast::net {
namespace {
struct X509Free {
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using X509Ptr = std::unique_ptr<X509, X509Free>;
using KeyPtr = std::unique_ptr<EVP_PKEY, X509Free>;
using BioPtr = std::unique_ptr<BIO, X509Free>;
constexpr std::string_view chain_remedy =
    "name a PEM file with the listener's certificate first, then those between it and a root";

std::unexpected<TlsProblem> problem(std::string_view key, std::string what,
                                    std::string_view remedy) {
  return std::unexpected(TlsProblem{key, std::move(what), std::string(remedy)});
}

// The file's bytes.   secret   others on this machine must not be able to read it
std::expected<std::string, TlsProblem> read_file(std::string_view key, const std::string& path,
                                                 bool secret) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0)
    return problem(key, fmt::format("{} cannot be opened: {}", path, std::strerror(errno)),
                   "name a PEM file that this user may read");
  struct stat status{};
  const bool regular = ::fstat(file, &status) == 0 && S_ISREG(status.st_mode);
  std::string out;
  ssize_t got = 0;
  if (regular) {
    out.resize(limits::tls_file_bytes + 1);
    std::size_t filled = 0;
    while (filled < out.size() &&
           (got = ::read(file, out.data() + filled, out.size() - filled)) > 0)
      filled += static_cast<std::size_t>(got);
    out.resize(filled);
  }
  ::close(file);
  if (!regular) return problem(key, path + " is not a regular file", "name a PEM file");
  if (got < 0) return problem(key, path + " cannot be read", "name a PEM file");
  if (out.size() > limits::tls_file_bytes)
    return problem(key, path + " is larger than 1 MiB", "name a PEM file");
  if (secret && (status.st_mode & S_IRWXO) != 0) {
    explicit_bzero(out.data(), out.size());
    return problem(key, path + " is open to every user of this machine", "chmod o= it");
  }
  return out;
}

BioPtr over(const std::string& bytes) {
  BioPtr bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
  HF_CHECK(bio != nullptr);
  return bio;
}

std::expected<std::vector<X509Ptr>, TlsProblem> read_certificates(std::string_view key,
                                                                  const std::string& path) {
  const auto bytes = read_file(key, path, false);
  if (!bytes) return std::unexpected(bytes.error());
  const BioPtr bio = over(*bytes);
  std::vector<X509Ptr> out;
  ERR_clear_error();
  while (X509* one = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    out.emplace_back(one);
    if (out.size() > limits::tls_chain_length && key == "certificate")
      return problem(
          key, fmt::format("{} has more than {} certificates", path, limits::tls_chain_length),
          chain_remedy);
  }
  const bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (ended) ERR_clear_error();
  if (!ended) return problem(key, path + " is damaged: " + tls_error_text(), "name a PEM file");
  if (out.empty()) return problem(key, path + " has no certificate", chain_remedy);
  return out;
}

int no_passphrase(char*, int, int, void*) { return -1; }

std::expected<KeyPtr, TlsProblem> read_key(const std::string& path) {
  auto bytes = read_file("key", path, true);
  if (!bytes) return std::unexpected(bytes.error());
  KeyPtr out;
  {
    const BioPtr bio = over(*bytes);
    ERR_clear_error();
    out.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, &no_passphrase, nullptr));
  }
  const bool locked = bytes->find("ENCRYPTED") != std::string::npos;
  explicit_bzero(bytes->data(), bytes->size());
  if (out) return out;
  ERR_clear_error();
  if (locked)
    return problem("key", path + " is encrypted, and there is nobody to ask for its passphrase",
                   "decrypt it, as with openssl pkey -in KEY -out PLAIN, and chmod 600 it");
  return problem("key", path + " has no private key that can be read",
                 "name the PEM file of the certificate's key");
}

std::int64_t seconds_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return 0;
  return timegm(&parts);
}

// What keeps the chain from being shown to anybody.
std::expected<void, TlsProblem> check_chain(const std::vector<X509Ptr>& chain,
                                            const std::string& path, std::int64_t now_s) {
  for (std::size_t i = 0; i < chain.size(); ++i) {
    X509* one = chain[i].get();
    const std::string subject = text_of(X509_get_subject_name(one));
    if (seconds_of(X509_get0_notAfter(one)) <= now_s)
      return problem("certificate",
                     fmt::format("{}: the certificate of {} expired on {}", path, subject,
                                 text_of(X509_get0_notAfter(one))),
                     "renew it");
    if (seconds_of(X509_get0_notBefore(one)) > now_s)
      return problem("certificate",
                     fmt::format("{}: the certificate of {} is valid from {} on", path, subject,
                                 text_of(X509_get0_notBefore(one))),
                     "check this machine's clock");
    if (i + 1 < chain.size() && X509_check_issued(chain[i + 1].get(), one) != X509_V_OK)
      return problem("certificate",
                     fmt::format("{}: the chain is broken: {} was issued by {}, which is not the "
                                 "next certificate",
                                 path, subject, text_of(X509_get_issuer_name(one))),
                     chain_remedy);
  }
  if (X509_check_purpose(chain.front().get(), X509_PURPOSE_SSL_SERVER, 0) != 1)
    return problem("certificate", path + ": its first certificate is not one for servers",
                   chain_remedy);
  return {};
}

// A certificate that says where its issuer's is to be had comes from an authority between it and a
// root: clients do not look there.
bool misses_issuer(const std::vector<X509Ptr>& chain) {
  X509* last = chain.back().get();
  if (chain.size() > 1 || X509_check_issued(last, last) == X509_V_OK) return false;
  const std::unique_ptr<AUTHORITY_INFO_ACCESS, void (*)(AUTHORITY_INFO_ACCESS*)> access(
      static_cast<AUTHORITY_INFO_ACCESS*>(
          X509_get_ext_d2i(last, NID_info_access, nullptr, nullptr)),
      &AUTHORITY_INFO_ACCESS_free);
  for (int i = 0; access && i < sk_ACCESS_DESCRIPTION_num(access.get()); ++i)
    if (OBJ_obj2nid(sk_ACCESS_DESCRIPTION_value(access.get(), i)->method) == NID_ad_ca_issuers)
      return true;
  return false;
}

int why_index() {
  static const int out = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return out;
}

// Notes the first reason why a client's certificate does not pass.   go_on   shake hands all the
// same
int note_problem(int passed, X509_STORE_CTX* store, bool go_on) {
  if (passed == 1) return 1;
  auto* ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* why = static_cast<std::string*>(SSL_get_ex_data(ssl, why_index()));
  if (why->empty()) {
    X509* about = X509_STORE_CTX_get_current_cert(store);
    *why = fmt::format("the certificate of {} does not pass: {}",
                       about == nullptr ? "?" : text_of(X509_get_subject_name(about)),
                       X509_verify_cert_error_string(X509_STORE_CTX_get_error(store)));
  }
  return go_on ? 1 : 0;
}

int refuse_bad(int passed, X509_STORE_CTX* store) { return note_problem(passed, store, false); }
int let_bad_in(int passed, X509_STORE_CTX* store) { return note_problem(passed, store, true); }

int choose_protocol(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in,
                    unsigned in_size, void* ours) {
  const auto* wanted = static_cast<const std::string*>(ours);
  unsigned char* chosen = nullptr;
  const int found =
      SSL_select_next_proto(&chosen, size, reinterpret_cast<const unsigned char*>(wanted->data()),
                            static_cast<unsigned>(wanted->size()), in, in_size);
  *out = chosen;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}
}  // namespace

// What contexts are made of.
struct ServerTls::Parts {
  ServerTlsFiles files;
  std::string alpn;
  std::vector<X509Ptr> chain;
  KeyPtr key;
  std::vector<X509Ptr> client_authorities;
};

std::string_view to_string(ClientCertificates value) {
  switch (value) {
    case ClientCertificates::required:
      return "required";
    case ClientCertificates::optional:
      return "optional";
  }
  return "required";
}

std::string_view to_string(HandshakeFailure failure) {
  switch (failure) {
    case HandshakeFailure::plain_http:
      return "plain_http";
    case HandshakeFailure::protocol:
      return "protocol";
    case HandshakeFailure::certificate:
      return "certificate";
    case HandshakeFailure::slow:
      return "slow";
    case HandshakeFailure::left:
      return "left";
  }
  return "protocol";
}

std::expected<std::shared_ptr<const ServerTls>, TlsProblem> ServerTls::load(
    const ServerTlsFiles& files, std::string_view alpn, std::int64_t wall_us) {
  auto parts = std::make_shared<Parts>();
  parts->files = files;
  parts->alpn = alpn;
  auto chain = read_certificates("certificate", files.certificate);
  if (!chain) return std::unexpected(std::move(chain).error());
  auto sound = check_chain(*chain, files.certificate, wall_us / 1'000'000);
  if (!sound) return std::unexpected(std::move(sound).error());
  auto key = read_key(files.key);
  if (!key) return std::unexpected(std::move(key).error());
  ERR_clear_error();
  if (X509_check_private_key(chain->front().get(), key->get()) != 1) {
    ERR_clear_error();
    return problem("key", fmt::format("{} is not the key of {}", files.key, files.certificate),
                   "name the pair that belongs together");
  }
  if (!files.client_ca.empty()) {
    auto authorities = read_certificates("client_ca", files.client_ca);
    if (!authorities) return std::unexpected(std::move(authorities).error());
    parts->client_authorities = std::move(*authorities);
  }
  parts->chain = std::move(*chain);
  parts->key = std::move(*key);
  std::int64_t expires_s = std::numeric_limits<std::int64_t>::max();
  for (const X509Ptr& one : parts->chain)
    expires_s = std::min(expires_s, seconds_of(X509_get0_notAfter(one.get())));
  const bool lonely = misses_issuer(parts->chain);
  std::shared_ptr<ServerTls> out(new ServerTls(std::move(parts)));
  out->expires_us_ = expires_s * 1'000'000;
  if (lonely)
    out->warning_ = files.certificate +
                    " has one certificate, and that one was issued by an authority that clients "
                    "may not know: add the authority's";
  auto made = out->make_context();
  if (!made) return std::unexpected(std::move(made).error());
  return out;
}

std::expected<void, TlsProblem> ServerTls::make_context() {
  const Parts& parts = *parts_;
  ERR_clear_error();
  context_.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* context = context_.get();
  HF_CHECK(context != nullptr);
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context, 1);
  HF_CHECK(SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1);
  HF_CHECK(SSL_CTX_set1_groups_list(context, "X25519:P-256:P-384") == 1);
  SSL_CTX_set_alpn_select_cb(context, &choose_protocol, const_cast<std::string*>(&parts.alpn));
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_timeout(context, std::chrono::seconds(limits::ticket_lifetime).count());
  if (SSL_CTX_use_certificate(context, parts.chain.front().get()) != 1)
    return problem("certificate", parts.files.certificate + " cannot be used: " + tls_error_text(),
                   "renew it with a key of RSA 2048, ECDSA P-256 or better");
  for (std::size_t i = 1; i < parts.chain.size(); ++i)
    HF_CHECK(SSL_CTX_add1_chain_cert(context, parts.chain[i].get()) == 1);
  // Without it OpenSSL would look for the rest of the chain among the clients' authorities.
  SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN);
  if (SSL_CTX_use_PrivateKey(context, parts.key.get()) != 1)
    return problem("key", parts.files.key + " cannot be used: " + tls_error_text(),
                   "renew it with a key of RSA 2048, ECDSA P-256 or better");
  if (parts.client_authorities.empty()) return {};
  // A resumed session would not look at the client's certificate again.
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(context, 0);
  for (const X509Ptr& one : parts.client_authorities) {
    HF_CHECK(X509_STORE_add_cert(SSL_CTX_get_cert_store(context), one.get()) == 1);
    HF_CHECK(SSL_CTX_add_client_CA(context, one.get()) == 1);
  }
  // An authority between a root and the clients may be named alone.
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN);
  const bool required = parts.files.client_certificates == ClientCertificates::required;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                     required ? &refuse_bad : &let_bad_in);
  return {};
}

std::shared_ptr<const ServerTls> ServerTls::with_new_tickets() const {
  std::shared_ptr<ServerTls> out(new ServerTls(parts_));
  out->expires_us_ = expires_us_;
  out->warning_ = warning_;
  const auto made = out->make_context();
  HF_CHECK(made.has_value());  // of the same parts before
  return out;
}

SslPtr ServerTls::server(std::string& why) const {
  SslPtr ssl(SSL_new(context_.get()));
  HF_CHECK(ssl != nullptr);
  SSL_set_ex_data(ssl.get(), why_index(), &why);
  SSL_set_accept_state(ssl.get());
  return ssl;
}

}  // namespace holdfast::net

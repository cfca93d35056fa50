#include "net/tls_context.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <boost/asio/ip/address.hpp>

#include "base/check.h"

namespace holdfast::net {
namespace {
// What a connection carries for the callbacks.
struct Marks {
  int why, context, origin_key;
};
const Marks& marks() {
  static const Marks out = {
      SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr),
      SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr),
      SSL_get_ex_new_index(0, nullptr, nullptr, nullptr,
                           [](void*, void* key, CRYPTO_EX_DATA*, int, long, void*) {
                             delete static_cast<std::string*>(key);
                           })};
  HF_CHECK(out.why >= 0 && out.context >= 0 && out.origin_key >= 0);
  return out;
}

// The host names and addresses that the certificate is for.
std::string names_in(X509* certificate) {
  constexpr int most = 8;
  auto* names = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  std::string out;
  const int count = names == nullptr ? 0 : sk_GENERAL_NAME_num(names);
  for (int i = 0; i < std::min(count, most); ++i) {
    BIO* bio = BIO_new(BIO_s_mem());
    GENERAL_NAME_print(bio, sk_GENERAL_NAME_value(names, i));
    std::string name = take_text(bio);
    const std::size_t value = name.find(':');  // "DNS:a.example", "IP Address:192.0.2.1"
    if (value != std::string::npos) name.erase(0, value + 1);
    out += (out.empty() ? "" : ", ") + name;
  }
  if (count > most) out += fmt::format(" and {} more", count - most);
  GENERAL_NAMES_free(names);
  return out.empty() ? "no host at all" : out;
}

std::string explain(int error, X509* certificate) {
  const std::string subject =
      certificate == nullptr ? "?" : text_of(X509_get_subject_name(certificate));
  const std::string issuer =
      certificate == nullptr ? "?" : text_of(X509_get_issuer_name(certificate));
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return fmt::format("the certificate ({}) expired on {}: its owner must renew it", subject,
                         text_of(X509_get0_notAfter(certificate)));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return fmt::format("the certificate ({}) is valid from {} on: check this machine's clock",
                         subject, text_of(X509_get0_notBefore(certificate)));
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return fmt::format("the certificate is for {}, not for this host: check base_url",
                         names_in(certificate));
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return fmt::format(
          "the certificate comes from an authority that is not trusted here ({}): name that "
          "authority's certificate as ca_file if you trust it",
          issuer);
    default:
      return fmt::format("the certificate ({}) does not pass: {}", subject,
                         X509_verify_cert_error_string(error));
  }
}

int on_verify(int passed, X509_STORE_CTX* store) {
  if (passed == 1) return 1;
  auto* ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* why = static_cast<std::string*>(SSL_get_ex_data(ssl, marks().why));
  if (why != nullptr)
    *why = explain(X509_STORE_CTX_get_error(store), X509_STORE_CTX_get_current_cert(store));
  return 0;
}
}  // namespace

Result<std::shared_ptr<TlsContext>> TlsContext::make(const std::string& ca_file) {
  std::shared_ptr<TlsContext> out(new TlsContext);
  ERR_clear_error();
  out->context_.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* context = out->context_.get();
  HF_CHECK(context != nullptr);
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, &on_verify);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, &TlsContext::keep_session);
  constexpr std::array<unsigned char, 9> http1 = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  HF_CHECK(SSL_CTX_set_alpn_protos(context, http1.data(), http1.size()) == 0);
  const int trusted = ca_file.empty() ? SSL_CTX_set_default_verify_paths(context)
                                      : SSL_CTX_load_verify_file(context, ca_file.c_str());
  if (trusted == 1) return out;
  return fail(ErrorCode::configuration,
              ca_file.empty() ? "the system's root certificates cannot be read: " + tls_error_text()
                              : fmt::format("ca_file {} has no certificates that can be read: {}",
                                            ca_file, tls_error_text()));
}

Result<SslPtr> TlsContext::client(const Origin& origin, std::string& why) {
  ERR_clear_error();
  SslPtr ssl(SSL_new(context_.get()));
  if (!ssl) return fail(ErrorCode::io, "no memory for TLS");
  boost::system::error_code is_name;
  boost::asio::ip::make_address(origin.host, is_name);
  SSL_set_hostflags(ssl.get(),
                    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  const bool named =
      is_name ? SSL_set1_host(ssl.get(), origin.host.c_str()) == 1 &&
                    SSL_set_tlsext_host_name(ssl.get(), origin.host.c_str()) == 1
              : X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), origin.host.c_str()) == 1;
  if (!named) return fail(ErrorCode::configuration, "TLS does not take the host's name");
  std::string key = origin.key();
  const auto session = sessions_.find(key);
  if (session != sessions_.end()) SSL_set_session(ssl.get(), session->second.get());
  SSL_set_ex_data(ssl.get(), marks().why, &why);
  SSL_set_ex_data(ssl.get(), marks().context, this);
  SSL_set_ex_data(ssl.get(), marks().origin_key, new std::string(std::move(key)));
  SSL_set_connect_state(ssl.get());
  return ssl;
}

void TlsContext::handshake_done(SSL& ssl) { SSL_set_ex_data(&ssl, marks().why, nullptr); }

int TlsContext::keep_session(SSL* ssl, SSL_SESSION* session) {
  auto* context = static_cast<TlsContext*>(SSL_get_ex_data(ssl, marks().context));
  const auto* key = static_cast<std::string*>(SSL_get_ex_data(ssl, marks().origin_key));
  context->sessions_[*key].reset(session);
  return 1;  // it is ours now
}

Result<std::shared_ptr<TlsContext>> TlsContexts::get(const std::string& ca_file) {
  Kept& kept = kept_[ca_file];
  std::int64_t changed_ns = 0, size = 0;
  struct stat status{};
  if (!ca_file.empty() && ::stat(ca_file.c_str(), &status) == 0) {
    changed_ns = status.st_mtim.tv_sec * 1'000'000'000L + status.st_mtim.tv_nsec;
    size = status.st_size;
  }
  if (kept.context && kept.changed_ns == changed_ns && kept.size == size) return kept.context;
  auto made = TlsContext::make(ca_file);
  if (!made) {
    if (kept.context) return kept.context;  // the file is being replaced: the old trust holds
    return made;
  }
  kept = {changed_ns, size, *made};
  return made;
}

}  // namespace holdfast::net

#include "net/client_certificate.h"

#include <openssl/x509v3.h>

#include <algorithm>
#include <memory>

#include "net/tls_limits.h"
#include "net/tls_text.h"

namespace holdfast::net {
namespace {
struct NamesFree {
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};

// A name is compared byte by byte: one with a NUL in it could look like another.
bool is_plain(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; });
}
}  // namespace

ClientCertificate read_client_certificate(X509& certificate) {
  ClientCertificate out;
  out.subject = text_of(X509_get_subject_name(&certificate));
  const std::unique_ptr<GENERAL_NAMES, NamesFree> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  const int count = names ? sk_GENERAL_NAME_num(names.get()) : 0;
  for (int i = 0; i < count && out.names.size() < limits::certificate_names; ++i) {
    int type = 0;
    const void* value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &type);
    if (type != GEN_URI && type != GEN_DNS) continue;
    const auto* string = static_cast<const ASN1_STRING*>(value);
    const std::string_view text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
                                static_cast<std::size_t>(ASN1_STRING_length(string)));
    if (is_plain(text))
      out.names.push_back(std::string(type == GEN_URI ? "URI:" : "DNS:").append(text));
  }
  return out;
}

}  // namespace holdfast::net

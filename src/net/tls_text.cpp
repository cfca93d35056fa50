#include "net/tls_text.h"

#include <openssl/bio.h>
#include <openssl/err.h>

#include <algorithm>

namespace holdfast::net {
std::string take_text(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string out(data, static_cast<std::size_t>(std::max(size, 0L)));
  BIO_free(bio);
  for (char& c : out)
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';
  out.resize(std::min<std::size_t>(out.size(), 300));
  return out;
}

std::string text_of(const X509_NAME* name) {
  BIO* bio = BIO_new(BIO_s_mem());
  X509_NAME_print_ex(bio, name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
  return take_text(bio);
}

std::string text_of(const ASN1_TIME* time) {
  BIO* bio = BIO_new(BIO_s_mem());
  ASN1_TIME_print_ex(bio, time, ASN1_DTFLGS_ISO8601);
  return take_text(bio);
}

std::string tls_error_text() {
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  const char* reason = ERR_reason_error_string(error);
  return reason == nullptr ? "the connection was closed" : reason;
}

}  // namespace holdfast::net

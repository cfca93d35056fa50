// What OpenSSL has to say, as text for people: without control characters, at most 300 bytes.
#pragma once
#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/x509.h>

#include <string>

namespace holdfast::net {

std::string text_of(const X509_NAME* name);  // "CN = a.example, O = Example"
std::string text_of(const ASN1_TIME* time);  // "2026-11-28 03:00:00Z"
// What was written to `bio`, which is freed.
std::string take_text(BIO* bio);

// What the last OpenSSL call on this thread complained about; empties its queue.
std::string tls_error_text();

}  // namespace holdfast::net

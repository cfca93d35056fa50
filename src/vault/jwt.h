// JSON Web Tokens signed with RS256 (RFC 7515, 7518: RSASSA-PKCS1-v1_5 with SHA-256).
#pragma once
#include <openssl/evp.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/secret.h"

namespace holdfast::vault {

std::string base64url(std::string_view bytes);  // without padding

class RsaKey {  // shared by its copies; thread-safe
 public:
  // Reads an unencrypted PEM private key.
  //   errors   configuration: not PEM, encrypted, not RSA, shorter than 2048 bits
  static Result<RsaKey> read(std::string_view pem);
  //   errors   io: the library refuses
  Result<std::string> sign_sha256(std::string_view bytes) const;

 private:
  explicit RsaKey(std::shared_ptr<EVP_PKEY> key) : key_(std::move(key)) {}
  std::shared_ptr<EVP_PKEY> key_;
};

// The compact form of a token with these two JSON texts.
Result<Secret> sign_jwt(const RsaKey& key, std::string_view header, std::string_view claims);

}  // namespace holdfast::vault

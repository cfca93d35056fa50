#include "vault/jwt.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "vault/request.h"

namespace holdfast::vault {
namespace {
constexpr int least_bits = 2048;

// In place of OpenSSL's own, which would ask at the terminal.
int no_passphrase(char*, int, int, void*) { return 0; }

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
}  // namespace

std::string base64url(std::string_view bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(bytes),
                                   static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  while (out.ends_with('=')) out.pop_back();
  for (char& c : out) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return out;
}

Result<RsaKey> RsaKey::read(std::string_view pem) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> from(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
  std::shared_ptr<EVP_PKEY> key(
      PEM_read_bio_PrivateKey(from.get(), nullptr, &no_passphrase, nullptr), &EVP_PKEY_free);
  ERR_clear_error();
  if (!key) return fail(ErrorCode::configuration, "the private key is not an unencrypted PEM key");
  if (EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA)
    return fail(ErrorCode::configuration, "the private key is not an RSA key");
  if (EVP_PKEY_get_bits(key.get()) < least_bits)
    return fail(ErrorCode::configuration, "the private key is shorter than 2048 bits");
  return RsaKey(std::move(key));
}

Result<std::string> RsaKey::sign_sha256(std::string_view bytes) const {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  std::size_t size = 0;
  bool signed_it =
      EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) == 1 &&
      EVP_DigestSign(context.get(), nullptr, &size, bytes_of(bytes), bytes.size()) == 1;
  std::string out(size, '\0');
  signed_it =
      signed_it && EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()),
                                  &size, bytes_of(bytes), bytes.size()) == 1;
  ERR_clear_error();
  if (!signed_it) return fail(ErrorCode::io, "OpenSSL cannot sign with the private key");
  out.resize(size);
  return out;
}

Result<Secret> sign_jwt(const RsaKey& key, std::string_view header, std::string_view claims) {
  const std::string text = base64url(header) + "." + base64url(claims);
  const Result<std::string> signature = key.sign_sha256(text);
  if (!signature) return std::unexpected(signature.error());
  const std::string encoded = base64url(*signature);
  return concat({text, ".", encoded});
}

}  // namespace holdfast::vault

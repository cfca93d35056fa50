#include "vault/sealed/constructions.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <sodium.h>

#include <array>
#include <memory>

#include "base/check.h"

namespace holdfast::vault::sealed {
namespace {
constexpr std::size_t gcm_nonce_bytes = 12;
constexpr std::size_t wrap_overhead = 16;  // at most: padding and one semiblock

struct Free {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
  void operator()(EVP_KDF* kdf) const { EVP_KDF_free(kdf); }
  void operator()(EVP_KDF_CTX* context) const { EVP_KDF_CTX_free(context); }
  void operator()(EVP_MAC* mac) const { EVP_MAC_free(mac); }
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
void* unchanged(std::string_view text) { return const_cast<char*>(text.data()); }  // for OSSL_PARAM

// What does not open is no fault of OpenSSL's next user on this thread: its queue stays empty.
std::nullopt_t does_not_open() {
  ERR_clear_error();
  return std::nullopt;
}

void start_sodium() {
  static const int started = sodium_init();
  HF_CHECK(started >= 0);
}

LockedBytes hkdf(const char* hash, int mode, std::string_view key, std::string_view salt,
                 std::string_view info, std::size_t bytes) {
  const Owned<EVP_KDF> kdf(EVP_KDF_fetch(nullptr, OSSL_KDF_NAME_HKDF, nullptr));
  HF_CHECK(kdf != nullptr);
  const Owned<EVP_KDF_CTX> context(EVP_KDF_CTX_new(kdf.get()));
  HF_CHECK(context != nullptr);
  const std::array<OSSL_PARAM, 6> params = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, const_cast<char*>(hash), 0),
      OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, unchanged(key), key.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, unchanged(info), info.size()),
      salt.empty()
          ? OSSL_PARAM_construct_end()
          : OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, unchanged(salt), salt.size()),
      OSSL_PARAM_construct_end()};
  LockedBytes out(bytes);
  HF_CHECK(EVP_KDF_derive(context.get(), out.data(), bytes, params.data()) == 1);
  return out;
}

// AES-256-CMAC of one block into `out`.
void cmac(std::string_view key, std::string_view block, unsigned char* out) {
  const Owned<EVP_MAC> mac(EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_CMAC, nullptr));
  HF_CHECK(mac != nullptr);
  const Owned<EVP_MAC_CTX> context(EVP_MAC_CTX_new(mac.get()));
  HF_CHECK(context != nullptr);
  char cipher[] = "AES-256-CBC";
  const std::array<OSSL_PARAM, 2> params = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher, 0),
      OSSL_PARAM_construct_end()};
  std::size_t written = 0;
  HF_CHECK(EVP_MAC_init(context.get(), bytes_of(key), key.size(), params.data()) == 1);
  HF_CHECK(EVP_MAC_update(context.get(), bytes_of(block), block.size()) == 1);
  HF_CHECK(EVP_MAC_final(context.get(), out, &written, 16) == 1 && written == 16);
}

// The key of AES-256-GCM that XAES-256-GCM uses with `nonce`: SP 800-108r1 with CMAC, in which
// the two blocks hold a counter, the label X, a zero and the nonce's first half.
LockedBytes xaes_key(std::string_view key, std::string_view nonce) {
  HF_CHECK(key.size() == key_bytes && nonce.size() == nonce_bytes);
  LockedBytes derived(key_bytes);
  for (unsigned char half = 0; half < 2; ++half) {
    std::string block{'\0', static_cast<char>(half + 1), 'X', '\0'};
    block += nonce.substr(0, gcm_nonce_bytes);
    cmac(key, block, derived.data() + std::size_t{16} * half);
  }
  return derived;
}
}  // namespace

std::string random_bytes(std::size_t count) {
  start_sodium();
  std::string out(count, '\0');
  randombytes_buf(out.data(), count);
  return out;
}

LockedBytes random_key() {
  LockedBytes key(key_bytes);
  randombytes_buf(key.data(), key.size());
  return key;
}

LockedBytes hkdf_sha256(std::string_view key, std::string_view salt, std::string_view info,
                        std::size_t bytes) {
  return hkdf("SHA256", EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND, key, salt, info, bytes);
}

LockedBytes hkdf_expand_sha512(std::string_view key, std::string_view info, std::size_t bytes) {
  return hkdf("SHA512", EVP_KDF_HKDF_MODE_EXPAND_ONLY, key, {}, info, bytes);
}

Result<LockedBytes> argon2id(std::string_view passphrase, std::string_view salt, Argon2Cost cost,
                             std::size_t bytes) {
  HF_CHECK(salt.size() == crypto_pwhash_SALTBYTES);
  static_assert(salt_bytes == crypto_pwhash_SALTBYTES);
  LockedBytes out(bytes);
  if (crypto_pwhash(out.data(), bytes, passphrase.data(), passphrase.size(), bytes_of(salt),
                    cost.passes, cost.memory_bytes, crypto_pwhash_ALG_ARGON2ID13) != 0)
    return fail(ErrorCode::io, "there is too little memory to derive a key from the passphrase");
  return out;
}

std::string wrap_key(std::string_view wrapping, std::string_view key) {
  HF_CHECK(wrapping.size() == key_bytes);
  const Owned<EVP_CIPHER_CTX> context(EVP_CIPHER_CTX_new());
  HF_CHECK(context != nullptr);
  EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  HF_CHECK(EVP_EncryptInit_ex2(context.get(), EVP_aes_256_wrap_pad(), bytes_of(wrapping), nullptr,
                               nullptr) == 1);
  std::string out(key.size() + wrap_overhead, '\0');
  int written = 0;
  HF_CHECK(EVP_EncryptUpdate(context.get(), bytes_of(out), &written, bytes_of(key),
                             static_cast<int>(key.size())) == 1);
  out.resize(static_cast<std::size_t>(written));
  return out;
}

std::optional<LockedBytes> unwrap_key(std::string_view wrapping, std::string_view wrapped) {
  HF_CHECK(wrapping.size() == key_bytes);
  if (wrapped.size() < wrap_overhead || wrapped.size() % 8 != 0) return std::nullopt;
  const Owned<EVP_CIPHER_CTX> context(EVP_CIPHER_CTX_new());
  HF_CHECK(context != nullptr);
  EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  HF_CHECK(EVP_DecryptInit_ex2(context.get(), EVP_aes_256_wrap_pad(), bytes_of(wrapping), nullptr,
                               nullptr) == 1);
  LockedBytes out(wrapped.size());
  int written = 0;
  if (EVP_DecryptUpdate(context.get(), out.data(), &written, bytes_of(wrapped),
                        static_cast<int>(wrapped.size())) != 1)
    return does_not_open();
  out.shrink(static_cast<std::size_t>(written));
  return out;
}

std::string gcm_encrypt(std::string_view key, std::string_view nonce, std::string_view plain,
                        std::string_view bound) {
  HF_CHECK(key.size() == key_bytes && nonce.size() == gcm_nonce_bytes);
  const Owned<EVP_CIPHER_CTX> context(EVP_CIPHER_CTX_new());
  HF_CHECK(context != nullptr);
  HF_CHECK(EVP_EncryptInit_ex2(context.get(), EVP_aes_256_gcm(), bytes_of(key), bytes_of(nonce),
                               nullptr) == 1);
  int written = 0;
  if (!bound.empty())
    HF_CHECK(EVP_EncryptUpdate(context.get(), nullptr, &written, bytes_of(bound),
                               static_cast<int>(bound.size())) == 1);
  std::string out(plain.size() + tag_bytes, '\0');
  if (!plain.empty())
    HF_CHECK(EVP_EncryptUpdate(context.get(), bytes_of(out), &written, bytes_of(plain),
                               static_cast<int>(plain.size())) == 1);
  HF_CHECK(EVP_EncryptFinal_ex(context.get(), bytes_of(out) + plain.size(), &written) == 1);
  HF_CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, tag_bytes,
                               bytes_of(out) + plain.size()) == 1);
  return out;
}

std::optional<LockedBytes> gcm_decrypt(std::string_view key, std::string_view nonce,
                                       std::string_view sealed, std::string_view bound) {
  HF_CHECK(key.size() == key_bytes && nonce.size() == gcm_nonce_bytes);
  if (sealed.size() < tag_bytes) return std::nullopt;
  const std::string_view text = sealed.substr(0, sealed.size() - tag_bytes);
  const Owned<EVP_CIPHER_CTX> context(EVP_CIPHER_CTX_new());
  HF_CHECK(context != nullptr);
  HF_CHECK(EVP_DecryptInit_ex2(context.get(), EVP_aes_256_gcm(), bytes_of(key), bytes_of(nonce),
                               nullptr) == 1);
  HF_CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, tag_bytes,
                               unchanged(sealed.substr(text.size()))) == 1);
  int written = 0;
  if (!bound.empty())
    HF_CHECK(EVP_DecryptUpdate(context.get(), nullptr, &written, bytes_of(bound),
                               static_cast<int>(bound.size())) == 1);
  LockedBytes out(text.size());
  if (!text.empty())
    HF_CHECK(EVP_DecryptUpdate(context.get(), out.data(), &written, bytes_of(text),
                               static_cast<int>(text.size())) == 1);
  std::array<unsigned char, tag_bytes> rest{};
  if (EVP_DecryptFinal_ex(context.get(), rest.data(), &written) != 1) return does_not_open();
  return out;
}

std::string xaes_encrypt(std::string_view key, std::string_view nonce, std::string_view plain,
                         std::string_view bound) {
  const LockedBytes derived = xaes_key(key, nonce);
  return gcm_encrypt(derived.reveal(), nonce.substr(gcm_nonce_bytes), plain, bound);
}

std::optional<LockedBytes> xaes_decrypt(std::string_view key, std::string_view nonce,
                                        std::string_view sealed, std::string_view bound) {
  const LockedBytes derived = xaes_key(key, nonce);
  return gcm_decrypt(derived.reveal(), nonce.substr(gcm_nonce_bytes), sealed, bound);
}

std::string hmac_sha256(std::string_view key, std::string_view text) {
  start_sodium();
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, bytes_of(key), key.size());
  crypto_auth_hmacsha256_update(&state, bytes_of(text), text.size());
  std::string out(mac_bytes, '\0');
  crypto_auth_hmacsha256_final(&state, bytes_of(out));
  sodium_memzero(&state, sizeof state);
  return out;
}

std::string sha256(std::string_view text) {
  start_sodium();
  std::string out(mac_bytes, '\0');
  crypto_hash_sha256(bytes_of(out), bytes_of(text), text.size());
  return out;
}

bool same_bytes(std::string_view one, std::string_view other) {
  return one.size() == other.size() && sodium_memcmp(one.data(), other.data(), one.size()) == 0;
}
}  // namespace holdfast::vault::sealed

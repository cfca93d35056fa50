#include "vault/sealed/chunked.h"

#include "base/check.h"
#include "vault/sealed/constructions.h"

namespace holdfast::vault::sealed {
namespace {
constexpr std::size_t chunk_bytes = std::size_t{16} * 1024;
constexpr std::size_t base_nonce_bytes = 12;
constexpr std::size_t commitment_bytes = 32;

struct Derived {
  LockedBytes bytes;  // key, base nonce, commitment
  std::string_view key() const { return bytes.reveal().substr(0, key_bytes); }
  std::string_view commitment() const {
    return bytes.reveal().substr(key_bytes + base_nonce_bytes);
  }
  std::string nonce(std::uint64_t chunk) const {
    std::string out(bytes.reveal().substr(key_bytes, base_nonce_bytes));
    for (std::size_t i = 0; i < sizeof chunk; ++i)
      out[base_nonce_bytes - 1 - i] = static_cast<char>(
          static_cast<unsigned char>(out[base_nonce_bytes - 1 - i]) ^ ((chunk >> (8 * i)) & 0xffU));
    return out;
  }
};

Derived derive(std::string_view key, std::string_view salt, std::string_view context) {
  std::string info = "c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM";
  info += '\0';
  info += salt;
  info += context;
  return {hkdf_expand_sha512(key, info, key_bytes + base_nonce_bytes + commitment_bytes)};
}
}  // namespace

std::string chunked_encrypt(std::string_view key, std::string_view salt, std::string_view context,
                            std::string_view plain) {
  HF_CHECK(key.size() == key_bytes && salt.size() == nonce_bytes);
  const Derived derived = derive(key, salt, context);
  std::string out(salt);
  out += derived.commitment();
  std::uint64_t chunk = 0;
  while (true) {  // the last chunk is shorter than the others, even if it is empty
    const std::string_view piece = plain.substr(0, chunk_bytes);
    out += gcm_encrypt(derived.key(), derived.nonce(chunk++), piece, {});
    if (piece.size() < chunk_bytes) return out;
    plain.remove_prefix(chunk_bytes);
  }
}

std::optional<std::string> chunked_decrypt(std::string_view key, std::string_view context,
                                           std::string_view sealed) {
  if (key.size() != key_bytes || sealed.size() < nonce_bytes + commitment_bytes)
    return std::nullopt;
  const Derived derived = derive(key, sealed.substr(0, nonce_bytes), context);
  if (!same_bytes(sealed.substr(nonce_bytes, commitment_bytes), derived.commitment()))
    return std::nullopt;
  sealed.remove_prefix(nonce_bytes + commitment_bytes);
  std::string out;
  for (std::uint64_t chunk = 0;; ++chunk) {
    const std::string_view piece = sealed.substr(0, chunk_bytes + tag_bytes);
    const auto plain = gcm_decrypt(derived.key(), derived.nonce(chunk), piece, {});
    if (!plain) return std::nullopt;
    out += plain->reveal();
    sealed.remove_prefix(piece.size());
    if (plain->size() < chunk_bytes) break;
  }
  if (!sealed.empty()) return std::nullopt;
  return out;
}
}  // namespace holdfast::vault::sealed

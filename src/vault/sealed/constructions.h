// The cryptographic constructions of the vault, as libsodium and OpenSSL offer them. Nothing here
// is of our own making; constructions_test.cpp holds each against published vectors.
//
// Keys and plain text are LockedBytes; what may lie on a disk is a std::string of bytes. A failure
// of the libraries themselves (no memory) aborts; a wrong key or an altered text is std::nullopt.
// Any thread.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "vault/sealed/locked_memory.h"

namespace holdfast::vault::sealed {

inline constexpr std::size_t key_bytes = 32;
inline constexpr std::size_t nonce_bytes = 24;  // of XAES-256-GCM
inline constexpr std::size_t tag_bytes = 16;    // of AES-GCM
inline constexpr std::size_t mac_bytes = 32;    // of HMAC-SHA-256 and SHA-256
inline constexpr std::size_t salt_bytes = 16;   // of Argon2id

// From the operating system.
std::string random_bytes(std::size_t count);
LockedBytes random_key();

// HKDF-SHA-256 (RFC 5869).
LockedBytes hkdf_sha256(std::string_view key, std::string_view salt, std::string_view info,
                        std::size_t bytes = key_bytes);
// The second half of HKDF with SHA-512 alone.
LockedBytes hkdf_expand_sha512(std::string_view key, std::string_view info, std::size_t bytes);

struct Argon2Cost {
  std::uint32_t passes = 3;
  std::uint64_t memory_bytes = 64U << 20U;
  bool operator==(const Argon2Cost&) const = default;
};
// Argon2id (RFC 9106), version 19, one lane.
//   salt     salt_bytes
//   errors   io: so much memory is not to be had
Result<LockedBytes> argon2id(std::string_view passphrase, std::string_view salt, Argon2Cost cost,
                             std::size_t bytes = key_bytes);

// AES-256-KWP (RFC 5649).   wrapping   key_bytes
std::string wrap_key(std::string_view wrapping, std::string_view key);
std::optional<LockedBytes> unwrap_key(std::string_view wrapping, std::string_view wrapped);

// AES-256-GCM: the text, then its tag.   nonce   12 bytes
std::string gcm_encrypt(std::string_view key, std::string_view nonce, std::string_view plain,
                        std::string_view bound);
std::optional<LockedBytes> gcm_decrypt(std::string_view key, std::string_view nonce,
                                       std::string_view sealed, std::string_view bound);

// XAES-256-GCM (c2sp.org/XAES-256-GCM): its nonces may be drawn at random.
//   nonce   nonce_bytes
//   bound   additional data: without the same, it does not open
std::string xaes_encrypt(std::string_view key, std::string_view nonce, std::string_view plain,
                         std::string_view bound);
std::optional<LockedBytes> xaes_decrypt(std::string_view key, std::string_view nonce,
                                        std::string_view sealed, std::string_view bound);

std::string hmac_sha256(std::string_view key, std::string_view text);
std::string sha256(std::string_view text);
// In a time that depends on the lengths alone.
bool same_bytes(std::string_view one, std::string_view other);

}  // namespace holdfast::vault::sealed

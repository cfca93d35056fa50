// How a virtual key is written: hf_ID_SECRET, the last seven characters of the secret a checksum.
// The fixed beginning lets scanners of source code find keys that should not be there; the checksum
// lets them, and us, tell a key from what only looks like one.
#pragma once
#include <expected>
#include <string>
#include <string_view>

namespace holdfast::identity {

inline constexpr std::string_view key_prefix = "hf_";
inline constexpr std::size_t key_id_characters = 12;      // 60 bits, public
inline constexpr std::size_t key_secret_characters = 32;  // 160 bits
inline constexpr std::size_t key_checksum_characters = 7;

// Views into the text.
struct KeyText {
  std::string_view id, secret;
};

enum class KeyTextProblem {
  other_kind,  // it does not begin as a virtual key does
  mistyped,    // it does, but characters are missing or wrong: no key was ever written so
};

// Reads `offered`.
std::expected<KeyText, KeyTextProblem> read_key_text(std::string_view offered);
// Whether `text` could be a key's id.
bool is_key_id(std::string_view text);

// `characters` of the operating system's randomness, 5 bits each: a-z and 2-7.
std::string random_characters(std::size_t characters);
// The whole key.   id, secret   of random_characters
std::string write_key_text(std::string_view id, std::string_view secret);

}  // namespace holdfast::identity

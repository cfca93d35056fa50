#include "identity/key_text.h"

#include <sodium.h>

#include <algorithm>

#include "base/crc32.h"

namespace holdfast::identity {
namespace {

constexpr std::string_view alphabet = "abcdefghijklmnopqrstuvwxyz234567";
constexpr unsigned bits_each = 5;
constexpr std::size_t key_characters =
    key_prefix.size() + key_id_characters + 1 + key_secret_characters + key_checksum_characters;

bool is_of_alphabet(std::string_view text) {
  return text.find_first_not_of(alphabet) == std::string_view::npos;
}

std::string checksum_of(std::string_view text) {
  std::uint32_t sum = crc32(text);
  std::string out(key_checksum_characters, alphabet.front());
  for (char& character : out) {
    character = alphabet[sum % alphabet.size()];
    sum >>= bits_each;
  }
  return out;
}

}  // namespace

std::expected<KeyText, KeyTextProblem> read_key_text(std::string_view offered) {
  if (!offered.starts_with(key_prefix)) return std::unexpected(KeyTextProblem::other_kind);
  if (offered.size() != key_characters) return std::unexpected(KeyTextProblem::mistyped);
  const std::string_view body = offered.substr(0, key_characters - key_checksum_characters);
  const KeyText text{body.substr(key_prefix.size(), key_id_characters),
                     body.substr(key_prefix.size() + key_id_characters + 1)};
  const bool well_formed = body[key_prefix.size() + key_id_characters] == '_' &&
                           is_of_alphabet(text.id) && is_of_alphabet(text.secret);
  if (!well_formed || checksum_of(body) != offered.substr(body.size()))
    return std::unexpected(KeyTextProblem::mistyped);
  return text;
}

bool is_key_id(std::string_view text) {
  return text.size() == key_id_characters && is_of_alphabet(text);
}

std::string random_characters(std::size_t characters) {
  std::string out(characters, '\0');
  randombytes_buf(out.data(), out.size());
  for (char& one : out) one = alphabet[static_cast<unsigned char>(one) % alphabet.size()];
  return out;
}

std::string write_key_text(std::string_view id, std::string_view secret) {
  std::string out(key_prefix);
  out.append(id).append("_").append(secret);
  return out + checksum_of(out);
}

}  // namespace holdfast::identity

// Base64 (RFC 4648). Some SDKs write the URL-safe alphabet where the published formats ask for the
// standard one: both are read, with or without padding, and the standard one is written.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::dialect {

enum class Base64Alphabet : std::uint8_t {
  standard,  // padded, or of a length that needs no padding; an empty text too
  other,     // base64, but URL-safe or without its padding
  none,      // not base64
};
Base64Alphabet alphabet_of(std::string_view text);

void append_base64(std::string& out, std::string_view bytes);
// Nothing when `text` is not base64.
std::optional<std::string> decode_base64(std::string_view text);
// `text`, which is base64 of either alphabet, in the standard one.
std::string standard_base64(std::string_view text);

}  // namespace holdfast::dialect

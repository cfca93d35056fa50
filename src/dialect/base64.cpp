#include "dialect/base64.h"

#include <array>

namespace holdfast::dialect {
namespace {

constexpr std::string_view standard_digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr unsigned char url_safe_mark = 64, none_mark = 128;  // beside the value, 0..63

constexpr std::array<unsigned char, 256> values = [] {
  std::array<unsigned char, 256> out{};
  out.fill(none_mark);
  for (unsigned char i = 0; i < 64; ++i) out[static_cast<unsigned char>(standard_digits[i])] = i;
  out['-'] = url_safe_mark | 62U;
  out['_'] = url_safe_mark | 63U;
  return out;
}();

unsigned char value_of(char c) { return values[static_cast<unsigned char>(c)]; }

std::string_view without_padding(std::string_view text) {
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  return text;
}

}  // namespace

Base64Alphabet alphabet_of(std::string_view text) {
  const std::string_view digits = without_padding(text);
  unsigned char seen = 0;
  for (const char c : digits) seen |= value_of(c);
  const bool padded = digits.size() != text.size();
  if ((seen & none_mark) != 0 || digits.size() % 4 == 1 || (padded && text.size() % 4 != 0))
    return Base64Alphabet::none;
  if ((seen & url_safe_mark) != 0 || text.size() % 4 != 0) return Base64Alphabet::other;
  return Base64Alphabet::standard;
}

void append_base64(std::string& out, std::string_view bytes) {
  const auto byte = [&bytes](std::size_t i) -> std::uint32_t {
    return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U;
  };
  out.reserve(out.size() + (bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::uint32_t three = byte(i) << 16U | byte(i + 1) << 8U | byte(i + 2);
    out.push_back(standard_digits[three >> 18U]);
    out.push_back(standard_digits[three >> 12U & 63U]);
    out.push_back(i + 1 < bytes.size() ? standard_digits[three >> 6U & 63U] : '=');
    out.push_back(i + 2 < bytes.size() ? standard_digits[three & 63U] : '=');
  }
}

std::optional<std::string> decode_base64(std::string_view text) {
  if (alphabet_of(text) == Base64Alphabet::none) return std::nullopt;
  const std::string_view digits = without_padding(text);
  std::string out;
  out.reserve(digits.size() * 3 / 4);
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char c : digits) {
    bits = bits << 6U | (value_of(c) & 63U);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out.push_back(static_cast<char>(bits >> held & 255U));
  }
  return out;
}

std::string standard_base64(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c == '-') c = '+';
    if (c == '_') c = '/';
  }
  while (out.size() % 4 != 0) out.push_back('=');
  return out;
}

}  // namespace holdfast::dialect

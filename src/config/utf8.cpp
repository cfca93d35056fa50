#include "config/utf8.h"

namespace holdfast::config {
namespace {
struct Form {  // of a sequence, by its first byte
  std::size_t length;
  unsigned char second_low, second_high;
};

Form form_of(unsigned char lead) {
  if (lead >= 0xc2 && lead <= 0xdf) return {2, 0x80, 0xbf};
  if (lead == 0xe0) return {3, 0xa0, 0xbf};
  if (lead == 0xed) return {3, 0x80, 0x9f};
  if (lead >= 0xe1 && lead <= 0xef) return {3, 0x80, 0xbf};
  if (lead == 0xf0) return {4, 0x90, 0xbf};
  if (lead >= 0xf1 && lead <= 0xf3) return {4, 0x80, 0xbf};
  if (lead == 0xf4) return {4, 0x80, 0x8f};
  return {0, 0, 0};
}
}  // namespace

std::optional<std::size_t> first_bad_byte(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  for (std::size_t i = 0; i < text.size();) {
    if (byte(i) < 0x80) {
      const bool control = byte(i) < 0x20 && text[i] != '\t' && text[i] != '\n' && text[i] != '\r';
      if (control || byte(i) == 0x7f) return i;
      ++i;
      continue;
    }
    const Form form = form_of(byte(i));
    if (form.length == 0 || text.size() - i < form.length) return i;
    if (byte(i + 1) < form.second_low || byte(i + 1) > form.second_high) return i;
    for (std::size_t k = 2; k < form.length; ++k)
      if ((byte(i + k) & 0xc0U) != 0x80) return i;
    i += form.length;
  }
  return std::nullopt;
}
}  // namespace holdfast::config

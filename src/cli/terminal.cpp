#include "cli/terminal.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "config/utf8.h"

namespace holdfast::cli {
namespace {

// How many bytes the character that begins with `lead` has, if it is one.
std::size_t length_of(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xe0) return 2;
  return lead < 0xf0 ? 3 : 4;
}

std::uint32_t decode(std::string_view character) {
  const auto lead = static_cast<unsigned char>(character.front());
  if (character.size() == 1) return lead;
  std::uint32_t out = lead & (0x7fU >> character.size());
  for (const char c : character.substr(1))
    out = (out << 6U) | (static_cast<unsigned char>(c) & 0x3fU);
  return out;
}

bool acts(std::uint32_t c) {
  const auto in = [c](std::uint32_t first, std::uint32_t last) { return first <= c && c <= last; };
  return c < 0x20 || in(0x7f, 0x9f) || c == 0xad || c == 0x61c || c == 0x180e ||
         in(0x200b, 0x200f) || in(0x2028, 0x202e) || in(0x2060, 0x206f) || c == 0xfeff ||
         in(0xfff9, 0xfffb) || in(0xe0000, 0xe007f);
}

void append_escape(std::string& out, std::uint32_t c) {
  if (c < 0x10000) {
    out += fmt::format("\\u{:04x}", c);
    return;
  }
  const std::uint32_t rest = c - 0x10000;
  out += fmt::format("\\u{:04x}\\u{:04x}", 0xd800 + (rest >> 10U), 0xdc00 + (rest & 0x3ffU));
}

}  // namespace

std::string for_terminal(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto lead = static_cast<unsigned char>(text.front());
    const std::string_view character = text.substr(0, length_of(lead));
    // The check is of control characters too, which are ASCII.
    if (lead >= 0x80 && config::first_bad_byte(character)) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(lead));
      text.remove_prefix(1);
      continue;
    }
    if (const std::uint32_t c = decode(character); acts(c))
      append_escape(out, c);
    else
      out += character;
    text.remove_prefix(character.size());
  }
  return out;
}

}  // namespace holdfast::cli

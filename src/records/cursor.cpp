#include "records/cursor.h"

#include <array>
#include <cstring>

namespace holdfast::records {
namespace {
constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t cursor_bytes = 16;
constexpr std::size_t cursor_chars = 22;
}  // namespace

std::string encode(const Cursor& cursor) {
  std::array<unsigned char, cursor_bytes + 2> bytes{};  // two more: a whole number of groups
  std::memcpy(bytes.data(), &cursor.started_us, 8);
  std::memcpy(bytes.data() + 8, &cursor.id, 8);
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const unsigned group =
        (unsigned{bytes[i]} << 16U) | (unsigned{bytes[i + 1]} << 8U) | unsigned{bytes[i + 2]};
    for (int shift = 18; shift >= 0; shift -= 6) text += alphabet[(group >> shift) & 63U];
  }
  text.resize(cursor_chars);
  return text;
}

std::optional<Cursor> decode_cursor(std::string_view text) {
  if (text.size() != cursor_chars) return std::nullopt;
  std::array<unsigned char, cursor_bytes + 1> bytes{};
  unsigned pending = 0, bits = 0;
  std::size_t size = 0;
  for (const char c : text) {
    const std::size_t digit = alphabet.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    pending = (pending << 6U) | static_cast<unsigned>(digit);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[size++] = static_cast<unsigned char>(pending >> bits);
  }
  Cursor cursor;
  std::memcpy(&cursor.started_us, bytes.data(), 8);
  std::memcpy(&cursor.id, bytes.data() + 8, 8);
  if (encode(cursor) != text || cursor.id <= 0) return std::nullopt;
  return cursor;
}

}  // namespace holdfast::records

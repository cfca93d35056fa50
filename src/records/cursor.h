// Where a page of attempts ends: opaque to whoever asks for the next one.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::records {

struct Cursor {
  std::int64_t started_us = 0;
  std::int64_t id = 0;
  bool operator==(const Cursor&) const = default;
};
// 22 characters of base64url (RFC 4648, section 5), without padding.
std::string encode(const Cursor& cursor);
// Nothing when `text` is not what encode() returns for some cursor.
std::optional<Cursor> decode_cursor(std::string_view text);

}  // namespace holdfast::records

// Points in time as HTTP has them, and as token services and providers write them.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace holdfast::vault {

// "2026-11-22T10:00:00Z", "2026-11-22T10:00:00.123+01:00" (RFC 3339), in microseconds since the
// epoch. Nothing for what is not one, and for years outside 1970 to 2999.
std::optional<std::int64_t> parse_rfc3339(std::string_view text);
// "Sun, 22 Nov 2026 10:00:00 GMT" (RFC 9110, 5.6.7: the preferred form), likewise.
std::optional<std::int64_t> parse_http_date(std::string_view text);

}  // namespace holdfast::vault

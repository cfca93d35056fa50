// How durations, sizes and addresses are spelled.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace holdfast::config {

// "500ms", "15s", "2m", "1h", "30d"; a space may stand before the unit.
//   errors   configuration: no unit, unknown unit, not a whole number, out of range
Result<std::chrono::milliseconds> parse_duration(std::string_view text);
std::string format_duration(std::chrono::milliseconds value);  // with the largest unit that fits

// "512B", "32MiB", "8 MiB", "1GB": B, KB, MB, GB, TB are powers of 1000, KiB, MiB, GiB, TiB of
// 1024.
//   errors   configuration: no unit, unknown unit, not a whole number, out of range
Result<std::uint64_t> parse_size(std::string_view text);
std::string format_size(std::uint64_t bytes);

// A whole number in decimal, perhaps with a minus sign.
//   errors   configuration
Result<std::int64_t> parse_integer(std::string_view text);

// yes, no, true, false.
//   errors   configuration
Result<bool> parse_flag(std::string_view text);

struct ListenAddress {
  std::string address;  // IPv4 or IPv6, no brackets
  std::uint16_t port = 0;
};
// "127.0.0.1:8080", "[::1]:8080", "localhost:8080" (which is 127.0.0.1).
//   errors   configuration: a name, no port, no brackets around IPv6
Result<ListenAddress> parse_listen(std::string_view text);
std::string format_listen(const ListenAddress& listen);

}  // namespace holdfast::config

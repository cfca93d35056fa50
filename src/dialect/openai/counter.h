// A counter of a usage object, read without an index of the text. Internal to this folder.
#pragma once
#include <charconv>
#include <cstdint>
#include <string_view>

namespace holdfast::dialect::openai {

// Sets `out` to the number `raw` when that is a whole one and not negative.
inline void read_counter(std::string_view raw, std::int64_t& out) {
  std::int64_t read = 0;
  const auto [stop, failed] = std::from_chars(raw.begin(), raw.end(), read);
  if (failed == std::errc{} && stop == raw.end() && read >= 0) out = read;
}

}  // namespace holdfast::dialect::openai

#include "base/money.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>

namespace holdfast {
namespace {
constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();
constexpr __int128 largest_sum = static_cast<__int128>(largest) * largest;
constexpr std::int64_t pico_per_nano = 1'000;
constexpr std::int64_t nano_per_usd = 1'000'000'000;
constexpr int longest_exponent = 1'000;  // no price is written with a larger one

std::unexpected<Error> out_of_range() {
  return fail(ErrorCode::invalid_request, "the amount is out of range");
}
}  // namespace

Result<void> CostSum::add(std::int64_t tokens, PicoUsdPerToken price) {
  if (tokens < 0 || price.value < 0)
    return fail(ErrorCode::invalid_request, "a negative count or price");
  pico_usd_ += static_cast<__int128>(tokens) * price.value;
  if (pico_usd_ > largest_sum) pico_usd_ = largest_sum;  // out of range for good
  return {};
}

Result<NanoUsd> CostSum::rounded() const {
  const __int128 nano = (pico_usd_ + pico_per_nano / 2) / pico_per_nano;
  if (nano > largest) return out_of_range();
  return NanoUsd{static_cast<std::int64_t>(nano)};
}

Result<std::int64_t> CostSum::pico_usd() const {
  if (pico_usd_ > largest) return out_of_range();
  return static_cast<std::int64_t>(pico_usd_);
}

Result<std::int64_t> parse_decimal(std::string_view text, int shift) {
  const auto no_number = [] {
    return fail(ErrorCode::configuration, "not a decimal number, as in 0.25");
  };
  const auto too_large = [] { return fail(ErrorCode::configuration, "too large a number"); };
  std::string digits;  // without point, and without zeros at either end
  std::size_t seen = 0, at = 0;
  bool point = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '.' && !point) {
      point = true;
      continue;
    }
    if (c < '0' || c > '9') break;
    ++seen;
    if (point) --shift;
    if (c != '0' || !digits.empty()) digits.push_back(c);
  }
  if (seen == 0 || text.starts_with('.') || text[at - 1] == '.') return no_number();
  if (at < text.size()) {
    if (text[at] != 'e' && text[at] != 'E') return no_number();
    std::string_view rest = text.substr(at + 1);
    if (rest.starts_with('+')) rest.remove_prefix(1);
    int exponent = 0;
    const auto [stop, error] = std::from_chars(rest.data(), rest.data() + rest.size(), exponent);
    if (rest.empty() || error != std::errc() || stop != rest.data() + rest.size())
      return no_number();
    if (exponent > longest_exponent || exponent < -longest_exponent) return too_large();
    shift += exponent;
  }
  while (!digits.empty() && digits.back() == '0') {
    digits.pop_back();
    ++shift;
  }
  if (digits.empty()) return 0;
  if (shift < 0) return fail(ErrorCode::configuration, "finer than can be counted");
  std::int64_t value = 0;
  const std::size_t places = digits.size() + static_cast<std::size_t>(shift);
  for (std::size_t i = 0; i < places; ++i) {
    const std::int64_t digit = i < digits.size() ? digits[i] - '0' : 0;
    if (value > (largest - digit) / 10) return too_large();
    value = value * 10 + digit;
  }
  return value;
}

std::string format_usd(NanoUsd amount) {
  const std::uint64_t size = amount.value < 0 ? 0 - static_cast<std::uint64_t>(amount.value)
                                              : static_cast<std::uint64_t>(amount.value);
  std::string text = fmt::format("{}{}.{:09}", amount.value < 0 ? "-" : "", size / nano_per_usd,
                                 size % nano_per_usd);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

}  // namespace holdfast

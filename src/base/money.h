// Money is integers: prices in pico-USD (10^-12), amounts in nano-USD (10^-9). Nothing here is a
// floating-point number.
#pragma once
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace holdfast {

// The price of one token. The same number is the price of a million tokens in micro-USD: a list
// price of $2.50 per million is 2'500'000.
struct PicoUsdPerToken {
  std::int64_t value = 0;
  auto operator<=>(const PicoUsdPerToken&) const = default;
};

// An amount, as it is kept: up to 9.2 billion USD.
struct NanoUsd {
  std::int64_t value = 0;
  auto operator<=>(const NanoUsd&) const = default;
};

// The cost of one thing that has several components: each is added exactly, and the sum is rounded
// once. Rounding each component would be wrong by up to half a nano-USD for every one of them.
class CostSum {
 public:
  // Adds `tokens` at `price`; both from 0 on.   errors   invalid_request: one of them is negative
  Result<void> add(std::int64_t tokens, PicoUsdPerToken price);
  // The sum so far, half a nano-USD rounded up.
  //   errors   invalid_request: more than NanoUsd holds
  Result<NanoUsd> rounded() const;
  // The sum so far, in pico-USD, to the last one.
  //   errors   invalid_request: more than 64 bits hold
  Result<std::int64_t> pico_usd() const;

 private:
  // 128 bits hold the sum of more additions than can be made: each is below 2^126, and the sum is
  // kept there.
  __int128 pico_usd_ = 0;
};

// The number that `text` spells, times 10^`shift`, as a whole number: "0.0375" by 6 is 37'500,
// "2.6e-07" by 12 is 260'000. Digits, a point and an exponent; no sign but the exponent's.
//   errors   configuration: not such a number; not whole after the shift; beyond 64 bits
Result<std::int64_t> parse_decimal(std::string_view text, int shift);

// "12.5" for 12'500'000'000: USD, without zeros at the end.
std::string format_usd(NanoUsd amount);

}  // namespace holdfast

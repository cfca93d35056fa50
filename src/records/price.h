// What the tokens of a model cost, and what an attempt has cost by it.
#pragma once
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/money.h"

namespace holdfast::records {

// The tokens of one attempt, from 0 on. `cached`, `cache_written` and `audio_in` are parts of `in`
// that do not overlap; `cache_written_1h` is the part of `cache_written` that is kept for an hour.
// `reasoning` and `audio_out` are parts of `out`.
struct Metered {
  std::int64_t in = 0, cached = 0, cache_written = 0, cache_written_1h = 0, audio_in = 0;
  std::int64_t out = 0, reasoning = 0, audio_out = 0;
};

// Prices of one token. A part without a price of its own costs what it is a part of:
// cache_write_1h what cache_write costs, all others what input or output costs.
struct Rates {
  PicoUsdPerToken input, output;
  std::optional<PicoUsdPerToken> cached, cache_write, cache_write_1h, reasoning, audio_in,
      audio_out;
  bool operator==(const Rates&) const = default;
};

// Rates that hold for the whole of a request with more than `tokens` tokens in.
struct ContextTier {
  std::int64_t tokens = 0;
  Rates rates;
  bool operator==(const ContextTier&) const = default;
};

struct Price {
  Rates rates;
  std::vector<ContextTier> above;  // by tokens, ascending
  // Wall time, microseconds: holds for attempts that start from `from_us` on, before `until_us`.
  std::int64_t from_us = std::numeric_limits<std::int64_t>::min();
  std::int64_t until_us = std::numeric_limits<std::int64_t>::max();
  std::string source;    // who says so, for people
  bool assumed = false;  // it is of a list that this program brings along: nobody has agreed to it
  // The most tokens of one request, for worst cases; 0: not known.
  std::int64_t most_tokens_in = 0, most_tokens_out = 0;

  const Rates& rates_for(std::int64_t tokens_in) const;
  // The dearest of a request with up to `tokens_in` tokens in: what none of its parts exceeds.
  PicoUsdPerToken dearest_input(std::int64_t tokens_in) const;
  PicoUsdPerToken dearest_output(std::int64_t tokens_in) const;
  // The same for prices that charge the same, different for others: kept with every attempt.
  std::uint32_t version() const;
};

// The sum of all components, exact.   errors   invalid_request: a count or a price is negative
Result<CostSum> sum_cost(const Price& price, const Metered& tokens);

// The prices of one target, those that take precedence first. Immutable once made.
struct PriceList {
  std::vector<Price> prices;
  // The price of an attempt that starts at `wall_us`; null: it is not known.
  const Price* at(std::int64_t wall_us) const;
};

// Midnight UTC of "2026-11-27", wall time in microseconds.
//   errors   configuration: not such a date
Result<std::int64_t> parse_date(std::string_view text);
std::string format_date(std::int64_t wall_us);  // of any moment of that day

}  // namespace holdfast::records

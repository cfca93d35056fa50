#include "records/price.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include "base/crc32.h"

namespace holdfast::records {
namespace {
constexpr std::int64_t day_us = 86'400'000'000;

std::string text_of(const Rates& rates) {
  std::string text = fmt::format("{} {}", rates.input.value, rates.output.value);
  for (const auto& rate : {rates.cached, rates.cache_write, rates.cache_write_1h, rates.reasoning,
                           rates.audio_in, rates.audio_out})
    text += fmt::format(" {}", rate ? rate->value : -1);
  return text;
}

template <class Pick>
PicoUsdPerToken dearest(const Price& price, std::int64_t tokens_in, Pick pick) {
  PicoUsdPerToken most = pick(price.rates);
  for (const ContextTier& tier : price.above)
    if (tier.tokens < tokens_in) most = std::max(most, pick(tier.rates));
  return most;
}
}  // namespace

const Rates& Price::rates_for(std::int64_t tokens_in) const {
  const Rates* found = &rates;
  for (const ContextTier& tier : above)
    if (tokens_in > tier.tokens) found = &tier.rates;
  return *found;
}

PicoUsdPerToken Price::dearest_input(std::int64_t tokens_in) const {
  return dearest(*this, tokens_in, [](const Rates& rates) {
    PicoUsdPerToken most = rates.input;
    for (const auto& rate : {rates.cached, rates.cache_write, rates.cache_write_1h, rates.audio_in})
      if (rate) most = std::max(most, *rate);
    return most;
  });
}

PicoUsdPerToken Price::dearest_output(std::int64_t tokens_in) const {
  return dearest(*this, tokens_in, [](const Rates& rates) {
    return std::max({rates.output, rates.reasoning.value_or(rates.output),
                     rates.audio_out.value_or(rates.output)});
  });
}

std::uint32_t Price::version() const {
  std::string text = fmt::format("{} {} {}", from_us, until_us, text_of(rates));
  for (const ContextTier& tier : above)
    text += fmt::format(" {}: {}", tier.tokens, text_of(tier.rates));
  return crc32(text);
}

Result<CostSum> sum_cost(const Price& price, const Metered& tokens) {
  const Rates& rates = price.rates_for(tokens.in);
  const auto fresh = [](std::int64_t all, std::initializer_list<std::int64_t> parts) {
    for (const std::int64_t part : parts)
      if (all > 0) all = part > all ? 0 : all - part;
    return all;
  };
  const std::int64_t written_1h = std::min(tokens.cache_written_1h, tokens.cache_written);
  const PicoUsdPerToken write = rates.cache_write.value_or(rates.input);
  const std::pair<std::int64_t, PicoUsdPerToken> components[] = {
      {fresh(tokens.in, {tokens.cached, tokens.cache_written, tokens.audio_in}), rates.input},
      {tokens.cached, rates.cached.value_or(rates.input)},
      {tokens.cache_written - written_1h, write},
      {written_1h, rates.cache_write_1h.value_or(write)},
      {tokens.audio_in, rates.audio_in.value_or(rates.input)},
      {fresh(tokens.out, {tokens.reasoning, tokens.audio_out}), rates.output},
      {tokens.reasoning, rates.reasoning.value_or(rates.output)},
      {tokens.audio_out, rates.audio_out.value_or(rates.output)}};
  CostSum sum;
  for (const auto& [count, rate] : components) {
    auto added = sum.add(count, rate);
    if (!added) return std::unexpected(std::move(added).error());
  }
  return sum;
}

const Price* PriceList::at(std::int64_t wall_us) const {
  const auto found = std::ranges::find_if(prices, [wall_us](const Price& price) {
    return price.from_us <= wall_us && wall_us < price.until_us;
  });
  return found == prices.end() ? nullptr : &*found;
}

Result<std::int64_t> parse_date(std::string_view text) {
  const auto wrong = [] { return fail(ErrorCode::configuration, "not a date, as in 2026-11-27"); };
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return wrong();
  int year = 0, month = 0, day = 0;
  const auto read = [text](std::size_t begin, std::size_t size, int& into) {
    const char* end = text.data() + begin + size;
    const auto [stop, error] = std::from_chars(text.data() + begin, end, into);
    return error == std::errc() && stop == end && into > 0;
  };
  if (!read(0, 4, year) || !read(5, 2, month) || !read(8, 2, day)) return wrong();
  const std::chrono::year_month_day date(std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day)));
  if (!date.ok()) return wrong();
  return std::chrono::sys_days(date).time_since_epoch().count() * day_us;
}

std::string format_date(std::int64_t wall_us) {
  const std::int64_t days = wall_us / day_us - (wall_us % day_us < 0 ? 1 : 0);
  const std::chrono::year_month_day date(
      std::chrono::sys_days(std::chrono::days(static_cast<int>(days))));
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

}  // namespace holdfast::records

#include "provider/rate_limit.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "vault/instant.h"

namespace holdfast::provider {
namespace {

using std::chrono::milliseconds;
using Part = RateLimitHeader::Part;
constexpr double longest_ms = 31.0 * 24 * 3'600'000;

std::optional<std::int64_t> read_count(std::string_view text) {
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{} || end != text.data() + text.size() || count < 0) return std::nullopt;
  return count;
}

// A number at the front of `text`, which is taken off; digits and a point alone.
std::optional<double> take_number(std::string_view& text) {
  const bool begins = !text.empty() && text.front() >= '0' && text.front() <= '9';
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (!begins || error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

// How many milliseconds the unit at the front of `text` has; it is taken off.
std::optional<double> take_unit(std::string_view& text) {
  struct Unit {
    std::string_view name;
    double ms;
  };
  constexpr Unit units[] = {
      {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
  for (const Unit& unit : units) {
    if (!text.starts_with(unit.name)) continue;
    text.remove_prefix(unit.name.size());
    return unit.ms;
  }
  return std::nullopt;
}

// Seconds from now, or a point in time, in seconds or milliseconds since the epoch: no window is
// as long as the years since then.
double plain_ms(double number, std::int64_t now_us) {
  constexpr double point_s = 1e9, point_ms = 1e12;
  const double now_ms = static_cast<double>(now_us) / 1000;
  if (number >= point_ms) return number - now_ms;
  return number >= point_s ? number * 1000 - now_ms : number * 1000;
}

// "22ms", "1.2s", "6m0s", "1h3m"; a plain number; RFC 3339.
std::optional<double> read_reset_ms(std::string_view text, std::int64_t now_us) {
  if (const auto at_us = vault::parse_rfc3339(text))
    return static_cast<double>(*at_us - now_us) / 1000;
  double sum = 0;
  bool first = true;
  while (!text.empty() || first) {
    const auto number = take_number(text);
    if (!number) return std::nullopt;
    if (first && text.empty()) return plain_ms(*number, now_us);
    const auto unit = take_unit(text);
    if (!unit) return std::nullopt;
    sum += *number * *unit;
    first = false;
  }
  return sum;
}

void read_part(std::string_view text, Part part, std::int64_t now_us, RateLimit& into) {
  switch (part) {
    case Part::limit:
      if (!into.limit) into.limit = read_count(text);
      return;
    case Part::remaining:
      if (!into.remaining) into.remaining = read_count(text);
      return;
    case Part::reset:
      if (into.reset) return;
      if (const auto ms = read_reset_ms(text, now_us))
        into.reset =
            milliseconds(static_cast<std::int64_t>(std::ceil(std::clamp(*ms, 0.0, longest_ms))));
      return;
  }
}

}  // namespace

RateLimitFacts read_rate_limits(std::span<const RateLimitHeader> table,
                                const net::HeaderFields& headers, std::int64_t now_us) {
  RateLimitFacts facts;
  for (const net::HeaderField& field : headers.fields) {
    const auto row = std::ranges::find_if(table, [&field](const RateLimitHeader& each) {
      return net::same_name(each.name, field.name);
    });
    if (row != table.end()) read_part(field.value, row->part, now_us, facts.*(row->of));
  }
  return facts;
}

}  // namespace holdfast::provider

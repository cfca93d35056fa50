#include <charconv>

#include "provider/adapter.h"
#include "vault/instant.h"

namespace holdfast::provider {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds shortest{100};
constexpr milliseconds longest{3'600'000};

// A whole non-negative decimal number.
std::optional<double> read_number(std::string_view text) {
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc{} || end != text.data() + text.size() || !(number >= 0))
    return std::nullopt;  // "nan" is read as a number too
  return number;
}

std::optional<double> read_date_ms(std::string_view text, std::int64_t now_us) {
  const auto at_us = vault::parse_http_date(text);
  if (!at_us) return std::nullopt;
  return static_cast<double>(*at_us - now_us) / 1000.0;
}

std::optional<double> read_text_ms(std::string_view body) {
  constexpr std::string_view phrase = "try again in ";
  const auto at = body.find(phrase);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = body.substr(at + phrase.size());
  double number = 0;
  const auto [end, error] =
      std::from_chars(rest.data(), rest.data() + rest.size(), number, std::chars_format::fixed);
  if (error != std::errc{} || !(number >= 0)) return std::nullopt;
  const std::string_view unit(end, static_cast<std::size_t>(rest.data() + rest.size() - end));
  if (unit.starts_with("ms")) return number;
  if (unit.starts_with("s")) return number * 1000;
  return unit.starts_with("m") ? std::optional(number * 60'000) : std::nullopt;
}

}  // namespace

std::optional<milliseconds> read_retry_after(const net::HeaderFields& headers,
                                             std::string_view body, std::int64_t now_us) {
  std::optional<double> wait_ms;
  if (const auto text = headers.find("retry-after-ms")) wait_ms = read_number(*text);
  if (!wait_ms)
    if (const auto text = headers.find("retry-after")) {
      if (const auto seconds = read_number(*text)) wait_ms = *seconds * 1000;
      if (!wait_ms) wait_ms = read_date_ms(*text, now_us);
    }
  if (!wait_ms) wait_ms = read_text_ms(body);
  if (!wait_ms) return std::nullopt;
  if (*wait_ms >= static_cast<double>(longest.count())) return longest;
  // Not a number, or below: compared before the conversion, which such values would not survive.
  if (!(*wait_ms > static_cast<double>(shortest.count()))) return shortest;
  return milliseconds(static_cast<std::int64_t>(*wait_ms));
}

}  // namespace holdfast::provider

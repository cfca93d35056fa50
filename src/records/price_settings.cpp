#include "records/price_settings.h"

#include <fmt/format.h>

#include <fstream>
#include <sstream>

#include "base/limits.h"
#include "config/section.h"

namespace holdfast::records {
namespace {
using config::Section;

constexpr int pico_per_usd_per_million = 6;  // USD per million tokens is micro-USD, is pico-USD
constexpr std::int64_t most_per_token = 1'000'000'000'000;  // a dollar

// USD per million tokens.
bool read_rate(Section& section, std::string_view key, PicoUsdPerToken& into,
               std::string_view about) {
  std::string text;
  if (!section.word(key, text, about)) return false;
  const auto value = parse_decimal(text, pico_per_usd_per_million);
  if (!value) {
    section.problem(key, value.error().detail, "USD per million tokens, as in 2.50");
    return false;
  }
  if (*value > most_per_token) {
    section.problem(key, "more than a dollar for one token",
                    "prices are USD per million tokens, as in 2.50");
    return false;
  }
  into = {*value};
  return true;
}

void read_rate(Section& section, std::string_view key, std::optional<PicoUsdPerToken>& into,
               std::string_view about) {
  PicoUsdPerToken rate;
  if (read_rate(section, key, rate, about)) into = rate;
}

void read_rates(Section& section, Rates& rates) {
  read_rate(section, "input", rates.input, "USD per million tokens in");
  section.require("input", "USD per million tokens, as in 2.50; 0 when it costs nothing");
  read_rate(section, "output", rates.output, "USD per million tokens out; none: nothing");
  read_rate(section, "cached", rates.cached, "of tokens in, those read from a cache; none: input");
  read_rate(section, "cache_write", rates.cache_write,
            "of tokens in, those written to a cache; none: input");
  read_rate(section, "cache_write_1h", rates.cache_write_1h,
            "of those, the ones that are kept for an hour; none: cache_write");
  read_rate(section, "reasoning", rates.reasoning, "of tokens out, the reasoning; none: output");
  read_rate(section, "audio_in", rates.audio_in, "of tokens in, those of sound; none: input");
  read_rate(section, "audio_out", rates.audio_out, "of tokens out, those of sound; none: output");
}

void read_date(Section& section, std::string_view key, std::int64_t& into, std::string_view about) {
  std::string text;
  if (!section.word(key, text, about)) return;
  const auto date = parse_date(text);
  if (date)
    into = *date;
  else
    section.problem(key, date.error().detail);
}

void read_price_fields(Section& section, Price& price) {
  read_rates(section, price.rates);
  read_date(section, "from", price.from_us, "the first day (UTC) on which it holds");
  read_date(section, "until", price.until_us, "the first day on which it holds no more");
  if (price.until_us <= price.from_us)
    section.problem("until", "not after from", "it is the first day on which the price is over");
  section.text("source", price.source, "where it is written down, as in contract 2026/17");
  if (price.source.empty()) price.source = "configuration";
  int most = 0;
  if (section.integer("max_input_tokens", most, 0, 1 << 30, "most of a request; 0: not known"))
    price.most_tokens_in = most;
  most = 0;
  if (section.integer("max_output_tokens", most, 0, 1 << 30, "most of an answer; 0: not known"))
    price.most_tokens_out = most;
  section.items("above", "prices of requests with more tokens in than so many",
                [&](Section& inner) {
                  ContextTier tier;
                  int tokens = 0;
                  inner.integer("tokens", tokens, 1, 1 << 30, "with more than these");
                  inner.require("tokens", "say above how many, as in 200000");
                  read_rates(inner, tier.rates);
                  tier.tokens = tokens;
                  price.above.push_back(tier);
                });
  std::ranges::sort(price.above, std::ranges::less(), &ContextTier::tokens);
}

void read_row(Section& section, std::span<const std::string_view> providers, PriceBook& book) {
  PriceRow row;
  row.origin = PriceOrigin::contract;
  const bool named = section.word("provider", row.provider, "whose price: a name under providers");
  section.require("provider", "name one of providers");
  if (named && std::ranges::find(providers, row.provider) == providers.end())
    section.unknown_name("provider", row.provider, "not the name of a provider",
                         {providers.begin(), providers.end()});
  section.word("model", row.model,
               "what the provider calls it; with a * at its end, all that begin so");
  section.require("model", "say which, as in gpt-4o*, or * for all");
  if (row.model.find('*') < row.model.size() - 1)
    section.problem("model", "a * may stand at the end only");
  read_price_fields(section, row.price);
  book.add(std::move(row));
}

std::optional<std::string> read_file(const std::string& path, std::string& why) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    why = "cannot be read";
    return std::nullopt;
  }
  std::string text(limits::price_file_bytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > limits::price_file_bytes) {
    why = fmt::format("larger than {} MiB", limits::price_file_bytes >> 20U);
    return std::nullopt;
  }
  return text;
}

void read_prices_file(Section& section, PriceBook& book) {
  std::string path;
  if (!section.path("file", path, "LiteLLM's list of prices, as JSON; read at each reload")) return;
  std::string why;
  const auto text = read_file(path, why);
  if (!text) {
    section.problem("file", fmt::format("{} {}", path, why), "name a file of prices");
    return;
  }
  auto rows = read_price_file(*text, path);
  if (!rows) {
    section.problem("file", rows.error().detail, "take LiteLLM's list as it is published");
    return;
  }
  for (PriceRow& row : *rows) book.add(std::move(row));
}
}  // namespace

std::optional<Price> read_price(Section& section, std::string_view key, std::string_view about) {
  std::optional<Price> price;
  const bool given = section.has(key);
  section.section(key, about, [&](Section& inner) {
    if (!given && inner.document() != nullptr) return;  // what it must have, it need not have
    Price read;
    read_price_fields(inner, read);
    if (given) price = std::move(read);
  });
  return price;
}

void read_settings(Section& top, std::span<const std::string_view> providers, PriceSettings& into) {
  top.section(
      "prices", "What tokens cost; well-known models have a price without it",
      [&](Section& section) {
        read_prices_file(section, into.book);
        section.items("list", "what was agreed; it takes precedence over every list",
                      [&](Section& inner) { read_row(inner, providers, into.book); });
        into.fallback = read_price(
            section, "fallback",
            "what budgets count for a target without a price; none: hard budgets refuse it");
      });
}

}  // namespace holdfast::records

#include "server/price_hints.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "config/nearest.h"
#include "provider/kind.h"
#include "records/price_book.h"

namespace holdfast::server {
namespace {

void append_rates(std::string& out, const records::Rates& rates) {
  const auto add = [&out](std::string_view name, PicoUsdPerToken rate) {
    fmt::format_to(std::back_inserter(out), ", {}: {}", name, usd_per_million(rate));
  };
  add("input", rates.input);
  add("output", rates.output);
  if (rates.cached) add("cached", *rates.cached);
  if (rates.cache_write) add("cache_write", *rates.cache_write);
  if (rates.cache_write_1h) add("cache_write_1h", *rates.cache_write_1h);
  if (rates.reasoning) add("reasoning", *rates.reasoning);
  if (rates.audio_in) add("audio_in", *rates.audio_in);
  if (rates.audio_out) add("audio_out", *rates.audio_out);
}

// Names have neither quotes nor backslashes: the configuration takes none.
std::string row(std::string_view provider, std::string_view model, const records::Price& price) {
  std::string out = fmt::format("    - {{provider: \"{}\", model: \"{}\"", provider, model);
  append_rates(out, price.rates);
  if (!price.above.empty()) out += ", above: [";
  for (const records::ContextTier& tier : price.above) {
    if (&tier != price.above.data()) out += ", ";
    out += fmt::format("{{tokens: {}", tier.tokens);
    append_rates(out, tier.rates);
    out += '}';
  }
  if (!price.above.empty()) out += ']';
  if (price.most_tokens_in > 0) out += fmt::format(", max_input_tokens: {}", price.most_tokens_in);
  if (price.most_tokens_out > 0)
    out += fmt::format(", max_output_tokens: {}", price.most_tokens_out);
  return out + fmt::format(", source: \"{}\"}}\n", price.source);
}

std::string section(std::string rows) {
  if (rows.empty()) return rows;
  return "# USD per million tokens, as lists had them: see that they are what you pay.\n"
         "prices:\n  list:\n" +
         std::move(rows);
}

}  // namespace

std::string price_hints(const std::vector<TargetPrices>& targets, std::int64_t now_us) {
  std::string rows;
  for (const TargetPrices& target : targets) {
    const records::Price* price = target.prices.at(now_us);
    if (price == nullptr || !price->assumed) continue;
    const std::string one = row(target.provider, target.model, *price);
    if (rows.find(one) == std::string::npos) rows += one;  // models share targets
  }
  return section(std::move(rows));
}

Result<std::string> price_hints(std::string_view kind) {
  if (provider::find_kind(kind) == nullptr) {
    std::vector<std::string_view> names;
    for (const provider::Kind* each : provider::kinds()) names.push_back(each->name);
    std::string meant = config::did_you_mean(kind, names);
    if (!meant.empty()) meant += "; ";
    return fail(ErrorCode::configuration,
                fmt::format("no kind of providers is called {}; {}kinds: {}", kind, meant,
                            fmt::join(names, ", ")));
  }
  std::string rows;
  for (const records::PriceRow& each : records::built_in_prices())
    if (each.kind == kind && each.price.assumed) rows += row(kind, each.model, each.price);
  if (!rows.empty()) return section(std::move(rows));
  return fail(ErrorCode::configuration,
              fmt::format("no list prices are known of {}: write down what you pay, or what the "
                          "machine costs, under prices.list",
                          kind));
}

}  // namespace holdfast::server

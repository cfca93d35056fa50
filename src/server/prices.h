// The prices of the configured targets, as an operator looks them up.
#pragma once
#include <boost/json/value.hpp>
#include <string>
#include <vector>

#include "records/price.h"
#include "server/settings.h"

namespace holdfast::server {

// The prices of a target: its own first, then those of the book.
records::PriceList price_list(const Settings& settings, const routing::TargetSettings& target);

struct TargetPrices {
  std::string logical_model, provider, model;
  records::PriceList prices;
};
// Of every target of the configuration, in its order.
std::vector<TargetPrices> list_prices(const Settings& settings);

// `now_us` says which of the prices is in force.
boost::json::value to_json(const std::vector<TargetPrices>& targets, std::int64_t now_us);
// The same for people, a line each.
struct PriceReport {
  std::string text;
  std::size_t unknown = 0;  // targets without a price
  std::size_t assumed = 0;  // those whose price is of a list that nobody has agreed to
};
PriceReport describe(const std::vector<TargetPrices>& targets, std::int64_t now_us);

// "2.5" for 2'500'000 pico-USD a token.
std::string usd_per_million(PicoUsdPerToken rate);

}  // namespace holdfast::server

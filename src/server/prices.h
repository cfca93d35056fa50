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
// The same for people, a line each; the number of targets without a price goes to `unknown`.
std::string describe(const std::vector<TargetPrices>& targets, std::int64_t now_us,
                     std::size_t& unknown);

}  // namespace holdfast::server

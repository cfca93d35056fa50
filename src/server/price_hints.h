// The list prices that this program assumes, as a section `prices` that an operator can take over
// into the configuration, so that they are agreed.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "server/prices.h"

namespace holdfast::server {

// Of the targets whose price in force is assumed, each once; empty: there is none.
std::string price_hints(const std::vector<TargetPrices>& targets, std::int64_t now_us);

// All that is known of `kind`, for a provider of that name.
//   errors   configuration: no such kind, or nothing is known of it; says what to do
Result<std::string> price_hints(std::string_view kind);

}  // namespace holdfast::server

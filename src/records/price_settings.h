// `prices` of the top level, and the price that a target names itself.
#pragma once
#include <optional>
#include <span>
#include <string_view>

#include "records/price_book.h"

namespace holdfast::config {
class Section;
}

namespace holdfast::records {

struct PriceSettings {
  PriceBook book;
  std::optional<Price> fallback;  // what a budget counts for a target whose price is not known
};

// Reads `prices`; `providers` are the names there are. Blocks on the disk (prices.file).
void read_settings(config::Section& top, std::span<const std::string_view> providers,
                   PriceSettings& into);

// Reads the map `key` of `section` as a price; nothing when it is not there or wrong.
std::optional<Price> read_price(config::Section& section, std::string_view key,
                                std::string_view about);

}  // namespace holdfast::records

// `prices` of the top level: what was agreed, and where a list is.
#pragma once
#include <span>
#include <string_view>

#include "records/price_book.h"

namespace holdfast::config {
class Section;
}

namespace holdfast::records {

// Reads `prices`; `providers` are the names there are. Blocks on the disk (prices.file).
void read_settings(config::Section& top, std::span<const std::string_view> providers,
                   PriceBook& into);

}  // namespace holdfast::records

#include "records/price_book.h"

#include <algorithm>
#include <tuple>

namespace holdfast::records {
namespace {
bool is_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// "gpt-4o" of "gpt-4o-2024-08-06", "claude-sonnet-4-5" of "claude-sonnet-4-5-20250929"; the name
// itself when it ends in no date.
std::string_view without_date(std::string_view model) {
  constexpr std::size_t short_date = 9, long_date = 11;  // with the dash in front
  if (model.size() > short_date) {
    const std::string_view end = model.substr(model.size() - short_date);
    if (end.starts_with("-20") && is_digits(end.substr(1)))
      return model.substr(0, model.size() - short_date);
  }
  if (model.size() > long_date) {
    const std::string_view end = model.substr(model.size() - long_date);
    if (end.starts_with("-20") && is_digits(end.substr(1, 4)) && end[5] == '-' &&
        is_digits(end.substr(6, 2)) && end[8] == '-' && is_digits(end.substr(9)))
      return model.substr(0, model.size() - long_date);
  }
  return model;
}

// How well a row's name fits, from 1 on; 0: it does not. Whole names fit better than any pattern.
std::size_t fit(std::string_view name, std::string_view model) {
  constexpr std::size_t whole = 100'000, undated = 99'999;
  if (name == model) return whole;
  if (name.ends_with('*'))
    return model.starts_with(name.substr(0, name.size() - 1)) ? name.size() : 0;
  return name == without_date(model) ? undated : 0;
}
}  // namespace

PriceBook::PriceBook() : rows_(built_in_prices()) {}

void PriceBook::add(PriceRow row) { rows_.push_back(std::move(row)); }

PriceList PriceBook::find(std::string_view kind, std::string_view provider,
                          std::string_view model) const {
  struct Found {
    const PriceRow* row;
    std::size_t fit, place;  // of equals, the one that was added first
  };
  std::vector<Found> found;
  for (const PriceRow& row : rows_) {
    if (!row.kind.empty() && row.kind != kind) continue;
    if (!row.provider.empty() && row.provider != provider) continue;
    if (const std::size_t fits = fit(row.model, model); fits > 0)
      found.push_back({&row, fits, found.size()});
  }
  std::ranges::sort(found, std::ranges::less(), [](const Found& one) {
    return std::tuple(
        one.row->origin, one.row->provider.empty(), -static_cast<std::int64_t>(one.fit),
        -std::max(one.row->price.from_us, -std::numeric_limits<std::int64_t>::max()), one.place);
  });
  PriceList list;
  for (const Found& one : found) list.prices.push_back(one.row->price);
  return list;
}

}  // namespace holdfast::records

// The prices that are known, by provider and model: what the operator has agreed, then what a file
// lists, then what this program knows of itself.
#pragma once
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "records/price.h"

namespace holdfast::records {

// Whose word a price is; earlier ones take precedence.
enum class PriceOrigin : std::uint8_t {
  contract,  // prices.list
  file,      // prices.file
  built_in,
};

struct PriceRow {
  PriceOrigin origin = PriceOrigin::contract;
  std::string provider;  // a name under providers; empty: every provider of `kind`
  std::string kind;      // of the provider; empty: any
  std::string model;     // what the provider calls it; with a * at the end, all that begin so
  Price price;
};

class PriceBook {  // const after it has been filled: any thread
 public:
  PriceBook();  // with the built-in prices
  void add(PriceRow row);

  // What is known of a target, in the order of precedence: by origin; then rows that name the
  // provider; then whole names, the model's without its date ("-20250929", "-2025-09-29") if the
  // whole one is not listed; then patterns, longer ones first; then the later `from`.
  PriceList find(std::string_view kind, std::string_view provider, std::string_view model) const;
  std::size_t size() const { return rows_.size(); }

 private:
  std::vector<PriceRow> rows_;
};

// The prices that this program brings along.
std::vector<PriceRow> built_in_prices();

// Reads LiteLLM's list of prices (a JSON object by model; USD per token), of which it takes the
// models that are paid by the token. Numbers are read as they are spelled, never as floating point.
// Entries that cost nothing are left out: in such a list that means that nobody has filled them in.
//   source   how the rows name the file
//   errors   configuration: not JSON, not such a list, or a price that is none: says which
Result<std::vector<PriceRow>> read_price_file(std::string_view json, std::string_view source);

}  // namespace holdfast::records

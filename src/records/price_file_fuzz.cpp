// A list of prices comes from elsewhere: whatever it holds, it is read or refused, and no price
// that is read is negative or dearer than a dollar a token.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "records/price_book.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast::records;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto rows = read_price_file(text, "list");
  if (!rows) return 0;
  constexpr std::int64_t dollar = 1'000'000'000'000;
  for (const PriceRow& row : *rows) {
    HF_CHECK(row.price.rates.input.value >= 0 && row.price.rates.input.value <= dollar);
    HF_CHECK(row.price.dearest_output(1).value <= dollar);
    HF_CHECK(row.price.rates.input.value > 0 || row.price.rates.output.value > 0);
    const auto cost = sum_cost(row.price, {.in = 1'000'000, .out = 1'000'000});
    HF_CHECK(cost && cost->rounded());
  }
  return 0;
}

// Any bytes as a condition: no crash, no exception, and either a problem whose place is in the text
// or a condition that decides every request alike whenever it is asked.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "routing/expression.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto expression = routing::Expression::compile(text);
  if (!expression) {
    HF_CHECK(expression.error().at <= size && !expression.error().what.empty());
    return 0;
  }
  net::HeaderFields headers;
  headers.fields.push_back({"x-tier", "gold"});
  routing::Facts facts;
  facts.team = "support";
  facts.tokens_in = 9000;
  facts.headers = &headers;
  for (const std::int64_t wall_us : {std::int64_t{0}, INT64_MIN, INT64_MAX}) {
    facts.wall_us = wall_us;
    HF_CHECK(expression->holds(facts) == expression->holds(facts));
  }
  return 0;
}

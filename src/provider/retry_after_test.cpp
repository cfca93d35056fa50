#include <gtest/gtest.h>

#include "provider/adapter.h"

namespace holdfast::provider {
namespace {
TEST(ReadRetryAfter, EveryForm) {
  constexpr std::int64_t now_us = 1'793'448'000'000'000;  // Sat, 31 Oct 2026 12:00:00 GMT
  struct Case {
    const char* rule;
    const char* name;
    const char* value;
    const char* body;
    int want_ms;
  };
  constexpr Case cases[] = {
      {"seconds", "Retry-After", "2", "", 2000},
      {"fractions", "retry-after", "0.5", "", 500},
      {"milliseconds", "retry-after-ms", "250", "", 250},
      {"a floor", "retry-after-ms", "0", "", 100},
      {"an HTTP date", "retry-after", "Sat, 31 Oct 2026 12:00:30 GMT", "", 30'000},
      {"a past date", "retry-after", "Sat, 31 Oct 2026 11:00:00 GMT", "", 100},
      {"a cap", "retry-after", "999999999999", "", 3'600'000},
      {"negative is nonsense", "retry-after", "-5", "", -1},
      {"text is nonsense", "retry-after", "soon", "", -1},
      {"no number is nonsense", "retry-after", "nan", "", -1},
      {"an infinite one is capped", "retry-after", "inf", "", 3'600'000},
      {"absent", "x", "y", "", -1},
      {"words", "x", "y", "Please try again in 20s.", 20'000},
      {"words without a number", "x", "y", "try again in nan seconds", -1},
      {"a negative number of words", "x", "y", "try again in -99999999999999999999999s", -1},
      {"words in milliseconds", "x", "y", "try again in 430ms", 430},
  };
  for (const Case& c : cases) {
    net::HeaderFields headers;
    headers.fields.push_back({c.name, c.value});
    const auto wait = read_retry_after(headers, c.body, now_us);
    EXPECT_EQ(wait ? wait->count() : -1, c.want_ms) << c.rule;
  }
}
}  // namespace
}  // namespace holdfast::provider

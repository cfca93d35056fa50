#include "base/money.h"

#include <gtest/gtest.h>

#include <limits>

namespace holdfast {
namespace {
constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();

TEST(CostSum, IsRoundedOnce) {
  struct Case {
    const char* rule;
    std::vector<std::pair<std::int64_t, std::int64_t>> parts;  // tokens, pico-USD
    std::int64_t want_nano;
  };
  const Case cases[] = {
      {"nothing costs nothing", {}, 0},
      {"no tokens", {{0, 5}}, 0},
      {"just below half", {{1, 499}}, 0},
      {"half goes up", {{1, 500}}, 1},
      {"$0.0375 per million", {{1, 37'500}}, 38},
      {"a million of them", {{1'000'000, 37'500}}, 37'500'000},
      {"three that would each be rounded away", {{1, 400}, {1, 400}, {1, 400}}, 1},
      {"two that would each be rounded up", {{1, 500}, {1, 500}}, 1},
      {"the largest", {{most, 1'000}}, most}};
  for (const Case& c : cases) {
    CostSum sum;
    for (const auto& [tokens, price] : c.parts) ASSERT_TRUE(sum.add(tokens, {price})) << c.rule;
    ASSERT_TRUE(sum.rounded()) << c.rule;
    EXPECT_EQ(sum.rounded()->value, c.want_nano) << c.rule;
  }
}

TEST(CostSum, NeverWrapsAround) {
  CostSum sum;
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(sum.add(most, {most}));
  EXPECT_FALSE(sum.rounded());
  EXPECT_FALSE(sum.pico_usd());
  CostSum one;
  ASSERT_TRUE(one.add(most, {1'000}));
  ASSERT_TRUE(one.add(1, {500}));
  EXPECT_FALSE(one.rounded()) << "one more than fits";
  EXPECT_FALSE(one.add(-1, {1}));
  EXPECT_FALSE(one.add(1, {-1}));
}

TEST(ParseDecimal, IsExactOrAnError) {
  struct Case {
    const char* rule;
    const char* text;
    int shift;
    std::int64_t want;  // -1: an error
  };
  const Case cases[] = {{"whole", "15", 6, 15'000'000},
                        {"a fraction", "0.0375", 6, 37'500},
                        {"an exponent", "2.6e-07", 12, 260'000},
                        {"a large exponent", "1E-12", 12, 1},
                        {"a positive one", "1.5e+2", 0, 150},
                        {"zero", "0", 6, 0},
                        {"zero with a fraction", "0.000", 6, 0},
                        {"zeros at the end", "1.2300", 2, 123},
                        {"zeros in front", "007", 0, 7},
                        {"more digits than 64 bits, all zeros", "1.000000000000000000000000", 0, 1},
                        {"the largest", "9223372036854775807", 0, most},
                        {"one more", "9223372036854775808", 0, -1},
                        {"too fine", "0.0000001", 6, -1},
                        {"a sign", "-1", 6, -1},
                        {"plus", "+1", 6, -1},
                        {"no digit", "", 6, -1},
                        {"a point alone", ".", 6, -1},
                        {"nothing before the point", ".5", 6, -1},
                        {"nothing behind it", "5.", 6, -1},
                        {"two points", "1.2.3", 6, -1},
                        {"no exponent", "1e", 6, -1},
                        {"half an exponent", "1e5x", 6, -1},
                        {"a far exponent", "1e99999", 6, -1},
                        {"a space", "1 ", 6, -1},
                        {"a currency", "$1", 6, -1},
                        {"no number", "nan", 6, -1}};
  for (const Case& c : cases) {
    const auto got = parse_decimal(c.text, c.shift);
    EXPECT_EQ(got ? *got : -1, c.want) << c.rule;
  }
}

TEST(FormatUsd, LeavesNoZerosAtTheEnd) {
  EXPECT_EQ(format_usd({0}), "0");
  EXPECT_EQ(format_usd({12'500'000'000}), "12.5");
  EXPECT_EQ(format_usd({1}), "0.000000001");
  EXPECT_EQ(format_usd({-1'000'000'000}), "-1");
  EXPECT_EQ(format_usd({std::numeric_limits<std::int64_t>::min()}), "-9223372036.854775808");
}
}  // namespace
}  // namespace holdfast

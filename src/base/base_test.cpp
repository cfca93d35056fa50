#include <gtest/gtest.h>

#include <set>

#include "base/failure.h"
#include "base/random.h"
#include "base/secret.h"

namespace holdfast {
namespace {
TEST(FailureClass, EveryNameReadsBack) {
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < failure_class_count; ++i) {
    const auto failure = static_cast<FailureClass>(i);
    EXPECT_TRUE(seen.insert(to_string(failure)).second) << to_string(failure);
    EXPECT_EQ(failure_class_from(to_string(failure)), failure);
  }
  EXPECT_FALSE(failure_class_from("no_such_class"));
}

TEST(Random, OneSeedOneHistory) {
  Random a(7), b(7), c(8);
  EXPECT_EQ(a.next(), b.next());
  EXPECT_NE(a.next(), c.next());
  for (int i = 0; i < 1000; ++i) EXPECT_LT(a.below(10), 10U);
}

TEST(MakeId, SortsByTimeAndIsOfFixedLength) {
  Random random(1);
  const std::string early = make_id("req_", 1'000'000, random);
  const std::string late = make_id("req_", 2'000'000, random);
  EXPECT_EQ(early.size(), 36U);
  EXPECT_LT(early, late);
}

TEST(EqualInConstantTime, ComparesWholeValues) {
  struct Case {
    const char* rule;
    const char* offered;
    const char* expected;
    bool want;
  };
  constexpr Case cases[] = {
      {"same", "abc", "abc", true},        {"other", "abd", "abc", false},
      {"prefix", "ab", "abc", false},      {"longer", "abcabc", "abc", false},
      {"empty offered", "", "abc", false}, {"empty expected", "abc", "", false}};
  for (const Case& c : cases)
    EXPECT_EQ(equal_in_constant_time(c.offered, c.expected), c.want) << c.rule;
}
}  // namespace
}  // namespace holdfast

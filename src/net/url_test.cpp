#include "net/url.h"

#include <gtest/gtest.h>

namespace holdfast::net {
namespace {
TEST(HostOf, LeavesThePortAndTheBracketsOut) {
  EXPECT_EQ(host_of("localhost"), "localhost");
  EXPECT_EQ(host_of("localhost:80"), "localhost");
  EXPECT_EQ(host_of("[::1]:80"), "::1");
  EXPECT_EQ(host_of("[::1]"), "::1");
}

TEST(PercentDecode, UndoesEscapesAndNothingElse) {
  EXPECT_EQ(percent_decode("a%2Fb%20c+d"), "a/b c+d");
  EXPECT_EQ(percent_decode("a+b", true), "a b");
  EXPECT_EQ(percent_decode("%zz%4"), "%zz%4");
  EXPECT_EQ(percent_decode("%41%"), "A%");
}
}  // namespace
}  // namespace holdfast::net

#include "base/crc32.h"

#include <gtest/gtest.h>

#include <string>

namespace holdfast {
namespace {

// What journals and streams of events on file and on the wire are checked by.
TEST(Crc32, KnownNumbers) {
  EXPECT_EQ(crc32(""), 0U);
  EXPECT_EQ(crc32("123456789"), 0xcbf43926U);
  EXPECT_EQ(crc32(std::string(32, '\0')), 0x190a55adU);
  EXPECT_EQ(crc32(std::string(32, '\xff')), 0xff6cab0bU);
}

}  // namespace
}  // namespace holdfast

#include "base/crc32.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>

#include "base/random.h"

namespace holdfast {
namespace {

TEST(Crc32, KnownNumbers) {
  EXPECT_EQ(crc32(""), 0U);
  EXPECT_EQ(crc32("123456789"), 0xcbf43926U);
  EXPECT_EQ(crc32(std::string(32, '\0')), 0x190a55adU);
  EXPECT_EQ(crc32(std::string(32, '\xff')), 0xff6cab0bU);
}

// Every length around the blocks that it works in, at every place within a word.
TEST(Crc32, IsZlibs) {
  Random random(7);
  std::string bytes(600, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.below(256));
  for (std::size_t begin = 0; begin < 8; ++begin) {
    for (std::size_t size = 0; size <= 560; ++size) {
      const std::string_view part = std::string_view(bytes).substr(begin, size);
      const auto want = ::crc32_z(0, reinterpret_cast<const Bytef*>(part.data()), part.size());
      ASSERT_EQ(crc32(part), want) << begin << ", " << size;
    }
  }
}

}  // namespace
}  // namespace holdfast

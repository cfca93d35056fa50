#include "net/read_buffer.h"

#include <gtest/gtest.h>

#include <string>

namespace {
using holdfast::net::ReadBuffer;

// As a socket would: as much as there is room for.
std::string_view read_into(ReadBuffer& buffer, std::string_view bytes) {
  const auto room = buffer.room();
  const std::size_t size = bytes.copy(room.data(), room.size());
  buffer.filled(size);
  return bytes.substr(size);
}

TEST(ReadBuffer, KeepsWhatIsUnreadThroughMovesAndGrowth) {
  ReadBuffer buffer(4);
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(read_into(buffer, "abcdef"), "ef") << "no more than the usual size at first";
  buffer.consume(3);
  EXPECT_EQ(read_into(buffer, "ef"), "") << "what is consumed makes room";
  EXPECT_EQ(buffer.unread(), "def");
  EXPECT_EQ(read_into(buffer, "gh"), "h");
  EXPECT_EQ(read_into(buffer, "h"), "") << "a full buffer grows";
  EXPECT_EQ(buffer.unread(), "defgh");
}

TEST(ReadBuffer, StartsOverOnceItIsEmpty) {
  ReadBuffer buffer(4);
  read_into(buffer, "abcd");
  buffer.consume_all();
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.room().size(), 4U);
  buffer.assign("a longer text");
  EXPECT_EQ(buffer.unread(), "a longer text");
  buffer.shrink(4);
  EXPECT_EQ(buffer.unread(), "a longer text") << "unread bytes are never given up";
  buffer.consume_all();
  buffer.shrink(4);
  EXPECT_EQ(buffer.room().size(), 4U);
}
}  // namespace

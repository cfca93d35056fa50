#include "gateway/wrong_keys.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace holdfast::gateway {
namespace {

using namespace std::chrono_literals;
const auto here = boost::asio::ip::make_address("192.0.2.1");
const auto there = boost::asio::ip::make_address("192.0.2.2");

TEST(WrongKeys, TenAMinuteOfOneAddressAndId) {
  WrongKeys keys;
  const MonoTime start = MonoTime{} + 1h;
  for (unsigned i = 0; i < limits::wrong_keys_a_minute; ++i)
    EXPECT_FALSE(keys.note(here, "id", start + 1s));
  EXPECT_EQ(keys.note(here, "id", start + 11s), 50s);
  EXPECT_FALSE(keys.note(there, "id", start + 11s));
  EXPECT_FALSE(keys.note(here, "other", start + 11s));
  EXPECT_FALSE(keys.note(here, "id", start + 61s)) << "a new minute";
}

TEST(WrongKeys, InventedIdsTakeNoMoreRoomThanTheyMay) {
  WrongKeys keys;
  const MonoTime start = MonoTime{} + 1h;
  for (std::size_t i = 0; i < limits::wrong_keys * 3; ++i)
    EXPECT_FALSE(keys.note(here, fmt::format("{}", i), start));
}

}  // namespace
}  // namespace holdfast::gateway

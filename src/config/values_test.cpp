#include "config/values.h"

#include <gtest/gtest.h>

#include "config/nearest.h"
#include "config/problem.h"
#include "config/utf8.h"

namespace holdfast::config {
namespace {
using namespace std::chrono_literals;

TEST(ParseDuration, TakesAWholeNumberAndAUnit) {
  struct Case {
    const char* rule;
    const char* text;
    std::chrono::milliseconds want;
  };
  constexpr Case cases[] = {{"milliseconds", "500ms", 500ms},
                            {"seconds", "15s", 15s},
                            {"minutes", "2m", 2min},
                            {"hours", "1h", 1h},
                            {"days", "30d", 720h},
                            {"a space before the unit", "15 s", 15s},
                            {"nothing", "0s", 0ms}};
  for (const Case& c : cases) {
    const auto got = parse_duration(c.text);
    ASSERT_TRUE(got) << c.rule << ": " << got.error().detail;
    EXPECT_EQ(*got, c.want) << c.rule;
  }
}

TEST(ParseDuration, SaysWhatIsWrong) {
  struct Case {
    const char* rule;
    const char* text;
    const char* want;
  };
  constexpr const char* units =
      "a duration is a whole number and a unit (d, h, m, s, ms), as in 15s";
  constexpr Case cases[] = {
      {"a plain number", "15", "a duration needs a unit, as in 15s"},
      {"no number", "s", "a duration is a whole number and a unit, as in 15s"},
      {"empty", "", "a duration is a whole number and a unit, as in 15s"},
      {"negative", "-1s", "a duration is a whole number and a unit, as in 15s"},
      {"a fraction", "1.5s", units},
      {"unknown unit", "1week", units},
      {"two of them", "1h30m", units},
      {"two spaces", "1  s", units},
      {"not a number that fits", "99999999999999999999s", "is too large a number"},
      {"not a product that fits", "9999999999999999999d", "is too large a number"}};
  for (const Case& c : cases) {
    const auto got = parse_duration(c.text);
    ASSERT_FALSE(got) << c.rule;
    EXPECT_EQ(got.error().detail, c.want) << c.rule;
  }
}

TEST(FormatDuration, UsesTheLargestUnitThatFits) {
  EXPECT_EQ(format_duration(720h), "30d");
  EXPECT_EQ(format_duration(90s), "90s");
  EXPECT_EQ(format_duration(10min), "10m");
  EXPECT_EQ(format_duration(1500ms), "1500ms");
  EXPECT_EQ(format_duration(0ms), "0ms");
}

TEST(ParseSize, TellsPowersOfTenFromPowersOfTwo) {
  struct Case {
    const char* rule;
    const char* text;
    std::uint64_t want;
  };
  constexpr Case cases[] = {{"bytes", "512B", 512},       {"KiB", "64KiB", 65'536},
                            {"KB", "64KB", 64'000},       {"a space", "8 MiB", 8U << 20U},
                            {"MB", "1MB", 1'000'000},     {"GiB", "1GiB", 1U << 30U},
                            {"GB", "1GB", 1'000'000'000}, {"TiB", "1TiB", 1ULL << 40U}};
  for (const Case& c : cases) EXPECT_EQ(parse_size(c.text).value_or(0), c.want) << c.rule;
  EXPECT_EQ(parse_size("32").error().detail, "a size needs a unit, as in 32MiB");
  EXPECT_EQ(parse_size("32mib").error().detail,
            "a size is a whole number and a unit (TiB, TB, GiB, GB, MiB, MB, KiB, KB, B), "
            "as in 32MiB");
  EXPECT_EQ(parse_size("9999999999TiB").error().detail, "is too large a number");
}

TEST(FormatSize, UsesTheLargestUnitThatFits) {
  EXPECT_EQ(format_size(32U << 20U), "32MiB");
  EXPECT_EQ(format_size(1'000'000), "1MB");
  EXPECT_EQ(format_size(1'001), "1001B");
}

TEST(ParseInteger, TakesAllOfTheText) {
  EXPECT_EQ(parse_integer("-3").value_or(0), -3);
  EXPECT_EQ(parse_integer("4x").error().detail, "is not a whole number");
  EXPECT_EQ(parse_integer("0x4").error().detail, "is not a whole number");
  EXPECT_EQ(parse_integer("").error().detail, "is not a whole number");
  EXPECT_EQ(parse_integer("99999999999999999999").error().detail, "is too large a number");
}

TEST(ParseFlag, KnowsFourWords) {
  EXPECT_TRUE(parse_flag("yes").value_or(false));
  EXPECT_TRUE(parse_flag("true").value_or(false));
  EXPECT_FALSE(parse_flag("no").value_or(true));
  EXPECT_FALSE(parse_flag("false").value_or(true));
  EXPECT_EQ(parse_flag("on").error().detail, "is neither yes nor no");
}

TEST(ParseListen, TakesAddressesNotNames) {
  struct Case {
    const char* rule;
    const char* text;
    const char* want;  // as format_listen writes it, or the error
  };
  constexpr const char* form = "must be ADDRESS:PORT, as in 127.0.0.1:8080 or [::1]:8080";
  constexpr const char* named =
      "must be ADDRESS:PORT, as in 127.0.0.1:8080 or [::1]:8080; a name is not enough";
  constexpr const char* port = "the port must be a number from 0 to 65535";
  constexpr const char* all = "name the address; 0.0.0.0:8080 or [::]:8080 stands for all of them";
  constexpr Case cases[] = {
      {"IPv4", "127.0.0.1:8080", "127.0.0.1:8080"},
      {"any port", "127.0.0.1:0", "127.0.0.1:0"},
      {"IPv6", "[::1]:8080", "[::1]:8080"},
      {"localhost", "localhost:80", "127.0.0.1:80"},
      {"IPv6 without brackets", "::1:8080", "an IPv6 address stands in brackets, as in [::1]:8080"},
      {"no port", "127.0.0.1", form},
      {"a port alone", "8080", form},
      {"no address", ":8080", all},
      {"a star", "*:8080", all},
      {"a name", "example.com:80", named},
      {"half an address", "127.1:80", named},
      {"IPv4 in brackets", "[127.0.0.1]:80", named},
      {"port too large", "127.0.0.1:65536", port},
      {"port with more behind", "127.0.0.1:80x", port},
      {"port left out", "127.0.0.1:", port}};
  for (const Case& c : cases) {
    const auto got = parse_listen(c.text);
    EXPECT_EQ(got ? format_listen(*got) : got.error().detail, c.want) << c.rule;
  }
}

TEST(Nearest, FindsWhatWasMeant) {
  constexpr std::array<std::string_view, 4> names = {"key", "base_url", "timeouts", "kind"};
  struct Case {
    const char* rule;
    const char* typed;
    const char* want;
  };
  const std::string longest(65, 'k');
  const Case cases[] = {{"swapped letters", "kye", "key"},
                        {"one letter too many", "kinds", "kind"},
                        {"one letter too few", "base_ur", "base_url"},
                        {"another letter", "base-url", "base_url"},
                        {"several errors in a long word", "tiemout", "timeouts"},
                        {"nothing near", "organization", ""},
                        {"empty", "", ""},
                        {"too long to compare", longest.c_str(), ""}};
  for (const Case& c : cases) EXPECT_EQ(nearest(c.typed, names), c.want) << c.rule;
}

TEST(Printable, CannotDisturbATerminal) {
  struct Case {
    const char* rule;
    std::string text;
    std::string want;
  };
  const Case cases[] = {{"plain text", "chat", "chat"},
                        {"UTF-8", "b\xc3\xbcro", "b\xc3\xbcro"},
                        {"escape sequence", "\x1b[31mred", "?[31mred"},
                        {"C1 control",
                         "a\xc2\x9b"
                         "b",
                         "a?b"},
                        {"cut at 64 bytes", std::string(70, 'x'), std::string(64, 'x') + "..."},
                        {"not inside a letter", std::string(63, 'x') + "\xc3\xbcyz",
                         std::string(63, 'x') + "\xc3\xbc..."}};
  for (const Case& c : cases) EXPECT_EQ(printable(c.text), c.want) << c.rule;
}

TEST(FirstBadByte, HoldsTextToUtf8) {
  struct Case {
    const char* rule;
    std::string text;
    int want;  // -1: fine
  };
  const Case cases[] = {{"ASCII with line ends and tabs", "a\tb\r\n", -1},
                        {"two, three and four bytes", "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80", -1},
                        {"NUL", std::string("a\0b", 3), 1},
                        {"escape", "ab\x1b", 2},
                        {"DEL", "\x7f", 0},
                        {"Latin-1", "b\xfcro", 1},
                        {"overlong", "\xc0\xaf", 0},
                        {"overlong in three", "\xe0\x80\xaf", 0},
                        {"surrogate", "\xed\xa0\x80", 0},
                        {"beyond U+10FFFF", "\xf4\x90\x80\x80", 0},
                        {"cut off", "a\xe2\x82", 1},
                        {"third byte wrong", "\xe2\x82z", 0}};
  for (const Case& c : cases) {
    const auto got = first_bad_byte(c.text);
    EXPECT_EQ(got ? static_cast<int>(*got) : -1, c.want) << c.rule;
  }
}
}  // namespace
}  // namespace holdfast::config

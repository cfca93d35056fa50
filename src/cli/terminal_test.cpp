#include "cli/terminal.h"

#include <gtest/gtest.h>

namespace holdfast::cli {
namespace {

TEST(Terminal, NothingActsOnIt) {
  struct Case {
    const char* rule;
    std::string text, want;
  };
  const Case cases[] = {
      {"plain text stays", "plain \xc3\xa9 \xe4\xb8\xad \xf0\x9f\x98\x80 \"\\u0041\"",
       "plain \xc3\xa9 \xe4\xb8\xad \xf0\x9f\x98\x80 \"\\u0041\""},
      {"an escape sequence", "\x1b[2J\x1b]0;title\x07", "\\u001b[2J\\u001b]0;title\\u0007"},
      {"new lines, carriage returns, zeros", std::string("a\r\nb\0c", 6),
       "a\\u000d\\u000ab\\u0000c"},
      {"delete, and C1 as UTF-8",
       "\x7f\xc2\x9b"
       "31m",
       "\\u007f\\u009b31m"},
      {"C1 as a byte alone",
       "\x9b"
       "31m",
       "\\x9b31m"},
      {"changes of direction",
       "\xe2\x80\xae\xe2\x81\xa6"
       "exe.txt",
       "\\u202e\\u2066exe.txt"},
      {"separators and marks without a width",
       "a\xe2\x80\xa8"
       "b\xe2\x80\x8b"
       "c\xef\xbb\xbf",
       "a\\u2028b\\u200bc\\ufeff"},
      {"tags", "a\xf3\xa0\x81\x81", "a\\udb40\\udc41"},
      {"no UTF-8: cut, overlong, a surrogate, too large", "\xe2\x80|\xc0\xaf|\xed\xa0\x80|\xf5",
       "\\xe2\\x80|\\xc0\\xaf|\\xed\\xa0\\x80|\\xf5"}};
  for (const Case& c : cases) EXPECT_EQ(for_terminal(c.text), c.want) << c.rule;
}

TEST(Terminal, EveryByteIsSafe) {
  for (int first = 0; first < 256; ++first)
    for (int second = 0; second < 256; ++second) {
      const std::string text{static_cast<char>(first), static_cast<char>(second)};
      for (const char c : for_terminal(text)) {
        const auto byte = static_cast<unsigned char>(c);
        ASSERT_TRUE(byte >= 0x20 && byte != 0x7f) << first << " " << second;
      }
    }
}

}  // namespace
}  // namespace holdfast::cli

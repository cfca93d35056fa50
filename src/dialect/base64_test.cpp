#include "dialect/base64.h"

#include <gtest/gtest.h>

namespace holdfast::dialect {
namespace {

TEST(Base64, BothAlphabetsAreReadAndTheStandardOneIsWritten) {
  struct Case {
    const char* rule;
    std::string_view text;
    Base64Alphabet alphabet;
    std::string_view bytes;
    std::string_view standard;
  };
  constexpr Case cases[] = {
      {"nothing is standard", "", Base64Alphabet::standard, "", ""},
      {"one byte takes two signs of padding", "/w==", Base64Alphabet::standard, "\xff", "/w=="},
      {"URL-safe", "_-8=", Base64Alphabet::other, "\xff\xef", "/+8="},
      {"without padding", "aGk", Base64Alphabet::other, "hi", "aGk="},
      {"three bytes need none", "YWJj", Base64Alphabet::standard, "abc", "YWJj"},
      {"a stray sign", "aG\"k", Base64Alphabet::none, "", ""},
      {"padding in the middle", "aG==aGk=", Base64Alphabet::none, "", ""},
      {"too much padding", "aGk==", Base64Alphabet::none, "", ""},
      {"a length that cannot be", "aGkxx", Base64Alphabet::none, "", ""},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(alphabet_of(c.text), c.alphabet) << c.rule;
    const auto bytes = decode_base64(c.text);
    ASSERT_EQ(bytes.has_value(), c.alphabet != Base64Alphabet::none) << c.rule;
    if (!bytes) continue;
    EXPECT_EQ(*bytes, c.bytes) << c.rule;
    EXPECT_EQ(standard_base64(c.text), c.standard) << c.rule;
    std::string again;
    append_base64(again, *bytes);
    EXPECT_EQ(again, c.standard) << c.rule;
  }
}

}  // namespace
}  // namespace holdfast::dialect

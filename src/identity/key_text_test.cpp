#include "identity/key_text.h"

#include <gtest/gtest.h>

#include <set>

namespace holdfast::identity {
namespace {

std::string written() { return write_key_text("abcdefghijkl", std::string(32, '7')); }

TEST(KeyText, IsReadAsItIsWritten) {
  const std::string text = written();
  EXPECT_TRUE(text.starts_with("hf_abcdefghijkl_7777")) << text;
  const auto read = read_key_text(text);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->id, "abcdefghijkl");
  EXPECT_EQ(read->secret, std::string(32, '7'));
}

TEST(KeyText, EveryMistypedCharacterIsFound) {
  const std::string text = written();
  for (std::size_t i = 0; i < text.size(); ++i)
    for (const char other : {'a', 'z', '5', 'A', '_', '1', '\0'}) {
      std::string wrong = text;
      if (wrong[i] == other) continue;
      wrong[i] = other;
      const auto read = read_key_text(wrong);
      ASSERT_FALSE(read) << wrong;
      EXPECT_EQ(read.error(), i < 3 ? KeyTextProblem::other_kind : KeyTextProblem::mistyped);
    }
}

TEST(KeyText, WhatIsCutOrLongerIsMistyped) {
  const std::string text = written();
  for (std::size_t length = 3; length < text.size(); ++length)
    EXPECT_EQ(read_key_text(text.substr(0, length)).error(), KeyTextProblem::mistyped) << length;
  EXPECT_EQ(read_key_text(text + "a").error(), KeyTextProblem::mistyped);
  EXPECT_EQ(read_key_text("sk-0123456789").error(), KeyTextProblem::other_kind);
  EXPECT_EQ(read_key_text("").error(), KeyTextProblem::other_kind);
}

TEST(KeyText, RandomCharactersAreOfTheAlphabetAndDiffer) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string id = random_characters(key_id_characters);
    EXPECT_TRUE(is_key_id(id)) << id;
    seen.insert(id);
  }
  EXPECT_EQ(seen.size(), 100U);
  EXPECT_FALSE(is_key_id("shop"));
  EXPECT_FALSE(is_key_id("ABCDEFGHIJKL"));
}

}  // namespace
}  // namespace holdfast::identity

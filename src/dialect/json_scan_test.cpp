#include "dialect/json_scan.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace holdfast::dialect {
namespace {

struct Nothing final : JsonVisitor {
  JsonTag member(JsonTag, std::string_view) override { return no_tag; }
  JsonTag element(JsonTag) override { return no_tag; }
  void value(JsonTag, JsonKind, std::size_t, std::size_t) override {}
};

bool accepts(std::string_view text) {
  Nothing visitor;
  return scan_json(text, visitor).has_value();
}

TEST(ScanJson, AcceptsJsonAndNothingElse) {
  struct Case {
    const char* rule;
    std::string text;
    bool want;
  };
  const Case cases[] = {
      {"lonely values", "1", true},
      {"white space around", " \t\r\n[] \n", true},
      {"numbers as written", "[0,-0,1.0,1e400,-1E-2,123456789012345678901234567890]", true},
      {"escapes", R"(["\"\\\/\b\f\n\r\t\u0000\u00e9\ud83d\ude00"])", true},
      {"empty keys", R"({"":1})", true},
      {"duplicates that nobody asked for", R"({"a":1,"a":2})", true},
      {"UTF-8", "[\"\xc3\xa9\xf0\x9f\x98\x80\"]", true},
      {"nothing", "", false},
      {"white space alone", "  ", false},
      {"two documents", "{} {}", false},
      {"trailing comma in an array", "[1,]", false},
      {"trailing comma in an object", R"({"a":1,})", false},
      {"comma alone", "[,]", false},
      {"no comma", "[1 2]", false},
      {"no colon", R"({"a" 1})", false},
      {"two colons", R"({"a"::1})", false},
      {"unquoted key", "{a:1}", false},
      {"single quotes", "['a']", false},
      {"leading zero", "[01]", false},
      {"plus", "[+1]", false},
      {"no digit behind the point", "[1.]", false},
      {"no digit before the point", "[.5]", false},
      {"no digit in the exponent", "[1e]", false},
      {"hexadecimal", "[0x1]", false},
      {"NaN", "[NaN]", false},
      {"minus alone", "[-]", false},
      {"capital words", "[True]", false},
      {"cut word", "[tru]", false},
      {"unknown escape", R"(["\x"])", false},
      {"short \\u", R"(["\u12"])", false},
      {"half of a surrogate pair", R"(["\ud83d"])", false},
      {"low half alone", R"(["\ude00"])", false},
      {"control character", "[\"\x01\"]", false},
      {"line feed in a string", "[\"a\nb\"]", false},
      {"NUL", std::string("[\"\0\"]", 5), false},
      {"open string", "[\"a", false},
      {"open array", "[[1]", false},
      {"wrong bracket", "[1}", false},
      {"invalid UTF-8", "[\"\xff\"]", false},
      {"overlong UTF-8", "[\"\xc0\xaf\"]", false},
      {"surrogate in UTF-8", "[\"\xed\xa0\x80\"]", false},
      {"byte order mark", "\xef\xbb\xbf{}", false},
      {"comment", "[1/**/]", false},
      {"64 levels", std::string(64, '[') + std::string(64, ']'), true},
      {"65 levels", std::string(65, '[') + std::string(65, ']'), false},
      {"100,000 levels", std::string(100'000, '['), false},
  };
  for (const Case& c : cases) EXPECT_EQ(accepts(c.text), c.want) << c.rule;
}

TEST(ScanJson, EndsBeyondTheBudgetOfNodes) {
  Nothing visitor;
  EXPECT_TRUE(scan_json("[1,2,3]", visitor, {.max_nodes = 4}).has_value());
  EXPECT_FALSE(scan_json("[1,2,3]", visitor, {.max_nodes = 3}).has_value());
}

TEST(ScanJson, LongStringsOfEveryLengthAndAlignment) {
  for (std::size_t length = 0; length < 70; ++length) {
    const std::string plain(length, 'a');
    EXPECT_TRUE(accepts("[\"" + plain + "\",1]")) << length;
    EXPECT_TRUE(accepts("[\"" + plain + "\\\"\",1]")) << length;
    EXPECT_FALSE(accepts("[\"" + plain + "\x1f\"]")) << length;
    EXPECT_FALSE(accepts("[\"" + plain)) << length;
  }
}

// Remembers where the members `a` and `b` of the root stand.
struct Places final : JsonVisitor {
  JsonTag member(JsonTag parent, std::string_view key) override {
    if (parent != root_tag) return no_tag;
    if (key == "a") return 1;
    return key == "b" ? 2 : no_tag;
  }
  JsonTag element(JsonTag) override { return no_tag; }
  void value(JsonTag tag, JsonKind, std::size_t begin, std::size_t end) override {
    if (tag < 3) place[tag] = {begin, end};
  }
  std::pair<std::size_t, std::size_t> place[3];
};

TEST(ScanJson, SaysWhereAValueStands) {
  const std::string text = R"({ "x":{"a":1}, "a" : [1,{}] ,"\u0062":"q"})";
  Places places;
  ASSERT_TRUE(scan_json(text, places).has_value());
  const auto [begin, end] = places.place[1];
  EXPECT_EQ(text.substr(begin, end - begin), "[1,{}]");
  const auto [begin_b, end_b] = places.place[2];
  EXPECT_EQ(text.substr(begin_b, end_b - begin_b), "\"q\"");
}

TEST(ScanJson, RefusesDuplicatesOfWhatWasAskedFor) {
  for (const char* text : {R"({"a":1,"a":2})", R"({"a":1,"\u0061":2})", R"({"\u0061":1,"a":2})"}) {
    Places places;
    const auto scanned = scan_json(text, places);
    ASSERT_FALSE(scanned.has_value()) << text;
    EXPECT_EQ(scanned.error().message, "\"a\" is given twice");
  }
}

TEST(UnescapeJsonString, IsTheInverseOfQuoting) {
  EXPECT_EQ(unescape_json_string(R"("\ud83d\ude00\u00e9\n\/")"), "\xf0\x9f\x98\x80\xc3\xa9\n/");
  for (const std::string text : {"", "plain", "\"\\\n\t\x01", "\xc3\xa9"})
    EXPECT_EQ(unescape_json_string(quote_json_string(text)), text);
}

}  // namespace
}  // namespace holdfast::dialect

#include "dialect/json_document.h"

#include <gtest/gtest.h>

#include "dialect/json_writer.h"

namespace holdfast::dialect {
namespace {

TEST(JsonDocument, FindsValuesByTheirPathWithTheirOwnSpelling) {
  JsonDocument document;
  ASSERT_TRUE(
      document.parse(R"( {"a": [1, {"b": 1.0}, "x\ny"], "big": 9007199254740993, "e":{} } )"));
  Arena arena;
  const JsonValue root = document.root();
  EXPECT_EQ(root["a"].raw(), R"([1, {"b": 1.0}, "x\ny"])");
  std::vector<std::string> raws;
  for (const JsonValue each : root["a"].elements()) raws.emplace_back(each.raw());
  EXPECT_EQ(raws, (std::vector<std::string>{"1", R"({"b": 1.0})", R"("x\ny")"}));
  EXPECT_EQ(root["big"].integer(), 9007199254740993);
  EXPECT_EQ(root["e"].size(), 0U);
  EXPECT_FALSE(root["none"]["of"]["these"].exists());
  EXPECT_EQ(root["a"].size(), 3U);
  for (const JsonValue each : root["a"].elements()) {
    if (each.is_string()) EXPECT_EQ(each.text(arena), "x\ny");
    if (each.is_object()) EXPECT_EQ(each["b"].number()->spelled, "1.0");
  }
}

TEST(JsonDocument, EscapedKeysAreTheSameKeys) {
  JsonDocument document;
  ASSERT_TRUE(document.parse(R"({"m\u006fdel":"x\\","q\"":"\\\\"})"));
  Arena arena;
  EXPECT_EQ(document.root()["model"].text(arena), "x\\");
  EXPECT_EQ(document.root()["q\""].text(arena), "\\\\");
}

TEST(JsonDocument, BrokenTextIsRefused) {
  JsonDocument document;
  for (const char* text : {"", "{", "{\"a\":}", "[1,]", "nul", "{\"a\":1}x", "\"\\x\""}) {
    EXPECT_FALSE(document.parse(text)) << text;
    EXPECT_FALSE(document.root().exists()) << text;
  }
}

TEST(JsonWriter, WritesWhatTheDocumentReads) {
  WireText text;
  JsonWriter json(text);
  json.begin_object()
      .field("a", "x\"\n\x01")
      .field("n", std::int64_t{-5})
      .key("list")
      .begin_array();
  json.number(1).boolean(true).null().begin_object().end_object().end_array();
  const std::string large(20'000, 'A');
  json.key("image").plain_string("data:image/png;base64,", large).field("last", true).end_object();
  JsonDocument document;
  const std::string joined = text.joined();
  EXPECT_EQ(joined.size(), text.size());
  ASSERT_TRUE(document.parse(joined));
  Arena arena;
  EXPECT_EQ(document.root()["a"].text(arena), "x\"\n\x01");
  EXPECT_EQ(document.root()["list"].raw(), "[1,true,null,{}]");
  EXPECT_EQ(document.root()["image"].text(arena), "data:image/png;base64," + large);
  EXPECT_EQ(document.root()["last"].boolean(), true);
}

// Whatever a reader let through as base64, what is written stays one string.
TEST(JsonWriter, EscapesWhatIsNoBase64AfterAll) {
  const std::string large(20'000, 'A');
  struct Case {
    const char* rule;
    std::string prefix, text;
  };
  const Case cases[] = {
      {"a quote in small data", "data:image/png;base64,", "iVBOR\",\"model\":\"other"},
      {"a quote in data that would be referred to", "", large + "\"" + large},
      {"a backslash at the end", "", large + "\\"},
      {"a control character", "", "iVBOR\n"},
      {"a quote in the media type", "data:image/\"png;base64,", large},
  };
  for (const Case& c : cases) {
    WireText text;
    JsonWriter json(text);
    json.begin_object().key("image").plain_string(c.prefix, c.text).end_object();
    const std::string joined = text.joined();
    JsonDocument document;
    ASSERT_TRUE(document.parse(joined)) << c.rule;
    Arena arena;
    EXPECT_EQ(document.root()["image"].text(arena), c.prefix + c.text) << c.rule;
    EXPECT_EQ(document.root().size(), 1U) << c.rule;
  }
}

}  // namespace
}  // namespace holdfast::dialect

#include "dialect/request_fields.h"

#include <gtest/gtest.h>

namespace holdfast::dialect {
namespace {

struct Read {
  explicit Read(std::string_view text) { EXPECT_TRUE(document.parse(text)); }
  JsonDocument document;
  Arena arena;
  Reading reading{arena, std::nullopt};
};

TEST(Fields, ReadsByTypeAndLeavesTheRest) {
  Read read(R"({"a":"x","n":5,"t":0.50,"b":true,"null":null,"other":[1],"o":{}})");
  Fields fields(read.reading, read.document.root(), "");
  EXPECT_EQ(fields.text("a"), "x");
  EXPECT_EQ(fields.integer("n", 1, 5), 5);
  EXPECT_EQ(fields.number("t", 0, 1)->spelled, "0.50");
  EXPECT_EQ(fields.boolean("b"), true);
  EXPECT_FALSE(fields.object("null").exists());
  EXPECT_TRUE(fields.object("o").exists());
  std::string rest;
  fields.rest([&rest](std::string_view name, JsonValue value) {
    rest.append(name).append("=").append(value.raw());
  });
  EXPECT_EQ(rest, "other=[1]");
  EXPECT_FALSE(read.reading.problem);
}

TEST(Fields, TheFirstProblemNamesTheField) {
  struct Case {
    const char* rule;
    const char* text;
    const char* message;
  };
  const Case cases[] = {
      {"a member given twice", R"({"n":1,"\u006e":2})", "in.n: is given twice"},
      {"the wrong type", R"({"n":"1"})", "in.n: expected a number, not a string"},
      {"a fraction", R"({"n":1.5})", "in.n: expected a whole number from 0 to 9"},
      {"beyond the range", R"({"n":10})", "in.n: expected a whole number from 0 to 9"},
  };
  for (const Case& c : cases) {
    Read read(c.text);
    Fields fields(read.reading, read.document.root(), "in");
    EXPECT_FALSE(fields.integer("n", 0, 9)) << c.rule;
    ASSERT_TRUE(read.reading.problem) << c.rule;
    EXPECT_EQ(read.reading.problem->message, c.message) << c.rule;
    EXPECT_EQ(read.reading.problem->param, "in.n") << c.rule;
  }
}

}  // namespace
}  // namespace holdfast::dialect

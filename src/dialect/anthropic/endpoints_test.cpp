// Versions, counts and the list of models.
#include <gtest/gtest.h>

#include "dialect/anthropic/codec.h"

namespace holdfast::dialect::anthropic {
namespace {

TEST(AnthropicVersion, WhatTheLaterOneNoLongerTakes) {
  struct Case {
    const char* rule;
    std::string_view version;
    const char* body;
    const char* field;  // empty: fine
  };
  const Case cases[] = {
      {"none", "", "{}", "anthropic-version"},
      {"an unknown one", "2024-01-01", "{}", "anthropic-version"},
      {"the old one takes everything", version_2023, R"({"temperature":1})", ""},
      {"nothing special", version_2026, R"({"messages":[{"role":"user","content":"x"}]})", ""},
      {"temperature, even the default", version_2026, R"({"temperature":1})", "temperature"},
      {"top_p", version_2026, R"({"top_p":null})", "top_p"},
      {"top_k", version_2026, R"({"top_k":0})", "top_k"},
      {"an assistant's document", version_2026,
       R"({"messages":[{"role":"assistant","content":[{"type":"text"},{"type":"document"}]}]})",
       "messages[0].content[1]"},
      {"a user's document", version_2026,
       R"({"messages":[{"role":"user","content":[{"type":"document"}]}]})", ""},
      {"a user's citations", version_2026,
       R"({"messages":[{"role":"user","content":[{"type":"text","citations":[{}]}]}]})",
       "messages[0].content[0].citations"},
      {"no citations at all", version_2026,
       R"({"messages":[{"role":"user","content":[{"type":"text","citations":[]}]}]})", ""},
      {"an assistant's citations", version_2026,
       R"({"messages":[{"role":"assistant","content":[{"type":"text","citations":[{}]}]}]})", ""},
      {"in a search result, in a tool's result", version_2026,
       R"({"messages":[{"role":"user","content":[{"type":"tool_result","content":[{"type":"search_result","content":[{"type":"text","citations":[{}]}]}]}]}]})",
       "messages[0].content[0].content[0].content[0].citations"},
  };
  for (const Case& c : cases) {
    JsonDocument document;
    ASSERT_TRUE(document.parse(c.body)) << c.rule;
    const auto problem = check_version(c.version, document.root());
    EXPECT_EQ(problem ? problem->param : "", c.field) << c.rule;
    if (problem) EXPECT_EQ(problem->status, 400) << c.rule;
  }
}

TEST(AnthropicCount, BothWays) {
  EXPECT_EQ(write_count_answer(42), R"({"input_tokens":42})");
  EXPECT_EQ(read_count_answer(R"({"input_tokens":42,"x":1})").value_or(-1), 42);
  for (const char* body : {"", "{}", "[]", R"({"input_tokens":-1})", R"({"input_tokens":"4"})"})
    EXPECT_FALSE(read_count_answer(body)) << body;
}

constexpr ModelEntry models[] = {
    {"a", "A", 1'790'000'000, 200'000, 64'000}, {"b", {}, 0, 0, 0}, {"c", {}, 0, 0, 0}};

TEST(AnthropicModels, AnEntry) {
  EXPECT_EQ(
      write_model(models[0]),
      R"({"type":"model","id":"a","display_name":"A","created_at":"2026-09-21T14:13:20Z",)"
      R"("lifecycle":"active","max_input_tokens":200000,"max_tokens":64000,"capabilities":null})");
  EXPECT_EQ(
      write_model(models[1]),
      R"({"type":"model","id":"b","display_name":"b","created_at":"1970-01-01T00:00:00Z",)"
      R"("lifecycle":"active","max_input_tokens":null,"max_tokens":null,"capabilities":null})");
}

TEST(AnthropicModels, Pages) {
  struct Case {
    const char* rule;
    Page page;
    const char* ends;
  };
  const Case cases[] = {
      {"all", {}, R"("has_more":false,"first_id":"a","last_id":"c"})"},
      {"the first two", {2, {}, {}}, R"("has_more":true,"first_id":"a","last_id":"b"})"},
      {"those behind", {2, "b", {}}, R"("has_more":false,"first_id":"c","last_id":"c"})"},
      {"the one before", {1, {}, "c"}, R"("has_more":true,"first_id":"b","last_id":"b"})"},
      {"behind the last",
       {2, "c", {}},
       R"("data":[],"has_more":false,"first_id":null,"last_id":null})"},
      {"behind one that is gone", {2, "z", {}}, R"("first_id":null,"last_id":null})"},
  };
  for (const Case& c : cases) {
    const std::string written = write_models(models, c.page);
    EXPECT_TRUE(written.ends_with(c.ends)) << c.rule << written;
  }
  EXPECT_EQ(read_page("", "", "")->limit, 20U);
  EXPECT_EQ(read_page("1000", "a", "")->after_id, "a");
  for (const char* limit : {"0", "1001", "x", "1x", "-1"})
    EXPECT_EQ(read_page(limit, "", "").error().param, "limit") << limit;
  EXPECT_EQ(read_page("", "a", "b").error().param, "before_id");
}

}  // namespace
}  // namespace holdfast::dialect::anthropic

#include "dialect/openai_responses/kept.h"

#include <gtest/gtest.h>

#include "dialect/openai_responses/codec.h"

namespace holdfast::dialect::openai_responses {
namespace {

TEST(KeptItems, AreGivenWhatTheListNeeds) {
  struct Case {
    const char* rule;
    const char* input;
    const char* data;
  };
  constexpr Case cases[] = {
      {"a text is a user's message", R"("Hi \"you\"")",
       R"({"id":"msg_01_0","type":"message","role":"user","status":"completed",)"
       R"("content":[{"type":"input_text","text":"Hi \"you\""}]})"},
      {"a message without a type, with a text", R"([{"role":"user","content":"a"}])",
       R"({"id":"msg_01_0","type":"message","status":"completed","role":"user",)"
       R"("content":[{"type":"input_text","text":"a"}]})"},
      {"an assistant's text is an output", R"([{"role":"assistant","content":"a"}])",
       R"({"id":"msg_01_0","type":"message","status":"completed","role":"assistant",)"
       R"("content":[{"type":"output_text","text":"a","annotations":[]}]})"},
      {"what is whole stays as it is",
       R"([{"type":"message","id":"msg_x","status":"incomplete","role":"user",)"
       R"("content":[{"type":"input_image","image_url":"data:,x","detail":"low"}]}])",
       R"({"id":"msg_x","type":"message","status":"incomplete","role":"user",)"
       R"("content":[{"type":"input_image","image_url":"data:,x","detail":"low"}]})"},
      {"calls and results", R"([{"type":"function_call_output","call_id":"c","output":"1.50"}])",
       R"({"id":"item_01_0","type":"function_call_output","call_id":"c","output":"1.50"})"},
      {"a call", R"([{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}])",
       R"({"id":"fc_01_0","type":"function_call","call_id":"c","name":"f","arguments":"{}"})"},
      {"nothing was asked anew", "[]", ""},
  };
  for (const Case& c : cases) {
    JsonDocument document;
    ASSERT_TRUE(document.parse(c.input)) << c.rule;
    const auto listed = list_items(document.root(), "01", {});
    ASSERT_TRUE(listed) << c.rule;
    const std::string ends =
        std::string_view(c.data).empty() ? R"("first_id":null,"last_id":null)" : "";
    EXPECT_NE(listed->find(std::string(R"("data":[)") + c.data + "]"), std::string::npos)
        << c.rule << "\n"
        << *listed;
    EXPECT_NE(listed->find(ends), std::string::npos) << c.rule;
    JsonDocument whole;
    EXPECT_TRUE(whole.parse(*listed)) << c.rule;
  }
}

TEST(KeptItems, ArePagedInBothOrders) {
  JsonDocument document;
  ASSERT_TRUE(document.parse(R"([{"role":"user","content":"a"},{"id":"x","role":"user",)"
                             R"("content":"b"},{"role":"user","content":"c"}])"));
  struct Case {
    const char* rule;
    ItemPage page;
    const char* ids;  // joined; then whether there are more
  };
  const Case cases[] = {
      {"the last one first", {}, "msg_s_2 x msg_s_0 false"},
      {"as they were sent", {20, true, {}}, "msg_s_0 x msg_s_2 false"},
      {"a page", {2, true, {}}, "msg_s_0 x true"},
      {"the page behind it", {2, true, "x"}, "msg_s_2 false"},
      {"behind one, backwards", {1, false, "msg_s_2"}, "x true"},
      {"behind the last", {2, true, "msg_s_2"}, "false"},
  };
  for (const Case& c : cases) {
    const auto listed = list_items(document.root(), "s", c.page);
    ASSERT_TRUE(listed) << c.rule;
    JsonDocument page;
    ASSERT_TRUE(page.parse(*listed)) << c.rule;
    Arena arena;
    std::string ids;
    for (const JsonValue item : page.root()["data"].elements())
      ids.append(item["id"].text(arena)).append(" ");
    ids += page.root()["has_more"].raw();
    EXPECT_EQ(ids, c.ids) << c.rule;
  }
  const auto unknown = list_items(document.root(), "s", {20, true, "msg_t_0"});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().param, "after");
}

TEST(KeptItems, AResponseIsFoundInTheEventThatEndsItsStream) {
  EXPECT_EQ(response_in(R"({"type":"response.completed","response":{"id":"resp_1"}})"),
            R"({"id":"resp_1"})");
  EXPECT_EQ(response_in(R"({"type":"error"})"), "");
  EXPECT_EQ(response_in("no JSON"), "");
  EXPECT_EQ(write_deleted("resp_\"1"), R"({"id":"resp_\"1","object":"response","deleted":true})");
}

TEST(KeptItems, OnlyThoughtsThatCanBeReadGoOn) {
  JsonDocument output;
  ASSERT_TRUE(output.parse(
      R"([{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"lost"}]},)"
      R"({"type":"reasoning","id":"rs_2","summary":[],"encrypted_content":"ENC"},)"
      R"({"type":"function_call","id":"fc_1","call_id":"c","name":"f","arguments":"{}"}])"));
  JsonDocument alone;
  ASSERT_TRUE(alone.parse(R"([{"type":"reasoning","id":"rs_3","summary":[]}])"));
  const JsonValue history[] = {output.root(), alone.root()};
  const auto request = read_request(R"({"model":"m","input":"x"})", history);
  ASSERT_TRUE(request);
  ASSERT_EQ(request->messages.size(), 2U);
  ASSERT_EQ(request->messages[0].content.size(), 2U);
  EXPECT_EQ(request->messages[0].content[0].signature.value, "ENC");
  EXPECT_EQ(request->messages[0].content[1].name, "f");
  EXPECT_EQ(request->messages[1].content[0].text, "x");
}

}  // namespace
}  // namespace holdfast::dialect::openai_responses

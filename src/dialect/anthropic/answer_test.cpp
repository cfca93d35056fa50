#include <gtest/gtest.h>

#include "dialect/anthropic/codec.h"
#include "dialect/test_support.h"

namespace holdfast::dialect::anthropic {
namespace {

TEST(AnthropicAnswer, IsRead) {
  constexpr std::string_view body =
      R"({"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[)"
      R"({"type":"thinking","thinking":"hm","signature":"s=="},{"type":"redacted_thinking","data":"d"},)"
      R"({"type":"text","text":"a\u00e4\ud83d","citations":[{"type":"char_location"}]},)"
      R"({"type":"tool_use","id":"toolu_1","name":"f","input":{"n":1.0}},{"type":"new_thing","x":1}],)"
      R"("stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":10,)"
      R"("cache_creation_input_tokens":5,"cache_read_input_tokens":100,"output_tokens":7,)"
      R"("output_tokens_details":{"thinking_tokens":3},"service_tier":"standard","unknown":1}})";
  const auto read = codec().read_answer(body);
  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_EQ(test::describe(*read), R"(id = "msg_1"
model = "claude-x"
choices[0] = tool_calls
choices[0].content[0] = thinking
choices[0].content[0].text = "hm"
choices[0].content[0].signature.value = "s=="
choices[0].content[0].signature.house = "anthropic"
choices[0].content[1] = redacted_thinking
choices[0].content[1].signature.value = "d"
choices[0].content[1].signature.house = "anthropic"
choices[0].content[2] = text
choices[0].content[2].text = "aä�"
choices[0].content[2].citations[0] = document characters -1 to -1
choices[0].content[3] = tool_call
choices[0].content[3].name = "f"
choices[0].content[3].id = "toolu_1"
choices[0].content[3].arguments = "{\"n\":1.0}"
choices[0].content[4] = native
choices[0].content[4].extra = anthropic: content {"type":"new_thing","x":1}
usage.tokens_in = 115
usage.tokens_out = 7
usage.tokens_cached = 100
usage.tokens_cache_written = 5
usage.tokens_reasoning = 3
service_tier = "default"
)");
}

TEST(AnthropicAnswer, StopReasonsBothWays) {
  struct Case {
    const char* wire;
    FinishReason finish;
  };
  const Case cases[] = {
      {"end_turn", FinishReason::stop},
      {"max_tokens", FinishReason::length},
      {"stop_sequence", FinishReason::stop_sequence},
      {"tool_use", FinishReason::tool_calls},
      {"pause_turn", FinishReason::paused},
      {"refusal", FinishReason::content_filter},
      {"model_context_window_exceeded", FinishReason::context_full},
  };
  for (const Case& c : cases) {
    const auto read =
        codec().read_answer(fmt::format(R"({{"content":[],"stop_reason":"{}"}})", c.wire));
    ASSERT_TRUE(read) << c.wire;
    EXPECT_EQ(read->choices[0].finish, c.finish) << c.wire;
    Response response;
    response.choices.emplace_back().finish = c.finish;
    const std::string written = codec().write_answer(response, {});
    EXPECT_NE(written.find(fmt::format(R"("stop_reason":"{}")", c.wire)), std::string::npos)
        << written;
  }
}

TEST(AnthropicAnswer, WhatIsNoAnswer) {
  struct Case {
    const char* rule;
    const char* body;
    FailureClass failure;
  };
  const Case cases[] = {
      {"a proxy's page", "<html>", FailureClass::malformed_body},
      {"an array", "[]", FailureClass::malformed_body},
      {"no content", R"({"id":"msg_1"})", FailureClass::malformed_body},
      {"an error inside a 200",
       R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})",
       FailureClass::error_in_body},
      {"an error in an array", R"([{"error":{"message":"no"}}])", FailureClass::error_in_body},
      {"an answer", R"({"content":[],"usage":{"input_tokens":1,"output_tokens":2}})",
       FailureClass::none},
  };
  for (const Case& c : cases) EXPECT_EQ(codec().scan_answer(c.body).failure, c.failure) << c.rule;
}

// What another house answered, as an Anthropic client sees it.
TEST(AnthropicAnswer, OfAnotherHouse) {
  Response response;
  response.id = "chatcmpl-1";
  response.model = "gpt";
  Choice& choice = response.choices.emplace_back();
  choice.finish = FinishReason::stop;
  Block block;
  block.kind = BlockKind::thinking;
  block.text = "hm";
  block.signature = {"enc", "openai", "rs_1"};
  choice.content.push_back(block);
  block = {};
  block.kind = BlockKind::tool_call;
  block.id = "call_1";
  block.name = "f";
  block.arguments = R"({"a":)";
  block.signature = {"g", "google", {}};
  choice.content.push_back(block);
  block = {};
  block.text = "t";
  block.citations.emplace_back().source = Citation::Source::file;
  choice.content.push_back(block);
  response.usage = {50, 7, 40, -1, -1};
  response.extras = {{Dialect::openai, "system_fingerprint", "\"x\"", true}};
  const std::string written =
      codec().write_answer(response, {.request_id = "r1", .model = "my-alias"});
  EXPECT_EQ(written,
            R"({"id":"msg_r1","type":"message","role":"assistant","model":"my-alias","content":[)"
            R"({"type":"thinking","thinking":"hm","signature":"hf1:openai:rs_1:enc"},)"
            R"({"type":"tool_use","id":"call_1","name":"f","input":{}},)"
            R"({"type":"redacted_thinking","data":"hf1:google::g"},{"type":"text","text":"t"}],)"
            R"("stop_reason":"tool_use","stop_sequence":null,)"
            R"("usage":{"input_tokens":10,"cache_read_input_tokens":40,"output_tokens":7}})");
}

TEST(AnthropicAnswer, ARefusalInWords) {
  Response response;
  Choice& choice = response.choices.emplace_back();
  choice.finish = FinishReason::stop;
  Block block;
  block.kind = BlockKind::refusal;
  block.text = "I will not";
  choice.content.push_back(block);
  EXPECT_NE(
      codec()
          .write_answer(response, {})
          .find(
              R"("content":[{"type":"text","text":"I will not"}],"stop_reason":"refusal","stop_sequence":null,)"
              R"("stop_details":{"type":"refusal","category":null,"explanation":"I will not"})"),
      std::string::npos);
}

}  // namespace
}  // namespace holdfast::dialect::anthropic

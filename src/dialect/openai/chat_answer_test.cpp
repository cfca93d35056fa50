#include <gtest/gtest.h>

#include "dialect/openai/codec.h"
#include "dialect/test_support.h"

namespace holdfast::dialect::openai {
namespace {

TEST(ChatAnswer, IsReadFromEveryServer) {
  struct Case {
    const char* rule;
    const Deviations& from;
    const char* body;
    const char* want;
  };
  using namespace deviations;
  const Case cases[] = {
      {"finish stop with calls; empty arguments", deviations::openai,
       R"({"id":"a","model":"m","choices":[{"index":0,"finish_reason":"stop","message":{"content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":""}}]}}]})",
       "choices[0] = tool_calls\nchoices[0].content[0] = tool_call\nchoices[0].content[0].name = "
       "\"f\"\nchoices[0].content[0].id = \"c\"\n"},
      {"arguments as an object, without an id", mistral,
       R"({"id":"a","model":"m","choices":[{"finish_reason":"tool_calls","message":{"content":"","tool_calls":[{"function":{"name":"f","arguments":{"b":1.0,"a":9007199254740993}}}]}}]})",
       "choices[0] = tool_calls\nchoices[0].content[0] = tool_call\nchoices[0].content[0].name = "
       "\"f\"\nchoices[0].content[0].id = \"call_0_0\"\nchoices[0].content[0].arguments = "
       "\"{\\\"b\\\":1.0,\\\"a\\\":9007199254740993}\"\n"},
      {"thoughts as a part", mistral,
       R"({"id":"a","model":"m","choices":[{"finish_reason":"model_length","message":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"t"}],"signature":"s"},{"type":"text","text":"x"}]}}]})",
       "choices[0] = context_full\nchoices[0].content[0] = thinking\nchoices[0].content[0].text = "
       "\"t\"\nchoices[0].content[0].signature.value = "
       "\"s\"\nchoices[0].content[0].signature.house = \"mistral\"\nchoices[0].content[1] = "
       "text\nchoices[0].content[1].text = \"x\"\n"},
      {"references behind what they back", mistral,
       R"({"id":"a","model":"m","choices":[{"finish_reason":"stop","message":{"content":[{"type":"text","text":"x"},{"type":"reference","reference_ids":[0]},{"type":"tool_reference","tool":"web_search","title":"T","url":"https://a.example/"}]}}]})",
       "choices[0] = stop\nchoices[0].content[0] = text\nchoices[0].content[0].text = \"x\"\n"
       "choices[0].content[0].citations[0] = document title \"0\"\n"
       "choices[0].content[0].citations[1] = url url \"https://a.example/\" title \"T\"\n"},
      {"output without its reasoning", xai,
       R"({"id":"a","model":"m","choices":[{"finish_reason":"stop","message":{"content":"x"}}],"usage":{"prompt_tokens":10,"completion_tokens":2,"total_tokens":42,"completion_tokens_details":{"reasoning_tokens":30}}})",
       "choices[0] = stop\nchoices[0].content[0] = text\nchoices[0].content[0].text = "
       "\"x\"\nusage.tokens_in = 10\nusage.tokens_out = 32\nusage.tokens_reasoning = 30\n"},
      {"usage beside, cached by another name", groq,
       R"({"id":"a","model":"m","choices":[{"finish_reason":"stop","message":{"reasoning":"t","content":"x"}}],"x_groq":{"usage":{"prompt_tokens":1,"completion_tokens":2,"prompt_cache_hit_tokens":1}}})",
       "choices[0] = stop\nchoices[0].content[0] = thinking\nchoices[0].content[0].text = "
       "\"t\"\nchoices[0].content[1] = text\nchoices[0].content[1].text = \"x\"\nusage.tokens_in "
       "= 1\nusage.tokens_out = 2\nusage.tokens_cached = 1\n"},
      {"which string stopped it", vllm,
       R"({"id":"a","model":"m","choices":[{"finish_reason":"stop","stop_reason":"END","message":{"content":"x"}}]})",
       "choices[0] = stop_sequence\nchoices[0].stop_sequence = \"END\"\nchoices[0].content[0] = "
       "text\nchoices[0].content[0].text = \"x\"\n"},
      {"a lone surrogate is replaced", deviations::openai,
       R"({"id":"a","model":"m","choices":[{"finish_reason":"stop","message":{"content":"\ud83d"}}]})",
       "choices[0] = stop\nchoices[0].content[0] = text\nchoices[0].content[0].text = "
       "\"\uFFFD\"\n"},
  };
  for (const Case& c : cases) {
    const auto response = ChatCodec(c.from).read_answer(c.body);
    ASSERT_TRUE(response.has_value()) << c.rule << ": " << response.error().detail;
    EXPECT_EQ(test::describe(*response), std::string("id = \"a\"\nmodel = \"m\"\n") + c.want)
        << c.rule;
  }
}

// They stay beside the choices too, for clients that look there.
TEST(ChatAnswer, SourcesBesideTheChoicesAreOfTheWholeText) {
  struct Case {
    const char* rule;
    const char* beside;
    const char* message;
    const char* want;
  };
  constexpr Case cases[] = {
      {"addresses", R"("citations":["https://a.example/","none"])", R"("content":"x[1]")",
       "choices[0].content[0].citations[0] = url url \"https://a.example/\"\n"
       "extras[0] = openai: citations [\"https://a.example/\",\"none\"] (harmless)\n"},
      {"results say more than addresses",
       R"("citations":["https://a.example/"],"search_results":[{"title":"A","url":"https://a.example/"}])",
       R"("content":"x[1]")",
       "choices[0].content[0].citations[0] = url url \"https://a.example/\" title \"A\"\n"},
      {"pieces have theirs", R"("citations":["https://b.example/"])",
       R"("content":"x","annotations":[{"type":"url_citation","url_citation":{"url":"https://a.example/","title":"","start_index":0,"end_index":1}}])",
       "choices[0].content[0].citations[0] = url of 0 to 1 url \"https://a.example/\"\nextras"},
      {"nothing is said", R"("citations":["https://a.example/"])", R"("content":"")", "extras"},
  };
  for (const Case& c : cases) {
    const std::string body = fmt::format(
        R"({{"id":"a","model":"m",{},"choices":[{{"finish_reason":"stop","message":{{{}}}}}]}})",
        c.beside, c.message);
    const auto response = codec().read_answer(body);
    ASSERT_TRUE(response.has_value()) << c.rule << ": " << response.error().detail;
    const std::string said = test::describe(*response);
    EXPECT_NE(said.find(c.want), std::string::npos) << c.rule << "\n" << said;
  }
}

TEST(ChatAnswer, WhatIsNone) {
  struct Case {
    const char* rule;
    const char* body;
    ErrorCode code;
  };
  constexpr Case cases[] = {
      {"a proxy's page", "<html>ok</html>", ErrorCode::malformed_response},
      {"no choices", R"({"id":"a"})", ErrorCode::malformed_response},
      {"empty choices", R"({"choices":[]})", ErrorCode::malformed_response},
      {"an array", "[]", ErrorCode::malformed_response},
      {"an error in a 200", R"({"error":{"message":"m"}})", ErrorCode::upstream_unavailable},
      {"the error is a text", R"({"error":"m"})", ErrorCode::upstream_unavailable},
      {"an array around it", R"([{"error":{"message":"m"}}])", ErrorCode::upstream_unavailable},
      {"an error in a choice",
       R"({"choices":[{"finish_reason":"error","error":{"code":502,"message":"m"}}]})",
       ErrorCode::upstream_unavailable},
  };
  for (const Case& c : cases) {
    const auto response = codec().read_answer(c.body);
    ASSERT_FALSE(response.has_value()) << c.rule;
    EXPECT_EQ(response.error().code, c.code) << c.rule;
  }
}

TEST(ChatAnswer, IsWrittenAsOpenAiWritesIt) {
  Response response;
  response.id = "msg_1";
  response.model = "theirs";
  Choice& choice = response.choices.emplace_back();
  choice.finish = FinishReason::context_full;
  Block& thought = choice.content.emplace_back();
  thought.kind = BlockKind::thinking;
  thought.text = "t";
  thought.signature = {"sig", "anthropic", {}};
  choice.content.emplace_back().text = "a";
  choice.content.emplace_back().text = "b";
  response.usage = {10, 5, 4, -1, 2};
  AnswerContext context;
  context.request_id = "req1";
  context.model = "mine";
  context.now_s = 7;
  EXPECT_EQ(
      codec().write_answer(response, context),
      R"({"id":"chatcmpl-req1","object":"chat.completion","created":7,"model":"mine","choices":[{"index":0,"message":{"role":"assistant","content":"ab","refusal":null,"reasoning_content":"t","reasoning_details":[{"type":"reasoning.text","text":"t","signature":"hf1:anthropic::sig","format":"anthropic-claude-v1","index":0}]},"logprobs":null,"finish_reason":"length"}],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":2}}})");
}

TEST(ChatAnswer, AFilteredOneSaysWhyAsARefusal) {
  Response response;
  Choice& choice = response.choices.emplace_back();
  choice.finish = FinishReason::content_filter;
  choice.explanation = "because";
  const std::string body = codec().write_answer(response, {});
  EXPECT_NE(body.find(R"("content":null,"refusal":"because")"), std::string::npos) << body;
  EXPECT_NE(body.find(R"("finish_reason":"content_filter")"), std::string::npos) << body;

  choice.content.emplace_back().text = "I cannot";
  EXPECT_NE(codec().write_answer(response, {}).find(R"("content":"I cannot","refusal":null)"),
            std::string::npos)
      << "what the model said itself stands";
}

}  // namespace
}  // namespace holdfast::dialect::openai

#include "dialect/openai/answer.h"

#include <gtest/gtest.h>

namespace holdfast::dialect::openai {
namespace {

TEST(ScanEvent, FindsContentUsageAndEnd) {
  struct Case {
    const char* rule;
    const char* data;
    bool content, error, done, usage_only, malformed;
  };
  constexpr Case cases[] = {
      {"role alone", R"({"choices":[{"delta":{"role":"assistant","content":""}}]})", false, false,
       false, false, false},
      {"null content", R"({"choices":[{"delta":{"content":null},"finish_reason":null}]})", false,
       false, false, false, false},
      {"text", R"({"choices":[{"delta":{"content":"a"}}]})", true, false, false, false, false},
      {"reasoning", R"({"choices":[{"delta":{"reasoning_content":"a"}}]})", true, false, false,
       false, false},
      {"refusal", R"({"choices":[{"delta":{"refusal":"no"}}]})", true, false, false, false, false},
      {"tool call", R"({"choices":[{"delta":{"tool_calls":[{"index":0}]}}]})", true, false, false,
       false, false},
      {"no tool call", R"({"choices":[{"delta":{"tool_calls":[]}}]})", false, false, false, false,
       false},
      {"audio", R"({"choices":[{"delta":{"audio":{"data":"a"}}}]})", true, false, false, false,
       false},
      {"content parts", R"({"choices":[{"delta":{"content":[{"type":"text"}]}}]})", true, false,
       false, false, false},
      {"legacy text", R"({"choices":[{"text":"a"}]})", true, false, false, false, false},
      {"finish", R"({"choices":[{"delta":{},"finish_reason":"stop"}]})", true, false, false, false,
       false},
      {"Azure's first chunk", R"({"choices":[],"prompt_filter_results":[]})", false, false, false,
       false, false},
      {"usage", R"({"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}})", false, false,
       false, true, false},
      {"usage null", R"({"choices":[{"delta":{"content":"a"}}],"usage":null})", true, false, false,
       false, false},
      {"error object", R"({"error":{"message":"m"}})", false, true, false, false, false},
      {"error text", R"({"error":"m"})", false, true, false, false, false},
      {"error null", R"({"error":null,"choices":[{"delta":{"content":"a"}}]})", true, false, false,
       false, false},
      {"end", "[DONE]", false, false, true, false, false},
      {"end with spaces", " [DONE] ", false, false, true, false, false},
      {"HTML", "<html>", false, false, false, false, true},
      {"lone surrogate", R"({"choices":[{"delta":{"content":"\ud83d"}}]})", true, false, false,
       false, false},
  };
  for (const Case& c : cases) {
    const Sight sight = scan_event(c.data);
    EXPECT_EQ(sight.content, c.content) << c.rule;
    EXPECT_EQ(sight.error, c.error) << c.rule;
    EXPECT_EQ(sight.done, c.done) << c.rule;
    EXPECT_EQ(sight.usage_only, c.usage_only) << c.rule;
    EXPECT_EQ(sight.malformed, c.malformed) << c.rule;
  }
}

TEST(ScanAnswer, ReadsUsageWhereTheProviderGivesIt) {
  const auto facts = scan_answer(
      Endpoint::chat_completions,
      R"({"choices":[{"message":{"content":"a"}}],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":2}}})");
  EXPECT_EQ(facts.failure, FailureClass::none);
  EXPECT_EQ(facts.usage.tokens_in, 10);
  EXPECT_EQ(facts.usage.tokens_out, 5);
  EXPECT_EQ(facts.usage.tokens_cached, 4);
  EXPECT_EQ(facts.usage.tokens_reasoning, 2);
}

TEST(ScanAnswer, TellsMalformedFromErrors) {
  struct Case {
    const char* rule;
    Endpoint endpoint;
    const char* body;
    FailureClass want;
  };
  constexpr Case cases[] = {
      {"HTML", Endpoint::chat_completions, "<html></html>", FailureClass::malformed_body},
      {"cut", Endpoint::chat_completions, R"({"choices":[{"mess)", FailureClass::malformed_body},
      {"no choices", Endpoint::chat_completions, R"({"id":"a"})", FailureClass::malformed_body},
      {"empty choices", Endpoint::chat_completions, R"({"choices":[]})",
       FailureClass::malformed_body},
      {"error", Endpoint::chat_completions, R"({"error":{"code":500}})",
       FailureClass::error_in_body},
      {"error as text", Endpoint::chat_completions, R"({"error":"x","choices":[]})",
       FailureClass::error_in_body},
      {"error in an array", Endpoint::chat_completions, R"([{"error":{"code":500}}])",
       FailureClass::error_in_body},
      {"embeddings", Endpoint::embeddings, R"({"data":[{"embedding":[0.1]}]})", FailureClass::none},
      {"no data", Endpoint::embeddings, R"({"choices":[]})", FailureClass::malformed_body},
  };
  for (const Case& c : cases) EXPECT_EQ(scan_answer(c.endpoint, c.body).failure, c.want) << c.rule;
}

TEST(ClassifyError, ByStatusAndWords) {
  struct Case {
    const char* rule;
    int status;
    const char* body;
    FailureClass want;
  };
  constexpr Case cases[] = {
      {"bad key", 401, R"({"error":{"code":"invalid_api_key"}})", FailureClass::revoked},
      {"region", 403, "", FailureClass::revoked},
      {"payment", 402, "", FailureClass::unpaid},
      {"quota", 429, R"({"error":{"type":"insufficient_quota"}})", FailureClass::unpaid},
      {"rate", 429, R"({"error":{"type":"requests","code":"rate_limit_exceeded"}})",
       FailureClass::rate_limited},
      {"model", 404, R"({"error":{"code":"model_not_found"}})", FailureClass::model_gone},
      {"timeout", 408, "", FailureClass::request_timeout},
      {"conflict", 409, "", FailureClass::conflict},
      {"overload", 529, "", FailureClass::overloaded},
      {"loading", 503, "", FailureClass::overloaded},
      {"fault", 500, "<html>", FailureClass::server_error},
      {"bad gateway", 502, "", FailureClass::server_error},
      {"redirect", 307, "", FailureClass::redirect},
      {"bad request", 400, R"({"error":{"message":"m"}})", FailureClass::bad_request},
      {"context", 400, R"({"error":{"code":"context_length_exceeded"}})",
       FailureClass::context_too_long},
      {"vLLM's context", 400,
       R"({"error":{"message":"This model's maximum context length is 10"}})",
       FailureClass::context_too_long},
      {"filter", 400, R"({"error":{"code":"content_filter"}})", FailureClass::content_filter},
  };
  for (const Case& c : cases) EXPECT_EQ(classify_error(c.status, c.body).failure, c.want) << c.rule;
}

}  // namespace
}  // namespace holdfast::dialect::openai

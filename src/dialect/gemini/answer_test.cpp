#include <gtest/gtest.h>

#include "dialect/base64.h"
#include "dialect/gemini/codec.h"
#include "dialect/test_support.h"

namespace holdfast::dialect::gemini {
namespace {

std::string read(std::string_view body) {
  const auto response = codec().read_answer(body);
  return response ? test::describe(*response) : "failed: " + response.error().detail;
}

TEST(GeminiAnswer, WhatItTells) {
  struct Case {
    const char* rule;
    std::string_view body;
    std::string_view says;
  };
  constexpr Case cases[] = {
      {"calls end with STOP",
       R"({"responseId":"r-1","candidates":[{"content":{"parts":[{"functionCall":{"name":"f"}}]},"finishReason":"STOP"}]})",
       "choices[0] = tool_calls"},
      {"a call without an id gets one that no other turn has",
       R"({"responseId":"r-1","candidates":[{"content":{"parts":[{"functionCall":{"name":"f"}}]},"finishReason":"STOP"}]})",
       R"(id = "call_r_1_0")"},
      {"a signature may be on any part",
       R"({"candidates":[{"content":{"parts":[{"text":"a","thoughtSignature":"YQ=="}]}}]})",
       R"(signature.house = "google")"},
      {"a thought", R"({"candidates":[{"content":{"parts":[{"text":"a","thought":true}]}}]})",
       "content[0] = thinking"},
      {"no parts at all",
       R"({"candidates":[{"content":{"role":"model"},"finishReason":"MAX_TOKENS"}]})",
       "choices[0] = length"},
      {"filtered, and why", R"({"candidates":[{"finishReason":"RECITATION","finishMessage":"m"}]})",
       R"(explanation = "RECITATION: m")"},
      {"a reason that is not known is a fault", R"({"candidates":[{"finishReason":"NEW"}]})",
       "choices[0] = fault"},
      {"a blocked prompt", R"({"promptFeedback":{"blockReason":"SAFETY"}})",
       "choices[0] = content_filter"},
      {"thoughts count as output",
       R"({"candidates":[{}],"usageMetadata":{"promptTokenCount":5,"toolUsePromptTokenCount":2,"candidatesTokenCount":3,"thoughtsTokenCount":4}})",
       "usage.tokens_in = 7\nusage.tokens_out = 7\nusage.tokens_reasoning = 4\n"},
      {"a count that is not there is 0",
       R"({"candidates":[{}],"usageMetadata":{"promptTokenCount":5}})", "usage.tokens_out = 0"},
      {"an image, in the standard alphabet",
       R"({"candidates":[{"content":{"parts":[{"inlineData":{"mimeType":"image/png","data":"_-8="}}]}}]})",
       R"(base64 "image/png" "/+8=")"},
      {"log-probabilities in OpenAI's shape",
       R"({"candidates":[{"logprobsResult":{"chosenCandidates":[{"token":"hé","logProbability":-0.10}],"topCandidates":[{"candidates":[{"token":"a","logProbability":-1}]}]}}]})",
       R"(logprobs = {"content":[{"token":"hé","logprob":-0.10,"bytes":[104,195,169],"top_logprobs":[{"token":"a","logprob":-1,"bytes":[97]}]}],"refusal":null})"},
      {"when", R"({"candidates":[{}],"createTime":"2026-11-22T10:00:01.5Z"})",
       "created_s = 1795341601"},
      {"an error inside a 200", R"({"error":{"code":500,"message":"broke"}})",
       "failed: an error in the answer: broke"},
      {"in an array of one, too", R"([{"error":{"code":500,"message":"broke"}}])",
       "failed: an error in the answer: broke"},
      {"a proxy's page", "<html>", "failed: not JSON"},
      {"nothing", "{}", "failed: neither candidates"},
      {"a lone surrogate is replaced",
       R"({"candidates":[{"content":{"parts":[{"text":"\ud83d"}]}}]})",
       "content[0].text = \"\xef\xbf\xbd\""},
  };
  for (const Case& c : cases)
    EXPECT_NE(read(c.body).find(c.says), std::string::npos) << c.rule << "\n" << read(c.body);
}

TEST(GeminiAnswer, WrittenAsItsSdksExpect) {
  Response response;
  response.id = "x";
  response.usage.tokens_in = 5;
  response.usage.tokens_out = 7;
  response.usage.tokens_reasoning = 4;
  Choice choice;
  choice.finish = FinishReason::tool_calls;
  Block thinking, call;
  thinking.kind = BlockKind::thinking;
  thinking.text = "hm";
  thinking.signature = {"s", "anthropic", {}};
  call.kind = BlockKind::tool_call;
  call.id = "c";
  call.name = "f";
  call.arguments = R"({"n":1.0})";
  choice.content = {thinking, call};
  response.choices.push_back(choice);
  AnswerContext context;
  context.model = "m";
  context.request_id = "req";
  std::string envelope;
  append_base64(envelope, "hf1:anthropic::s");
  EXPECT_EQ(
      codec().write_answer(response, context),
      R"({"candidates":[{"content":{"parts":[{"text":"hm","thought":true,"thoughtSignature":")" +
          envelope + R"("},{"functionCall":{"id":"c","name":"f","args":{"n":1.0}}}],)" +
          R"("role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":)"
          R"({"promptTokenCount":5,"candidatesTokenCount":3,"thoughtsTokenCount":4,"totalTokenCount":12},)"
          R"("modelVersion":"m","responseId":"req"})");
  // Arguments that are no object cannot be shown.
  response.choices[0].content[1].arguments = R"({"n":)";
  EXPECT_NE(codec().write_answer(response, context).find("MALFORMED_FUNCTION_CALL"),
            std::string::npos);
  response.choices[0].finish = FinishReason::length;
  EXPECT_NE(codec().write_answer(response, context).find("MAX_TOKENS"), std::string::npos);
}

TEST(GeminiAnswer, ABlockedPromptAndLogprobsComeBack) {
  const std::string blocked =
      R"({"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":)"
      R"({"promptTokenCount":5,"candidatesTokenCount":0,"totalTokenCount":5},)"
      R"("modelVersion":"m","responseId":"r"})";
  EXPECT_EQ(codec().write_answer(*codec().read_answer(blocked), {}), blocked);
  const std::string logprobs =
      R"({"candidates":[{"content":{"parts":[{"text":"a"}],"role":"model"},"finishReason":"STOP","index":0,)"
      R"("logprobsResult":{"topCandidates":[{"candidates":[{"token":"b","logProbability":-2}]}],)"
      R"("chosenCandidates":[{"token":"a","logProbability":-0.10}]}}],"modelVersion":"m","responseId":"r"})";
  EXPECT_EQ(codec().write_answer(*codec().read_answer(logprobs), {}), logprobs);
}

TEST(GeminiErrors, WhatTheyMean) {
  struct Case {
    const char* rule;
    int status;
    std::string_view body;
    FailureClass failure;
    std::string_view code;
  };
  constexpr Case cases[] = {
      {"a wrong key is a 400", 400,
       R"({"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}})",
       FailureClass::revoked, "API_KEY_INVALID"},
      {"context", 400,
       R"({"error":{"code":400,"message":"The input token count (1250074) exceeds the maximum number of tokens allowed (1048576).","status":"INVALID_ARGUMENT"}})",
       FailureClass::context_too_long, "INVALID_ARGUMENT"},
      {"the region", 400,
       R"({"error":{"message":"User location is not supported for the API use.","status":"FAILED_PRECONDITION"}})",
       FailureClass::revoked, "FAILED_PRECONDITION"},
      {"a request that is wrong", 400,
       R"({"error":{"message":"Invalid value","status":"INVALID_ARGUMENT"}})",
       FailureClass::bad_request, "INVALID_ARGUMENT"},
      {"refused by policy", 400,
       R"({"error":{"message":"The prompt violates our usage guidelines","status":"INVALID_ARGUMENT"}})",
       FailureClass::content_filter, "INVALID_ARGUMENT"},
      {"in an array of one", 429,
       R"([{"error":{"message":"You exceeded your current quota, please check your plan and billing details.","status":"RESOURCE_EXHAUSTED"}}])",
       FailureClass::rate_limited, "RESOURCE_EXHAUSTED"},
      {"money", 429,
       R"({"error":{"message":"Your prepayment credits are depleted","status":"RESOURCE_EXHAUSTED"}})",
       FailureClass::unpaid, "RESOURCE_EXHAUSTED"},
      {"prepaid and empty", 402, "", FailureClass::unpaid, ""},
      {"billing is off", 403,
       R"({"error":{"message":"x","status":"PERMISSION_DENIED","details":[{"reason":"BILLING_DISABLED"}]}})",
       FailureClass::unpaid, "BILLING_DISABLED"},
      {"forbidden", 403, R"({"error":{"message":"x","status":"PERMISSION_DENIED"}})",
       FailureClass::revoked, "PERMISSION_DENIED"},
      {"no such model", 404, R"({"error":{"message":"x","status":"NOT_FOUND"}})",
       FailureClass::model_gone, "NOT_FOUND"},
      {"overloaded", 503,
       R"({"error":{"message":"The model is overloaded","status":"UNAVAILABLE"}})",
       FailureClass::overloaded, "UNAVAILABLE"},
      {"time", 504, R"({"error":{"message":"x","status":"DEADLINE_EXCEEDED"}})",
       FailureClass::request_timeout, "DEADLINE_EXCEEDED"},
      {"within a stream its own code counts", 200,
       R"({"error":{"code":503,"message":"x","status":"UNAVAILABLE"}})", FailureClass::overloaded,
       "UNAVAILABLE"},
      {"a proxy's page", 502, "<html>", FailureClass::server_error, ""},
  };
  for (const Case& c : cases) {
    const ErrorFacts facts = codec().read_error(c.status, c.body);
    EXPECT_EQ(facts.failure, c.failure) << c.rule << ": " << to_string(facts.failure);
    EXPECT_EQ(facts.code, c.code) << c.rule;
    EXPECT_EQ(facts.is_json_error, c.body.contains("error")) << c.rule;
  }
}

TEST(GeminiErrors, AHintToWait) {
  using std::chrono::milliseconds;
  const auto hint = [](std::string_view delay) {
    return retry_delay(R"([{"error":{"details":[{"@type":"a"},{"retryDelay":")" +
                       std::string(delay) + R"("}]}}])");
  };
  EXPECT_EQ(hint("33s"), milliseconds(33'000));
  EXPECT_EQ(hint("0.5s"), milliseconds(500));
  EXPECT_FALSE(hint("33"));
  EXPECT_FALSE(hint("-1s"));
  EXPECT_FALSE(retry_delay("<html>"));
}

TEST(GeminiErrors, WrittenInGooglesShape) {
  ErrorReport report;
  report.status = 400;
  report.message = "no \"seed\"";
  EXPECT_EQ(codec().write_error(report),
            R"({"error":{"code":400,"message":"no \"seed\"","status":"INVALID_ARGUMENT"}})");
  report.status = 429;
  report.code = "rate_limit_exceeded";
  report.param = "n";
  report.request_id = "req";
  EXPECT_EQ(
      codec().write_error(report),
      R"({"error":{"code":429,"message":"no \"seed\"","status":"RESOURCE_EXHAUSTED","details":[)"
      R"({"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"rate_limit_exceeded","domain":"holdfast"},)"
      R"({"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"n","description":"no \"seed\""}]},)"
      R"({"@type":"type.googleapis.com/google.rpc.RequestInfo","requestId":"req"}]}})");
}

TEST(GeminiPaths, AreSplitIntoModelAndVerb) {
  struct Case {
    const char* rule;
    std::string_view path, model;
    Verb verb;
    bool vertex = false;
  };
  constexpr Case cases[] = {
      {"the Gemini API", "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
       "gemini-2.5-pro", Verb::stream_generate_content},
      {"its other version", "/v1/models/gemini-2.5-pro:generateContent", "gemini-2.5-pro",
       Verb::generate_content},
      {"a model with a slash and a colon", "/v1/models/ollama/llama3:8b:countTokens",
       "ollama/llama3:8b", Verb::count_tokens},
      {"percent-encoded", "/v1beta/models/a%2Fb%3AembedContent", "a/b", Verb::embed_content},
      {"one model", "/v1beta/models/llama3:8b", "llama3:8b", Verb::get_model},
      {"all models", "/v1beta/models?pageSize=1", "", Verb::list_models},
      {"Vertex", "/v1/projects/p/locations/eu/publishers/google/models/m:batchEmbedContents", "m",
       Verb::batch_embed_contents, true},
      {"Vertex with a key", "/v1beta1/publishers/google/models/m:predict", "m", Verb::predict,
       true},
      {"an endpoint", "/v1/projects/p/locations/eu/endpoints/123:generateContent", "123",
       Verb::generate_content, true},
      {"a tuned one", "/v1beta/tunedModels/t:generateContent", "t", Verb::generate_content},
      {"a verb that is not known", "/v1beta/models/m:computeTokens", "m", Verb::other},
  };
  for (const Case& c : cases) {
    const auto path = split_path(c.path);
    ASSERT_TRUE(path) << c.rule;
    EXPECT_EQ(path->model, c.model) << c.rule;
    EXPECT_EQ(path->verb, c.verb) << c.rule;
    EXPECT_EQ(path->vertex, c.vertex) << c.rule;
  }
  for (const char* other : {"/v1/chat/completions", "/models/m:generateContent", "/v1beta/files/x",
                            "/v1beta/models/:generateContent", "", "/v1"})
    EXPECT_FALSE(split_path(other)) << other;
}

TEST(GeminiModels, AreListed) {
  const ListedModel models[] = {{"a", 1000, 100}, {"b", 0, 0, false, true}};
  EXPECT_EQ(write_models(models),
            R"({"models":[{"name":"models/a","baseModelId":"a","version":"001","displayName":"a",)"
            R"("inputTokenLimit":1000,"outputTokenLimit":100,"supportedGenerationMethods":)"
            R"(["generateContent","streamGenerateContent","countTokens"]},{"name":"models/b",)"
            R"("baseModelId":"b","version":"001","displayName":"b","supportedGenerationMethods":)"
            R"(["embedContent","batchEmbedContents"]}]})");
}

}  // namespace
}  // namespace holdfast::dialect::gemini

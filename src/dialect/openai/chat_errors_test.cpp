#include <gtest/gtest.h>

#include "dialect/openai/codec.h"

namespace holdfast::dialect::openai {
namespace {

TEST(ChatErrors, AreToldApartWhereverTheirWordsStand) {
  struct Case {
    const char* rule;
    int status;
    const char* body;
    FailureClass failure;
    const char* code;
    const char* message;
    bool shown;
  };
  using enum FailureClass;
  constexpr Case cases[] = {
      {"OpenAI", 400, R"({"error":{"message":"m","type":"t","param":null,"code":"invalid_value"}})",
       bad_request, "invalid_value", "m", true},
      {"OpenAI: context", 400, R"({"error":{"message":"m","code":"context_length_exceeded"}})",
       context_too_long, "context_length_exceeded", "m", true},
      {"vLLM: context, numeric code", 400,
       R"({"error":{"message":"This model's maximum context length is 8 tokens.","type":"BadRequestError","code":400}})",
       context_too_long, "400", "This model's maximum context length is 8 tokens.", true},
      {"vLLM, older: flat", 400,
       R"({"object":"error","message":"This model's maximum context length is 8","code":400})",
       context_too_long, "400", "This model's maximum context length is 8", false},
      {"llama.cpp: context", 400,
       R"({"error":{"code":400,"message":"m","type":"exceed_context_size_error","n_ctx":8}})",
       context_too_long, "400", "m", true},
      {"llama.cpp: loading", 503,
       R"({"error":{"code":503,"message":"Loading model","type":"unavailable_error"}})", overloaded,
       "503", "Loading model", true},
      {"TGI: context", 422,
       R"({"error":"Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8","error_type":"validation"})",
       context_too_long, "",
       "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8", false},
      {"Groq: a request above the token limit", 413,
       R"({"error":{"message":"Request too large: tokens per minute","code":"rate_limit_exceeded"}})",
       context_too_long, "rate_limit_exceeded", "Request too large: tokens per minute", true},
      {"Groq: capacity", 498, R"({"error":{"code":"capacity_exceeded"}})", overloaded,
       "capacity_exceeded", "", true},
      {"Azure: filtered prompt", 400,
       R"({"error":{"code":"content_filter","message":"m","innererror":{"code":"ResponsibleAIPolicyViolation"}}})",
       content_filter, "content_filter", "m", true},
      {"Azure: no deployment", 404, R"({"error":{"code":"DeploymentNotFound","message":"m"}})",
       model_gone, "DeploymentNotFound", "m", true},
      {"Azure: numeric text", 401, R"({"error":{"code":"401","message":"m"}})", revoked, "401", "m",
       true},
      {"Mistral: detail", 401, R"({"detail":"Unauthorized"})", revoked, "", "Unauthorized", false},
      {"Mistral: validator", 422,
       R"({"detail":[{"loc":["body","messages",0],"msg":"Field required","type":"missing"}]})",
       bad_request, "", "body.messages.0: Field required", false},
      {"Mistral: no such model", 400,
       R"({"object":"error","message":"Invalid model: m","type":"invalid_model","code":"1500"})",
       model_gone, "1500", "Invalid model: m", false},
      {"Mistral: a guardrail", 400,
       R"({"object":"error","message":"m","type":"guardrail","code":"3900"})", content_filter,
       "3900", "m", false},
      {"xAI: text, and a wrong key is 400", 400,
       R"({"code":"Client specified an invalid argument","error":"Incorrect API key provided: ab***cd."})",
       revoked, "Client specified an invalid argument", "Incorrect API key provided: ab***cd.",
       false},
      {"an array around it", 400, R"([{"error":{"message":"m","code":400}}])", bad_request, "400",
       "m", false},
      {"OpenRouter: number and moderation", 403,
       R"({"error":{"code":403,"message":"m","metadata":{"reasons":["violence"]}}})",
       content_filter, "403", "m", true},
      {"OpenRouter: no credits", 402, R"({"error":{"code":402,"message":"m"}})", unpaid, "402", "m",
       true},
      {"DeepSeek: no balance", 402, R"({"error":{"message":"Insufficient Balance"}})", unpaid, "",
       "Insufficient Balance", true},
      {"DeepSeek: policy", 400, R"({"error":{"message":"Content Exists Risk"}})", content_filter,
       "", "Content Exists Risk", true},
      {"no quota is not a rate", 429, R"({"error":{"message":"m","type":"insufficient_quota"}})",
       unpaid, "", "m", true},
      {"a rate", 429, R"({"error":{"message":"m","type":"tokens","code":"rate_limit_exceeded"}})",
       rate_limited, "rate_limit_exceeded", "m", true},
      {"what it depends on failed", 424, "{}", server_error, "", "", false},
      {"what is behind it was too slow", 504, "{}", request_timeout, "", "", false},
      {"a proxy's page", 502, "<html>", server_error, "", "", false},
      {"never followed", 307, "", redirect, "", "", false},
  };
  for (const Case& c : cases) {
    const ErrorFacts facts = codec().read_error(c.status, c.body);
    EXPECT_EQ(facts.failure, c.failure) << c.rule << ": " << to_string(facts.failure);
    EXPECT_EQ(facts.code, c.code) << c.rule;
    EXPECT_EQ(facts.message, c.message) << c.rule;
    EXPECT_EQ(facts.is_json_error, c.shown) << c.rule;
  }
}

TEST(ChatErrors, AreWrittenAsOpenAiWritesThem) {
  struct Case {
    const char* rule;
    ErrorReport report;
    const char* want;
  };
  const Case cases[] = {
      {"a refused request",
       {400, "m", "unsupported_parameter", "seed", FailureClass::none, {}},
       R"({"error":{"message":"m","type":"invalid_request_error","param":"seed","code":"unsupported_parameter"}})"},
      {"the class gives the code",
       {400, "m", "", "", FailureClass::context_too_long, {}},
       R"({"error":{"message":"m","type":"invalid_request_error","param":null,"code":"context_length_exceeded"}})"},
      {"no money",
       {429, "m", "", "", FailureClass::unpaid, {}},
       R"({"error":{"message":"m","type":"insufficient_quota","param":null,"code":"insufficient_quota"}})"},
      {"the gateway's own key is not the client's affair",
       {502, "m", "", "", FailureClass::revoked, {}},
       R"({"error":{"message":"m","type":"server_error","param":null,"code":"upstream_auth"}})"},
      {"overload",
       {503, "m", "", "", FailureClass::overloaded, {}},
       R"({"error":{"message":"m","type":"service_unavailable_error","param":null,"code":"overloaded"}})"},
  };
  for (const Case& c : cases) EXPECT_EQ(codec().write_error(c.report), c.want) << c.rule;
}

}  // namespace
}  // namespace holdfast::dialect::openai

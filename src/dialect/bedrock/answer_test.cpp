#include <gtest/gtest.h>

#include "dialect/bedrock/codec.h"
#include "dialect/test_support.h"

namespace holdfast::dialect::bedrock {
namespace {

std::string read(std::string_view body) {
  const auto response = codec().read_answer(body);
  return response ? test::describe(*response) : "failed: " + response.error().detail;
}

TEST(BedrockAnswer, IsRead) {
  struct Case {
    const char* rule;
    const char* body;
    const char* part;
  };
  constexpr Case cases[] = {
      {"tokens of the prompt are the sum of the three",
       R"({"output":{"message":{"role":"assistant","content":[{"text":"a"}]}},"stopReason":"end_turn",
        "usage":{"inputTokens":5,"outputTokens":7,"totalTokens":112,"cacheReadInputTokens":90,
        "cacheWriteInputTokens":10},"metrics":{"latencyMs":3}})",
       "choices[0] = stop\nchoices[0].content[0] = text\nchoices[0].content[0].text = \"a\"\n"
       "usage.tokens_in = 105\nusage.tokens_out = 7\nusage.tokens_cached = 90\n"
       "usage.tokens_cache_written = 10\n"},
      {"arguments keep their spelling",
       R"({"output":{"message":{"role":"assistant","content":[{"toolUse":{"toolUseId":"t","name":"f",
        "input":{"b":9007199254740993,"a":1.0}}}]}},"stopReason":"tool_use"})",
       R"(arguments = "{\"b\":9007199254740993,\"a\":1.0}")"},
      {"a guardrail filters",
       R"({"output":{"message":{"content":[]}},"stopReason":"guardrail_intervened"})",
       "choices[0] = content_filter\nchoices[0].explanation = \"guardrail_intervened\"\n"},
      {"which stop sequence it was",
       R"({"output":{"message":{"content":[]}},"stopReason":"stop_sequence",
        "additionalModelResponseFields":{"stop_sequence":"END"}})",
       "choices[0] = stop_sequence\nchoices[0].stop_sequence = \"END\"\n"},
      {"a reason that is new has ended the answer",
       R"({"output":{"message":{"content":[]}},"stopReason":"tired"})", "choices[0] = stop\n"},
      {"half a character is replaced",
       R"({"output":{"message":{"content":[{"text":"a\ud83d"}]}},"stopReason":"end_turn"})",
       "text = \"a\xef\xbf\xbd\""},
      {"a signature without a text",
       R"({"output":{"message":{"content":[{"reasoningContent":{"reasoningText":{"text":"",
        "signature":"sig"}}}]}},"stopReason":"end_turn"})",
       "choices[0].content[0] = thinking\nchoices[0].content[0].signature.value = \"sig\"\n"},
      {"an error inside a 200", R"({"message":"Too many tokens"})",
       "failed: the upstream answered with an error: Too many tokens"},
      {"an operation that is not known",
       R"({"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"})",
       "failed: the upstream answered with an error: UnknownOperationException"},
      {"a page of a proxy", "<html></html>", "failed: the answer is not JSON"},
      {"another object", "{}", "failed: the answer has no output.message"},
  };
  for (const Case& c : cases) {
    const std::string said = read(c.body);
    EXPECT_NE(said.find(c.part), std::string::npos) << c.rule << "\n" << said;
  }
}

// An answer of another house with one block.
Response answer(Block block) {
  Response out;
  out.choices.emplace_back().content.push_back(std::move(block));
  out.choices[0].finish = FinishReason::stop;
  return out;
}

TEST(BedrockAnswer, IsWrittenForItsClients) {
  Block call;
  call.kind = BlockKind::tool_call;
  call.id = "c";
  call.name = "f";
  Block cut = call;
  cut.arguments = R"({"a":")";
  Block signed_call = call;
  signed_call.signature = {"sig", "google", {}};
  Block thought;
  thought.kind = BlockKind::thinking;
  thought.text = "hm";
  thought.signature = {"sig", "openai", "rs_1"};
  Block own = thought;
  own.signature = {"sig", "bedrock", {}};
  Block like_an_envelope = thought;
  like_an_envelope.signature = {"hf1:openai::sig", {}, {}};
  Block redacted;
  redacted.kind = BlockKind::redacted_thinking;
  redacted.signature = {"sig", "openai", {}};
  Block refusal;
  refusal.kind = BlockKind::refusal;
  refusal.text = "no";
  Block cited;
  cited.text = "a";
  cited.citations.emplace_back().title = "t";
  Block foreign_citations = cited;
  foreign_citations.citations.front().source = Citation::Source::file;
  struct Case {
    const char* rule;
    Block block;
    const char* part;
  };
  const Case cases[] = {
      {"no arguments are an object", call, R"("input":{}}}]}},"stopReason":"tool_use")"},
      {"cut ones are text", cut, R"("input":"{\"a\":\"")"},
      {"a signature on a call stands behind it", signed_call,
       R"({"reasoningText":{"text":"","signature":"hf1:google:previous:sig"}})"},
      {"a foreign signature is wrapped", thought, R"("signature":"hf1:openai:rs_1:sig")"},
      {"our own is not", own, R"({"text":"hm","signature":"sig"})"},
      {"what looks wrapped is wrapped, or it would be unwrapped", like_an_envelope,
       R"("signature":"hf1:bedrock::hf1:openai::sig")"},
      {"redacted content is base64", redacted, R"("redactedContent":"aGYxOm9wZW5haTo6c2ln")"},
      {"a refusal is text", refusal, R"("content":[{"text":"no"}])"},
      {"citations", cited,
       R"({"citationsContent":{"content":[{"text":"a"}],"citations":[{"title":"t"}]}})"},
      {"files of another house are not told", foreign_citations, R"("content":[{"text":"a"}])"},
      {"what SDKs need is there", refusal,
       R"("usage":{"inputTokens":0,"outputTokens":0,"totalTokens":0},"metrics":{"latencyMs":0})"},
  };
  for (const Case& c : cases) {
    const std::string body = codec().write_answer(answer(c.block), {});
    EXPECT_NE(body.find(c.part), std::string::npos) << c.rule << "\n" << body;
    EXPECT_TRUE(codec().read_answer(body)) << c.rule;
  }
}

TEST(BedrockErrors, AreToldApart) {
  struct Case {
    const char* rule;
    int status;
    const char* body;
    FailureClass want;
    const char* code;
  };
  constexpr Case cases[] = {
      {"context", 400, R"({"message":"Input is too long for requested model."})",
       FailureClass::context_too_long, ""},
      {"context, in other words", 400, R"({"message":"Error: Input Tokens Exceeded: 9"})",
       FailureClass::context_too_long, ""},
      {"context, in Anthropic's", 400,
       R"({"message":"The model returned: prompt is too long: 3 tokens > 2 maximum"})",
       FailureClass::context_too_long, ""},
      {"the policy", 400, R"({"message":"Output blocked by content filtering policy"})",
       FailureClass::content_filter, ""},
      {"a model that is none", 400, R"({"message":"The provided model identifier is invalid."})",
       FailureClass::model_gone, ""},
      {"a field", 400, R"({"__type":"ValidationException","message":"bad"})",
       FailureClass::bad_request, "ValidationException"},
      {"a signature", 403,
       R"({"__type":"com.amazon.coral.service#InvalidSignatureException","Message":"no"})",
       FailureClass::revoked, "InvalidSignatureException"},
      {"a token", 403, R"({"message":"The security token included in the request is expired"})",
       FailureClass::revoked, ""},
      {"a model that the account may not use", 403,
       R"({"message":"You don't have access to the model with the specified model ID."})",
       FailureClass::model_gone, ""},
      {"money", 403, R"({"message":"Model access is denied due to INVALID_PAYMENT_INSTRUMENT: x"})",
       FailureClass::unpaid, ""},
      {"no such model", 404, R"({"message":"x"})", FailureClass::model_gone, ""},
      {"the model took too long", 408, R"({"message":"x"})", FailureClass::request_timeout, ""},
      {"the model failed", 424, R"({"message":"x","originalStatusCode":500})",
       FailureClass::server_error, ""},
      {"too many requests", 429, R"({"message":"Too many tokens, please wait"})",
       FailureClass::rate_limited, ""},
      {"a model that is being loaded", 429, R"({"message":"Model is not ready for inference."})",
       FailureClass::overloaded, ""},
      {"overload", 503, R"({"message":"x"})", FailureClass::overloaded, ""},
      {"a fault", 500, "<html>", FailureClass::server_error, ""},
  };
  for (const Case& c : cases) {
    const ErrorFacts facts = codec().read_error(c.status, c.body);
    EXPECT_EQ(to_string(facts.failure), to_string(c.want)) << c.rule;
    EXPECT_EQ(facts.code, c.code) << c.rule;
    EXPECT_EQ(facts.is_json_error, c.body[0] == '{') << c.rule;
  }
}

TEST(BedrockErrors, AreNamedInAHeader) {
  const ErrorFacts facts = read_named_error(
      400, "ServiceQuotaExceededException:http://internal.amazon.com/", R"({"message":"x"})");
  EXPECT_EQ(facts.code, "ServiceQuotaExceededException");
  EXPECT_EQ(to_string(facts.failure), to_string(FailureClass::unpaid));
}

ErrorReport report(int status, std::string_view message,
                   FailureClass failure = FailureClass::none) {
  ErrorReport out;
  out.status = status;
  out.message = message;
  out.failure = failure;
  return out;
}

TEST(BedrockErrors, AreTold) {
  struct Case {
    const char* rule;
    ErrorReport report;
    int status;
    const char* body;
  };
  const Case cases[] = {
      {"a request", report(400, "n: no"), 400,
       R"({"__type":"ValidationException","message":"n: no"})"},
      {"the sentence that applications look for",
       report(400, "9 > 8", FailureClass::context_too_long), 400,
       R"({"__type":"ValidationException","message":"Input is too long for requested model. 9 > 8"})"},
      {"a key", report(401, "x"), 403, R"({"__type":"UnrecognizedClientException","message":"x"})"},
      {"a signature",
       {403, "x", "invalid_signature", {}, FailureClass::none, {}},
       403,
       R"({"__type":"InvalidSignatureException","message":"x"})"},
      {"a limit", report(429, "x", FailureClass::rate_limited), 429,
       R"({"__type":"ThrottlingException","message":"x"})"},
      {"money", report(429, "x", FailureClass::unpaid), 400,
       R"({"__type":"ServiceQuotaExceededException","message":"x"})"},
      {"overload", report(529, "x"), 503,
       R"({"__type":"ServiceUnavailableException","message":"x"})"},
      {"time", report(504, "x"), 408, R"({"__type":"ModelTimeoutException","message":"x"})"},
      {"the rest", report(502, "x"), 502, R"({"__type":"InternalServerException","message":"x"})"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(codec().write_error(c.report), c.body) << c.rule;
    EXPECT_EQ(status_of(c.report), c.status) << c.rule;
  }
}

}  // namespace
}  // namespace holdfast::dialect::bedrock

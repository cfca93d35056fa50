// Answers, whole and as streams, from upstreams and to clients.
#include <gtest/gtest.h>

#include <algorithm>

#include "dialect/openai_responses/codec.h"
#include "dialect/random_request.h"
#include "dialect/test_support.h"

namespace holdfast::dialect::openai_responses {
namespace {

test::Vocabulary answers() {
  test::Vocabulary words;
  words.dialect = Dialect::openai_responses;
  words.choices = 1;
  words.cache_ttls = {};
  words.stop_sequence = words.explanation = false;
  words.finishes = {FinishReason::stop, FinishReason::length, FinishReason::content_filter,
                    FinishReason::tool_calls};
  words.cited = {Citation::Source::url};
  words.cited_texts = false;
  return words;
}

// What this dialect says of counts that nobody told.
void settle(Usage& usage) {
  for (std::int64_t* count :
       {&usage.tokens_cached, &usage.tokens_cache_written, &usage.tokens_reasoning})
    *count = std::max<std::int64_t>(*count, 0);
}

std::string said(std::string_view body) {
  const auto answer = codec().read_answer(body);
  return answer ? test::describe(*answer) : "failed: " + answer.error().detail;
}

std::string whole(std::string_view members) {
  return said(fmt::format(
      R"({{"id":"resp_1","object":"response","created_at":1790000000,"model":"m",{}}})", members));
}

TEST(ResponsesAnswer, IsReadByItsItems) {
  struct Case {
    const char* rule;
    const char* members;
    const char* want;  // from the choice on
  };
  const Case cases[] = {
      {"thoughts, a text with its citations and log-probabilities, a call",
       R"("status":"completed","output":[{"type":"reasoning","id":"rs_1","summary":[{"type":)"
       R"("summary_text","text":"x"}],"encrypted_content":"ENC"},{"type":"message","content":)"
       R"([{"type":"output_text","text":"t","annotations":[{"type":"url_citation"}],"logprobs":)"
       R"([{"token":"t","logprob":-0.10}]}]},{"type":"function_call","id":"fc_1","call_id":)"
       R"("call_1","name":"f","arguments":"{\"a\":1.0}"}],"usage":{"input_tokens":5,)"
       R"("input_tokens_details":{"cached_tokens":2,"cache_write_tokens":1},"output_tokens":7,)"
       R"("output_tokens_details":{"reasoning_tokens":3},"total_tokens":12},"service_tier":)"
       R"("default")",
       "choices[0] = tool_calls\nchoices[0].content[0] = thinking\n"
       "choices[0].content[0].text = \"x\"\nchoices[0].content[0].signature.value = \"ENC\"\n"
       "choices[0].content[0].signature.id = \"rs_1\"\nchoices[0].content[1] = text\n"
       "choices[0].content[1].text = \"t\"\n"
       "choices[0].content[1].citations[0] = url\n"
       "choices[0].content[2] = tool_call\nchoices[0].content[2].name = \"f\"\n"
       "choices[0].content[2].id = \"call_1\"\n"
       "choices[0].content[2].arguments = \"{\\\"a\\\":1.0}\"\n"
       "choices[0].logprobs = {\"content\":[{\"token\":\"t\",\"logprob\":-0.10}]}\n"
       "usage.tokens_in = 5\nusage.tokens_out = 7\nusage.tokens_cached = 2\n"
       "usage.tokens_cache_written = 1\nusage.tokens_reasoning = 3\nservice_tier = \"default\"\n"},
      {"cut by length",
       R"("status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[])",
       "choices[0] = length\n"},
      {"filtered",
       R"("status":"incomplete","incomplete_details":{"reason":"content_filter"},"output":[])",
       "choices[0] = content_filter\n"},
      {"a refusal; thoughts that tell nothing are none; hosted tools' items are kept",
       R"("status":"completed","output":[{"type":"reasoning","id":"rs_1","summary":[]},{"type":)"
       R"("message","content":[{"type":"refusal","refusal":"no"}]},{"type":"web_search_call"}])",
       "choices[0] = stop\nchoices[0].content[0] = refusal\nchoices[0].content[0].text = \"no\"\n"
       "choices[0].content[1] = native\nchoices[0].content[1].extra = openai_responses: "
       "output[2] {\"type\":\"web_search_call\"}\n"},
      {"lone surrogates of an upstream become U+FFFD",
       R"("status":"completed","output":[{"type":"message","content":[{"type":"output_text",)"
       R"("text":"\ud83d"}]}])",
       "choices[0] = stop\nchoices[0].content[0] = text\n"
       "choices[0].content[0].text = \"\xEF\xBF\xBD\"\n"},
  };
  for (const Case& c : cases)
    EXPECT_EQ(whole(c.members),
              "id = \"resp_1\"\nmodel = \"m\"\ncreated_s = 1790000000\n" + std::string(c.want))
        << c.rule;
}

TEST(ResponsesAnswer, WhatIsNoneFails) {
  struct Case {
    const char* rule;
    const char* body;
    ErrorCode code;
  };
  const Case cases[] = {
      {"a page of a proxy", "<html>", ErrorCode::malformed_response},
      {"no output", R"({"id":"resp_1"})", ErrorCode::malformed_response},
      {"an error inside a 200", R"({"error":{"message":"x","code":"y"}})",
       ErrorCode::upstream_unavailable},
      {"an error in an array", R"([{"error":{"message":"x"}}])", ErrorCode::upstream_unavailable},
      {"a failed response",
       R"({"status":"failed","error":{"code":"server_error","message":"x"},"output":[]})",
       ErrorCode::upstream_unavailable},
      {"a cancelled one", R"({"status":"cancelled","error":null,"output":[]})",
       ErrorCode::upstream_unavailable},
  };
  for (const Case& c : cases) {
    const auto answer = codec().read_answer(c.body);
    ASSERT_FALSE(answer) << c.rule;
    EXPECT_EQ(answer.error().code, c.code) << c.rule;
  }
}

TEST(ResponsesAnswer, WrittenAndReadAgainItIsTheSame) {
  std::mt19937_64 random(5);
  const test::Vocabulary words = answers();
  for (int i = 0; i < 400; ++i) {
    Response response = test::any_response(random, words);
    settle(response.usage);
    Choice& choice = response.choices[0];
    const bool has_text = std::ranges::any_of(
        choice.content, [](const Block& block) { return block.kind == BlockKind::text; });
    if (!has_text) choice.logprobs = {};  // they have no other place
    if (response.created_s == 0) response.created_s = 7;
    for (Block& block : choice.content)
      if (block.kind == BlockKind::thinking || block.kind == BlockKind::redacted_thinking)
        block.signature.id = "rs_1";
    const std::string body = codec().write_answer(response, {});
    ASSERT_EQ(said(body), test::describe(response)) << body;
  }
}

TEST(ResponsesAnswer, RepeatsTheRequestAndHasIdsOfItsOwn) {
  const std::string asked =
      R"({"model":"chat","instructions":"s","input":"hi","temperature":0.50,"max_output_tokens":)"
      R"(20,"tools":[{"type":"function","name":"f","parameters":{"type":"object"},"strict":)"
      R"(false}],"tool_choice":"required","metadata":{"a":"1"},"truncation":"auto"})";
  const auto request = codec().read_request(asked, {}, false);
  ASSERT_TRUE(request);
  Response response;
  response.id = "chatcmpl-1";
  response.model = "gpt-x";
  Choice& choice = response.choices.emplace_back();
  choice.finish = FinishReason::stop;
  Block& thought = choice.content.emplace_back();
  thought.kind = BlockKind::thinking;
  thought.text = "x";
  thought.signature = {"SIG", "anthropic", {}};
  choice.content.emplace_back().text = "a";
  choice.content.emplace_back().text = "b";
  Citation& place = choice.content.back().citations.emplace_back();
  place.dialect = Dialect::anthropic;
  place.source = Citation::Source::document;
  place.raw = R"({"type":"char_location"})";
  response.usage.tokens_in = 3;
  response.usage.tokens_out = 4;
  AnswerContext context;
  context.request_id = "req_01";
  context.model = "chat";
  context.now_s = 1'790'000'000;
  context.request = &*request;
  EXPECT_EQ(
      write_response(response, context, {"resp_0", "", true, false}),
      R"({"id":"resp_01","object":"response","created_at":1790000000,"status":"completed",)"
      R"("completed_at":1790000000,"error":null,"incomplete_details":null,"model":"chat",)"
      R"("output":[{"id":"rs_hf_01_0","type":"reasoning","summary":[{"type":"summary_text","text":)"
      R"("x"}],"encrypted_content":"hf1:anthropic::SIG"},{"id":"msg_01_1","type":"message",)"
      R"("status":"completed","role":"assistant","content":[{"type":"output_text","text":"a",)"
      R"("annotations":[],"logprobs":[]},{"type":"output_text","text":"b","annotations":[],)"
      R"("logprobs":[]}]}],"instructions":"s","max_output_tokens":20,"temperature":0.50,"top_p":)"
      R"(null,"metadata":{"a":"1"},"reasoning":{"effort":null,"summary":null},"text":{"format":)"
      R"({"type":"text"}},"truncation":"auto","parallel_tool_calls":true,"tool_choice":)"
      R"("required","tools":[{"type":"function","name":"f","parameters":{"type":"object"},)"
      R"("strict":false}],"background":false,"store":true,"previous_response_id":"resp_0",)"
      R"("usage":{"input_tokens":3,"input_tokens_details":{"cached_tokens":0,)"
      R"("cache_write_tokens":0},"output_tokens":4,"output_tokens_details":{"reasoning_tokens":)"
      R"(0},"total_tokens":7}})");
}

TEST(ResponsesAnswer, AForeignSignatureFindsBack) {
  for (const BlockKind kind : {BlockKind::thinking, BlockKind::redacted_thinking}) {
    Response response;
    Block& thought = response.choices.emplace_back().content.emplace_back();
    thought.kind = kind;
    thought.signature = {"SIG", "anthropic", {}};
    const std::string body = codec().write_answer(response, {});
    JsonDocument document;
    ASSERT_TRUE(document.parse(body));
    Arena arena;
    const auto messages = messages_of(document.root()["output"], arena);
    ASSERT_TRUE(messages) << messages.error().message;
    const Block& back = messages->at(0).content.at(0);
    EXPECT_EQ(back.kind, kind);
    EXPECT_EQ(back.signature.value, "SIG");
    EXPECT_EQ(back.signature.house, "anthropic");
    EXPECT_EQ(back.signature.id, "");
  }
}

TEST(ResponsesAnswer, EndsAsTheTableSays) {
  struct Case {
    FinishReason finish;
    const char* want;
  };
  const Case cases[] = {
      {FinishReason::stop_sequence, R"("status":"completed")"},
      {FinishReason::context_full, R"("incomplete_details":{"reason":"max_output_tokens"})"},
      {FinishReason::content_filter, R"("incomplete_details":{"reason":"content_filter"})"},
      {FinishReason::paused, R"("status":"in_progress")"},
      {FinishReason::fault, R"("error":{"code":"server_error")"},
  };
  for (const Case& c : cases) {
    Response response;
    response.choices.emplace_back().finish = c.finish;
    const std::string body = codec().write_answer(response, {});
    EXPECT_NE(body.find(c.want), std::string::npos) << to_string(c.finish) << body;
  }
}

// Errors.

TEST(ResponsesErrors, AreToldApart) {
  struct Case {
    const char* rule;
    int status;
    const char* body;
    FailureClass failure;
    const char* code;
    const char* message;
  };
  const Case cases[] = {
      {"context", 400,
       R"({"error":{"message":"Your input exceeds the context window of this model.","type":)"
       R"("invalid_request_error","param":"input","code":"context_length_exceeded"}})",
       FailureClass::context_too_long, "context_length_exceeded",
       "Your input exceeds the context window of this model."},
      {"an unknown model is a 400 here", 400,
       R"({"error":{"message":"x","code":"model_not_found"}})", FailureClass::model_gone,
       "model_not_found", "x"},
      {"money", 429, R"({"error":{"message":"x","type":"insufficient_quota","code":"y"}})",
       FailureClass::unpaid, "y", "x"},
      {"rate", 429, R"({"error":{"message":"x","type":"tokens","code":"rate_limit_exceeded"}})",
       FailureClass::rate_limited, "rate_limit_exceeded", "x"},
      {"overload", 503, R"({"error":{"message":"x","code":"server_is_overloaded"}})",
       FailureClass::overloaded, "server_is_overloaded", "x"},
      {"a dead key", 401, R"({"error":{"message":"x","code":"invalid_api_key"}})",
       FailureClass::revoked, "invalid_api_key", "x"},
      {"xAI's dead key: a 400 whose error is a string", 400,
       R"({"code":"c","error":"Incorrect API key provided"})", FailureClass::revoked, "c",
       "Incorrect API key provided"},
      {"policy", 400, R"({"error":{"message":"x","code":"content_policy_violation"}})",
       FailureClass::content_filter, "content_policy_violation", "x"},
      {"a number as code", 500, R"({"error":{"message":"x","code":500}})",
       FailureClass::server_error, "500", "x"},
      {"an array around it", 400, R"([{"error":{"message":"x"}}])", FailureClass::bad_request, "",
       "x"},
      {"a proxy's page", 502, "<html>", FailureClass::server_error, "", ""},
  };
  for (const Case& c : cases) {
    const ErrorFacts facts = codec().read_error(c.status, c.body);
    EXPECT_EQ(facts.failure, c.failure) << c.rule;
    EXPECT_EQ(facts.code, c.code) << c.rule;
    EXPECT_EQ(facts.message, c.message) << c.rule;
  }
}

TEST(ResponsesErrors, AreWrittenWithTypeAndCode) {
  ErrorReport report;
  report.status = 400;
  report.message = "say \"less\"";
  report.param = "input";
  report.failure = FailureClass::context_too_long;
  EXPECT_EQ(codec().write_error(report),
            R"({"error":{"message":"say \"less\"","type":"invalid_request_error","param":)"
            R"("input","code":"context_length_exceeded"}})");
  report = {};
  report.status = 500;
  report.message = "x";
  EXPECT_EQ(codec().write_error(report),
            R"({"error":{"message":"x","type":"server_error","param":null,"code":null}})");
}

}  // namespace
}  // namespace holdfast::dialect::openai_responses

#include "dialect/embedding.h"

#include <gtest/gtest.h>

#include "dialect/bedrock/embedding.h"
#include "dialect/cohere/embedding.h"
#include "dialect/gemini/embedding.h"
#include "dialect/openai/embedding.h"

namespace holdfast::dialect {
namespace {

using gemini::Api;
using gemini::Verb;

TEST(Embedding, VectorsGoFromNumbersToBase64AndBack) {
  // 1.0 is 00 00 80 3f, -2.5 is 00 00 20 c0.
  EXPECT_EQ(base64_of_floats("[1.0, -2.5]").value(), "AACAPwAAIMA=");
  EXPECT_EQ(floats_of_base64("AACAPwAAIMA=").value(), "[1,-2.5]");
  EXPECT_EQ(base64_of_floats("[]").value(), "");
  EXPECT_EQ(base64_of_floats("[1e-3,0.1]").value(), base64_of_floats("[ 0.001 , 1e-1 ]").value());
  for (const char* broken : {"", "1", "[1", "[1,]", "[null]", "[1 2]", "[\"1\"]", "[1]]"})
    EXPECT_FALSE(base64_of_floats(broken)) << broken;
  for (const char* broken : {"AACA", "A", "AADAfw=="})  // the last is not a number
    EXPECT_FALSE(floats_of_base64(broken)) << broken;
}

TEST(Embedding, OpenAiInputsAreTextsOrTokens) {
  struct Case {
    const char* rule;
    std::string_view input;
    std::vector<std::string_view> texts, tokens;
  };
  const Case cases[] = {
      {"a text", R"("a\n")", {"a\n"}, {}},
      {"texts", R"(["a","b"])", {"a", "b"}, {}},
      {"tokens", "[1,2]", {}, {"[1,2]"}},
      {"lists of tokens", "[[1],[2,3]]", {}, {"[1]", "[2,3]"}},
  };
  for (const Case& c : cases) {
    const std::string body = R"({"model":"m","input":)" + std::string(c.input) + "}";
    const auto request = openai::read_embed_request(body);
    ASSERT_TRUE(request) << c.rule;
    std::vector<std::string_view> texts, tokens;
    for (const EmbedInput& input : request->inputs) {
      if (!input.text.empty()) texts.push_back(input.text);
      if (!input.tokens.empty()) tokens.push_back(input.tokens);
    }
    EXPECT_EQ(texts, c.texts) << c.rule;
    EXPECT_EQ(tokens, c.tokens) << c.rule;
    std::vector<Loss> losses;
    EXPECT_EQ(gemini::write_embed_request(*request, "g", Api::gemini, losses).has_value(),
              c.tokens.empty())
        << c.rule;
  }
  for (const char* wrong : {R"({"model":"m","input":""})", R"({"model":"m","input":[]})",
                            R"({"model":"m","input":[1,"a"]})", R"({"model":"m"})", "[",
                            R"({"model":"m","input":"a","encoding_format":"int8"})"})
    EXPECT_FALSE(openai::read_embed_request(wrong)) << wrong;
}

constexpr std::string_view openai_body =
    R"({"model":"m","input":["a","b"],"dimensions":2,"encoding_format":"base64","user":"u"})";

TEST(Embedding, AnOpenAiRequestInTheWordsOfEachHouse) {
  const auto request = openai::read_embed_request(openai_body);
  ASSERT_TRUE(request);
  struct Case {
    const char* rule;
    Result<WireRequest> wire;
    std::string_view path, body;
  };
  std::vector<Loss> losses;
  const Case cases[] = {
      {"OpenAI's own", openai::write_embed_request(*request, "x", losses), "/embeddings",
       R"({"model":"x","input":["a","b"],"dimensions":2,"encoding_format":"base64","user":"u"})"},
      {"Gemini", gemini::write_embed_request(*request, "x", Api::gemini, losses),
       "/models/x:batchEmbedContents",
       R"({"requests":[{"model":"models/x","content":{"parts":[{"text":"a"}]},"outputDimensionality":2},)"
       R"({"model":"models/x","content":{"parts":[{"text":"b"}]},"outputDimensionality":2}]})"},
      {"Vertex", gemini::write_embed_request(*request, "x", Api::vertex, losses),
       "/models/x:predict",
       R"({"instances":[{"content":"a"},{"content":"b"}],"parameters":{"outputDimensionality":2}})"},
      {"Cohere must be told what for", cohere::write_embed_request(*request, "x", losses), "/embed",
       R"({"model":"x","texts":["a","b"],"input_type":"search_document","embedding_types":["base64"],"output_dimension":2})"},
      {"Cohere on Bedrock", bedrock::write_embed_request(*request, "cohere.embed-v4:0", losses),
       "/model/cohere.embed-v4%3A0/invoke",
       R"({"texts":["a","b"],"input_type":"search_document","embedding_types":["float"],"output_dimension":2})"},
  };
  for (const Case& c : cases) {
    ASSERT_TRUE(c.wire) << c.rule;
    EXPECT_EQ(c.wire->path, c.path) << c.rule;
    EXPECT_EQ(c.wire->body.joined(), c.body) << c.rule;
  }
  for (const Loss& loss : losses) EXPECT_TRUE(loss.field == "user" && loss.harmless) << loss.field;
  EXPECT_FALSE(bedrock::write_embed_request(*request, "amazon.titan-embed-text-v2:0", losses))
      << "Titan takes one text";
  EXPECT_EQ(bedrock::max_embed_inputs("amazon.titan-embed-text-v2:0"), 1U);
}

TEST(Embedding, TitanTakesOneText) {
  const auto request = gemini::read_embed_request(
      R"({"content":{"parts":[{"text":"a"}]},"output_dimensionality":256})", "m",
      Verb::embed_content);
  ASSERT_TRUE(request);
  std::vector<Loss> losses;
  const auto wire = bedrock::write_embed_request(*request, "amazon.titan-embed-text-v2:0", losses);
  ASSERT_TRUE(wire);
  EXPECT_EQ(wire->body.joined(), R"({"inputText":"a","dimensions":256})");
  EXPECT_TRUE(losses.empty());
  EXPECT_TRUE(bedrock::write_embed_request(*request, "amazon.titan-embed-text-v1", losses));
  ASSERT_EQ(losses.size(), 1U);
  EXPECT_FALSE(losses[0].harmless);
}

TEST(Embedding, GoogleRequestsKeepTaskAndTitle) {
  const auto request = gemini::read_embed_request(
      R"({"requests":[{"model":"models/m","content":{"parts":[{"text":"a"}]},"taskType":"RETRIEVAL_QUERY","title":"t"},)"
      R"({"content":{"parts":[{"text":"b"},{"text":"c"}]},"embed_content_config":{"task_type":"RETRIEVAL_QUERY"}}]})",
      "m", Verb::batch_embed_contents);
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->task, EmbedTask::search_query);
  EXPECT_EQ(request->inputs[0].title, "t");
  EXPECT_EQ(request->inputs[1].text, "b\nc");
  std::vector<Loss> losses;
  EXPECT_NE(cohere::write_embed_request(*request, "x", losses)->body.joined().find("search_query"),
            std::string::npos);
  const auto predict = gemini::read_embed_request(
      R"({"instances":[{"content":"a","task_type":"CLUSTERING"}],"parameters":{"outputDimensionality":3,"autoTruncate":true}})",
      "m", Verb::predict);
  ASSERT_TRUE(predict);
  EXPECT_EQ(predict->task, EmbedTask::clustering);
  EXPECT_EQ(predict->dimensions, 3);
  EXPECT_EQ(
      gemini::write_embed_request(*predict, "x", Api::vertex, losses)->body.joined(),
      R"({"instances":[{"content":"a","task_type":"CLUSTERING"}],"parameters":{"outputDimensionality":3,"autoTruncate":true}})");
  EXPECT_FALSE(gemini::read_embed_request(
      R"({"content":{"parts":[{"inlineData":{"mimeType":"image/png","data":""}}]}})", "m",
      Verb::embed_content));
}

TEST(Embedding, AnswersOfEachHouseForEachClient) {
  struct Case {
    const char* rule;
    Result<EmbedResponse> response;
    std::int64_t tokens;
  };
  const Case cases[] = {
      {"OpenAI, numbers out of order",
       openai::read_embed_answer(
           R"({"data":[{"index":1,"embedding":[-2.5]},{"index":0,"embedding":[1]}],"usage":{"prompt_tokens":4}})"),
       4},
      {"OpenAI, base64",
       openai::read_embed_answer(
           R"({"data":[{"embedding":"AACAPw=="},{"embedding":"AAAgwA=="}],"usage":{"prompt_tokens":4}})"),
       4},
      {"Gemini", gemini::read_embed_answer(R"({"embeddings":[{"values":[1]},{"values":[-2.5]}]})"),
       -1},
      {"Vertex",
       gemini::read_embed_answer(
           R"({"predictions":[{"embeddings":{"values":[1],"statistics":{"token_count":3}}},)"
           R"({"embeddings":{"values":[-2.5],"statistics":{"token_count":1.0}}}]})"),
       4},
      {"Cohere",
       cohere::read_embed_answer(
           R"({"id":"i","embeddings":{"float":[[1],[-2.5]]},"meta":{"billed_units":{"input_tokens":4.0}}})"),
       4},
      {"Cohere on Bedrock", bedrock::read_embed_answer(R"({"embeddings":[[1],[-2.5]]})"), -1},
  };
  EmbedRequest floats, base64;
  base64.encoding = EmbedEncoding::base64;
  for (const Case& c : cases) {
    ASSERT_TRUE(c.response) << c.rule;
    EXPECT_EQ(c.response->usage.tokens_in, c.tokens) << c.rule;
    EXPECT_NE(openai::write_embed_answer(*c.response, base64, "m")
                  ->find(R"({"object":"embedding","index":1,"embedding":"AAAgwA=="})"),
              std::string::npos)
        << c.rule;
    EXPECT_NE(
        openai::write_embed_answer(*c.response, floats, "m")->find(R"("index":0,"embedding":[1]})"),
        std::string::npos)
        << c.rule;
    EXPECT_TRUE(gemini::write_embed_answer(*c.response, Verb::batch_embed_contents)
                    ->starts_with(R"({"embeddings":[{"values":[1]},{"values":[-2.5]}])"))
        << c.rule;
    EXPECT_NE(cohere::write_embed_answer(*c.response, floats)->find(R"("float":[[1],[-2.5]])"),
              std::string::npos)
        << c.rule;
    EXPECT_FALSE(gemini::write_embed_answer(*c.response, Verb::embed_content)) << c.rule;
  }
  const auto titan = bedrock::read_embed_answer(R"({"embedding":[1],"inputTextTokenCount":2})");
  ASSERT_TRUE(titan);
  EXPECT_EQ(
      gemini::write_embed_answer(*titan, Verb::embed_content).value(),
      R"({"embedding":{"values":[1]},"usageMetadata":{"promptTokenCount":2,"totalTokenCount":2}})");
  EXPECT_EQ(openai::read_embed_answer(R"({"error":{"message":"no"}})").error().code,
            ErrorCode::upstream_unavailable);
  EXPECT_EQ(gemini::read_embed_answer("<html>").error().code, ErrorCode::malformed_response);
}

}  // namespace
}  // namespace holdfast::dialect

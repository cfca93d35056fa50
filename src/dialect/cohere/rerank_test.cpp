#include "dialect/cohere/rerank.h"

#include <gtest/gtest.h>

namespace holdfast::dialect::cohere {
namespace {

TEST(Rerank, GoesThereAndBack) {
  const auto request =
      read_rerank_request(R"({"model":"m","query":"q","documents":["a",{"text":"b\n"}],"top_n":2,)"
                          R"("max_tokens_per_doc":100,"return_documents":true,"truncation":true})");
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(write_rerank_request(*request, "rerank-v4").body.joined(),
            R"({"model":"rerank-v4","query":"q","documents":["a","b\n"],"top_n":2,)"
            R"("max_tokens_per_doc":100,"truncation":true})");
  const std::string answer =
      R"({"id":"r","results":[{"index":0,"relevance_score":0.10},{"index":1,"relevance_score":)"
      R"(0.90}],"meta":{"api_version":{"version":"2"},"billed_units":{"search_units":1.0}}})";
  const auto response = read_rerank_answer(answer, 2);
  ASSERT_TRUE(response);
  EXPECT_EQ(response->search_units, 1);
  AnswerContext context;
  context.request_id = "req_1";
  context.model = "chat";
  EXPECT_EQ(write_rerank_answer(*response, *request, context),
            R"({"id":"req_1","model":"chat","results":[{"index":1,"relevance_score":0.90,)"
            R"("document":{"text":"b\n"}},{"index":0,"relevance_score":0.10,"document":{"text":)"
            R"("a"}}],"meta":{"api_version":{"version":"2"},"billed_units":{"search_units":1}}})");
}

TEST(Rerank, ReadsWhoVariesIt) {
  struct Case {
    const char* rule;
    const char* body;
    std::int64_t tokens;
  };
  const Case cases[] = {
      {"Jina and vLLM",
       R"({"results":[{"index":0,"document":{"text":"a"},"relevance_score":0.5}],)"
       R"("usage":{"total_tokens":7}})",
       7},
      {"Voyage",
       R"({"object":"list","data":[{"index":0,"relevance_score":0.5}],"usage":{"total_tokens":8}})",
       8},
      {"TEI", R"([{"index":0,"score":0.5}])", -1},
  };
  for (const Case& c : cases) {
    const auto response = read_rerank_answer(c.body, 1);
    ASSERT_TRUE(response) << c.rule;
    ASSERT_EQ(response->results.size(), 1) << c.rule;
    EXPECT_EQ(response->results[0].score.spelled, "0.5") << c.rule;
    EXPECT_EQ(response->usage.tokens_in, c.tokens) << c.rule;
  }
}

TEST(Rerank, ProblemsNameTheField) {
  struct Case {
    const char* rule;
    const char* body;
    const char* param;
  };
  const Case cases[] = {
      {"not JSON", "{", ""},
      {"no query", R"({"model":"m","documents":["a"]})", "query"},
      {"unknown, and given twice", R"({"model":"m","query":"q","documents":["a"],"a":1,"a":2})",
       "a"},
      {"no documents", R"({"model":"m","query":"q","documents":[]})", "documents"},
      {"a document that is none", R"({"model":"m","query":"q","documents":[5]})", "documents[0]"},
      {"a document with more", R"({"model":"m","query":"q","documents":[{"text":"a","t":"b"}]})",
       "documents[0].t"},
      {"none to come back", R"({"model":"m","query":"q","documents":["a"],"top_n":0})", "top_n"},
  };
  for (const Case& c : cases) {
    const auto request = read_rerank_request(c.body);
    ASSERT_FALSE(request) << c.rule;
    EXPECT_EQ(request.error().param, c.param) << c.rule;
  }
}

TEST(Rerank, AnAnswerHoldsToTheDocumentsSent) {
  for (const char* body : {R"({"results":[{"index":1,"relevance_score":1}]})",
                           R"({"results":[{"index":-1,"relevance_score":1}]})",
                           R"({"results":[{"index":0}]})", R"({"results":5})", "<html>"}) {
    const auto response = read_rerank_answer(body, 1);
    ASSERT_FALSE(response) << body;
    EXPECT_EQ(response.error().code, ErrorCode::malformed_response) << body;
  }
  for (const char* body :
       {R"({"message":"x"})", R"({"error":{"message":"x"}})", R"({"error":"x"})"})
    EXPECT_EQ(read_rerank_answer(body, 1).error().code, ErrorCode::upstream_unavailable) << body;
}

}  // namespace
}  // namespace holdfast::dialect::cohere

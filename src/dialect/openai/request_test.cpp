#include "dialect/openai/request.h"

#include <gtest/gtest.h>

namespace holdfast::dialect::openai {
namespace {

using records::bit;
using records::Feature;

std::expected<ScannedRequest, RequestProblem> chat(std::string_view body) {
  return scan_request(Endpoint::chat_completions, body);
}

TEST(ScanRequest, RefusesAndNamesTheField) {
  struct Case {
    const char* rule;
    const char* body;
    const char* code;
    const char* param;
  };
  constexpr Case cases[] = {
      {"not JSON", "{", "invalid_json", ""},
      {"not an object", "[]", "invalid_type", ""},
      {"no model", R"({"messages":[]})", "missing_required_parameter", "model"},
      {"model of a wrong type", R"({"model":1,"messages":[]})", "invalid_type", "model"},
      {"empty model", R"({"model":"","messages":[]})", "invalid_value", "model"},
      {"no messages", R"({"model":"m"})", "missing_required_parameter", "messages"},
      {"messages no array", R"({"model":"m","messages":{}})", "invalid_type", "messages"},
      {"a message no object", R"({"model":"m","messages":["a"]})", "invalid_type", "messages[0]"},
      {"two models", R"({"model":"a","model":"b","messages":[]})", "invalid_json", ""},
      {"two models, one escaped", R"({"model":"a","mod\u0065l":"b","messages":[]})", "invalid_json",
       ""},
      {"two streams", R"({"model":"a","messages":[],"stream":true,"stream":false})", "invalid_json",
       ""},
      {"two include_usage",
       R"({"model":"a","messages":[],"stream_options":{"include_usage":true,"include_usage":false}})",
       "invalid_json", ""},
      {"stream of a wrong type", R"({"model":"m","messages":[],"stream":"yes"})", "invalid_type",
       "stream"},
      {"negative tokens", R"({"model":"m","messages":[],"max_tokens":-1})", "invalid_value",
       "max_tokens"},
      {"no tokens", R"({"model":"m","messages":[],"max_tokens":0})", "invalid_value", "max_tokens"},
      {"too many tokens", R"({"model":"m","messages":[],"max_completion_tokens":2147483648})",
       "invalid_value", "max_completion_tokens"},
      {"tokens as text", R"({"model":"m","messages":[],"max_tokens":"10"})", "invalid_type",
       "max_tokens"},
      {"a thousand choices", R"({"model":"m","messages":[],"n":1000})", "invalid_value", "n"},
      {"stop of a wrong type", R"({"model":"m","messages":[],"stop":1})", "invalid_type", "stop"},
      {"api_base", R"({"model":"m","messages":[],"api_base":"http://x"})", "unsupported_parameter",
       "api_base"},
      {"base_url escaped", R"({"model":"m","messages":[],"base\u005furl":"x"})",
       "unsupported_parameter", "base_url"},
      {"extra_headers", R"({"model":"m","messages":[],"extra_headers":{}})",
       "unsupported_parameter", "extra_headers"},
      {"metadata.api_key", R"({"model":"m","messages":[],"metadata":{"api_key":"x"}})",
       "unsupported_parameter", "metadata.api_key"},
  };
  for (const Case& c : cases) {
    const auto request = chat(c.body);
    ASSERT_FALSE(request.has_value()) << c.rule;
    EXPECT_EQ(request.error().status, 400) << c.rule;
    EXPECT_EQ(request.error().code, c.code) << c.rule << ": " << request.error().message;
    EXPECT_EQ(request.error().param, c.param) << c.rule;
  }
}

TEST(ScanRequest, EachEndpointNeedsItsOwnField) {
  EXPECT_TRUE(scan_request(Endpoint::completions, R"({"model":"m","prompt":"p"})").has_value());
  EXPECT_FALSE(scan_request(Endpoint::completions, R"({"model":"m","messages":[]})").has_value());
  EXPECT_TRUE(scan_request(Endpoint::embeddings, R"({"model":"m","input":"p"})").has_value());
  EXPECT_FALSE(scan_request(Endpoint::embeddings, R"({"model":"m","input":null})").has_value());
}

TEST(ScanRequest, NotesTheFeatures) {
  struct Case {
    const char* rule;
    const char* fields;
    std::uint32_t want;
  };
  const Case cases[] = {
      {"none", R"("temperature":0.5)", 0},
      {"null is absent", R"("tools":null,"stop":null,"seed":null,"n":null)", 0},
      {"stream", R"("stream":true)", bit(Feature::stream)},
      {"tools", R"("tools":[{"type":"function"}],"parallel_tool_calls":true)",
       bit(Feature::tools) | bit(Feature::parallel_tools)},
      {"schema", R"("response_format":{"type":"json_schema","json_schema":{}})",
       bit(Feature::schema)},
      {"choices", R"("n":2,"logprobs":true,"seed":1)",
       bit(Feature::n_many) | bit(Feature::logprobs) | bit(Feature::seed)},
      {"metadata", R"("metadata":{"a":"b"},"store":true)",
       bit(Feature::metadata) | bit(Feature::stored)},
  };
  for (const Case& c : cases) {
    const auto request = chat(std::string(R"({"model":"m","messages":[],)") + c.fields + "}");
    ASSERT_TRUE(request.has_value()) << c.rule << ": " << request.error().message;
    EXPECT_EQ(request->features, c.want) << c.rule;
  }
  const auto parts = chat(
      R"({"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url"},{"type":"file"}]}]})");
  ASSERT_TRUE(parts.has_value());
  EXPECT_EQ(parts->features, bit(Feature::images) | bit(Feature::files));
}

TEST(ScanRequest, SaysHowMuchMayBeWritten) {
  struct Case {
    const char* rule;
    const char* more;  // members behind model and messages
    std::int64_t max_tokens, n;
    bool only_text;
  };
  constexpr Case cases[] = {
      {"nothing is said", "", 0, 0, true},
      {"the older limit", R"(,"max_tokens":5)", 5, 0, true},
      {"the newer one wins", R"(,"max_completion_tokens":7,"max_tokens":5)", 7, 0, true},
      {"wherever it stands", R"(,"max_tokens":5,"max_completion_tokens":7)", 7, 0, true},
      {"null is nothing", R"(,"max_completion_tokens":null,"max_tokens":5,"n":null)", 5, 0, true},
      {"several answers", R"(,"n":3)", 0, 3, true},
      {"what is kept elsewhere", R"(,"previous_response_id":"resp_1")", 0, 0, false},
      {"a conversation", R"(,"conversation":{"id":"conv_1"})", 0, 0, false},
      {"none", R"(,"conversation":null)", 0, 0, true},
  };
  for (const Case& c : cases) {
    const std::string body = std::string(R"({"model":"m","messages":[])") + c.more + "}";
    const auto scanned = scan_request(Endpoint::chat_completions, body);
    ASSERT_TRUE(scanned) << c.rule;
    EXPECT_EQ(scanned->max_tokens, c.max_tokens) << c.rule;
    EXPECT_EQ(scanned->n, c.n) << c.rule;
    EXPECT_EQ(scanned->only_text, c.only_text) << c.rule;
  }
}

TEST(ScanRequest, OnlyTextIsBoundedByItsBytes) {
  struct Case {
    const char* part;
    bool only_text;
  };
  constexpr Case cases[] = {
      {R"({"type":"text","text":"hello"})", true},
      {R"({"type":"refusal","refusal":"no"})", true},
      {R"({"type":"image_url","image_url":{"url":"https://x/y.png"}})", false},
      {R"({"type":"image\u005furl","image_url":{"url":"https://x/y.png"}})", false},
      {R"({"type":"file","file":{"file_id":"f"}})", false},
      {R"({"type":"video_url","video_url":{"url":"https://x/y.mp4"}})", false},
  };
  for (const Case& c : cases) {
    const std::string body =
        R"({"model":"m","messages":[{"role":"user","content":[)" + std::string(c.part) + "]}]}";
    const auto scanned = scan_request(Endpoint::chat_completions, body);
    ASSERT_TRUE(scanned) << c.part;
    EXPECT_EQ(scanned->only_text, c.only_text) << c.part;
  }
}

TEST(Splice, ChangesWhatIsPermittedAndNothingElse) {
  const std::vector<std::string> stop = {"\nUser:"};
  struct Case {
    const char* rule;
    const char* body;
    Changes changes;
    const char* want;
  };
  const Case cases[] = {
      {"model",
       R"({ "messages":[ ],"model" : "chat" ,"x":1.0})",
       {"gpt", false, nullptr},
       R"({ "messages":[ ],"model" : "gpt" ,"x":1.0})"},
      {"usage absent",
       R"({"model":"a","messages":[],"stream":true})",
       {"b", true, nullptr},
       R"({"stream_options":{"include_usage":true},"model":"b","messages":[],"stream":true})"},
      {"usage false",
       R"({"model":"a","messages":[],"stream":true,"stream_options":{"include_usage":false}})",
       {"b", true, nullptr},
       R"({"model":"b","messages":[],"stream":true,"stream_options":{"include_usage":true}})"},
      {"options empty",
       R"({"stream_options":{},"model":"a","messages":[],"stream":true})",
       {"b", true, nullptr},
       R"({"stream_options":{"include_usage":true},"model":"b","messages":[],"stream":true})"},
      {"options null",
       R"({"stream_options":null,"model":"a","messages":[],"stream":true})",
       {"b", true, nullptr},
       R"({"stream_options":{"include_usage":true},"model":"b","messages":[],"stream":true})"},
      {"other options",
       R"({"stream_options":{"x":1},"model":"a","messages":[],"stream":true})",
       {"b", true, nullptr},
       R"({"stream_options":{"include_usage":true,"x":1},"model":"b","messages":[],"stream":true})"},
      {"stop absent",
       R"({"model":"a","messages":[]})",
       {"b", false, &stop},
       R"({"stop":["\u000aUser:"],"model":"b","messages":[]})"},
      {"stop a string",
       R"({"model":"a","messages":[],"stop":"x"})",
       {"b", false, &stop},
       R"({"model":"b","messages":[],"stop":["\u000aUser:","x"]})"},
      {"stop a list",
       R"({"model":"a","messages":[],"stop":["x"]})",
       {"b", false, &stop},
       R"({"model":"b","messages":[],"stop":["\u000aUser:","x"]})"},
      {"stop an empty list",
       R"({"model":"a","messages":[],"stop":[]})",
       {"b", false, &stop},
       R"({"model":"b","messages":[],"stop":["\u000aUser:"]})"},
      {"stop null",
       R"({"model":"a","messages":[],"stop":null})",
       {"b", false, &stop},
       R"({"model":"b","messages":[],"stop":["\u000aUser:"]})"},
  };
  for (const Case& c : cases) {
    const auto request = chat(c.body);
    ASSERT_TRUE(request.has_value()) << c.rule << ": " << request.error().message;
    EXPECT_EQ(splice(*request, c.changes), c.want) << c.rule;
  }
}

}  // namespace
}  // namespace holdfast::dialect::openai

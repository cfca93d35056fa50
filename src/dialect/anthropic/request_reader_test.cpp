#include <gtest/gtest.h>

#include "dialect/anthropic/codec.h"
#include "dialect/test_support.h"

namespace holdfast::dialect::anthropic {
namespace {

std::string with(std::string_view members) {
  return fmt::format(R"({{"model":"m","max_tokens":9,{}}})", members);
}
std::string saying(std::string_view blocks, std::string_view role = "user") {
  return with(fmt::format(R"("messages":[{{"role":"{}","content":{}}}])", role, blocks));
}

TEST(AnthropicRequest, IsReadFieldByField) {
  struct Case {
    const char* rule;
    std::string body;
    const char* has;  // a line of what was read
  };
  const std::string hi = R"("messages":[{"role":"user","content":"hi"}],)";
  const Case cases[] = {
      {"a text alone", saying(R"("a\nb")"), R"(messages[0].content[0].text = "a\nb")"},
      {"a cache mark is of 5 minutes",
       saying(R"([{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}])"),
       R"(messages[0].content[0].cache_ttl = "5m")"},
      {"an image by URL",
       saying(R"([{"type":"image","source":{"type":"url","url":"https://x/y"}}])"),
       R"(messages[0].content[0].media = url "" "https://x/y")"},
      {"a PDF with its title", saying(R"([{"type":"document","title":"t","source":{"type":"base64",
        "media_type":"application/pdf","data":"AAAA"}}])"),
       R"(messages[0].content[0].name = "t")"},
      {"a document whose places are to be cited",
       saying(R"([{"type":"document","citations":{"enabled":true},"source":{"type":"text",
        "media_type":"text/plain","data":"d"}}])"),
       "messages[0].content[0].citable = true"},
      {"one whose places are not",
       saying(R"([{"type":"document","citations":{},"source":{"type":"text",
        "media_type":"text/plain","data":"d"}}])"),
       "messages[0].content[0].citable = false"},
      {"what to know of a document",
       saying(R"([{"type":"document","context":"of 1998","source":{"type":"text",
        "media_type":"text/plain","data":"d"}}])"),
       R"(messages[0].content[0].context = "of 1998")"},
      {"what else is said of citing",
       saying(R"([{"type":"document","citations":{"enabled":true,"new":1},"source":{"type":"text",
        "media_type":"text/plain","data":"d"}}])"),
       "extras[0] = anthropic: messages[0].content[0].citations.new 1"},
      {"arguments keep their spelling",
       saying(
           R"([{"type":"tool_use","id":"i","name":"f","input":{"b":9007199254740993,"a": 1.0}}])",
           "assistant"),
       R"(messages[0].content[0].arguments = "{\"b\":9007199254740993,\"a\": 1.0}")"},
      {"a result that failed",
       saying(R"([{"type":"tool_result","tool_use_id":"i","content":"no","is_error":true}])"),
       "messages[0].content[0].is_error = true"},
      {"a result and what is said behind it are two messages",
       saying(R"([{"type":"tool_result","tool_use_id":"i"},{"type":"text","text":"go on"}])"),
       "messages[1] = user"},
      {"a server's tool use is known here alone",
       saying(R"([{"type":"server_tool_use","id":"s","name":"web_search","input":{}}])",
              "assistant"),
       R"(messages[0].content[0].extra = anthropic: messages[0].content[0] {"type":"server_tool_use","id":"s","name":"web_search","input":{}})"},
      {"a block's unknown field is kept with its path",
       saying(R"([{"type":"text","text":"x"},{"type":"image","transformations":{"a":1},
        "source":{"type":"file","file_id":"f"}}])"),
       R"(extras[0] = anthropic: messages[0].content[1].transformations {"a":1})"},
      {"a thought of another house is unwrapped",
       saying(R"([{"type":"thinking","thinking":"t","signature":"hf1:openai:rs_1:abc"}])",
              "assistant"),
       R"(messages[0].content[0].signature.house = "openai")"},
      {"a call's signature stands behind it",
       saying(R"([{"type":"tool_use","id":"i","name":"f","input":{}},
        {"type":"redacted_thinking","data":"hf1:google::abc"}])",
              "assistant"),
       R"(messages[0].content[0].signature.value = "abc")"},
      {"max_tokens 0 warms the cache",
       R"({"model":"m","max_tokens":0,"messages":[{"role":"user","content":"hi"}]})",
       "max_tokens = 0"},
      {"a tier", with(hi + R"("service_tier":"standard_only")"), R"(service_tier = "default")"},
      {"a budget", with(hi + R"("thinking":{"type":"enabled","budget_tokens":1024})"),
       "reasoning.budget_tokens = 1024"},
      {"thinking between tools is known here alone",
       with(hi + R"("thinking":{"type":"between_tools"})"),
       R"(extras[0] = anthropic: thinking {"type":"between_tools"})"},
      {"a schema",
       with(hi + R"("output_config":{"format":{"type":"json_schema","schema":{"b":1}}})"),
       R"(format.schema = {"b":1})"},
      {"an effort", with(hi + R"("output_config":{"effort":"max"})"), "reasoning.effort = max"},
      {"one call at a time",
       with(hi + R"("tool_choice":{"type":"any","disable_parallel_tool_use":true})"),
       "parallel_tools = false"},
      {"a server's tool",
       with(hi + R"("tools":[{"type":"web_search_20260318","name":"web_search"}])"),
       R"(tools[0].native = anthropic: tools[0] {"type":"web_search_20260318","name":"web_search"})"},
      {"the user", with(hi + R"("metadata":{"user_id":"u"})"), R"(user = "u")"},
      {"a mark on the whole is harmless", with(hi + R"("cache_control":{"type":"ephemeral"})"),
       R"(extras[0] = anthropic: cache_control {"type":"ephemeral"} (harmless))"},
      {"a region is not", with(hi + R"("inference_geo":"us")"),
       R"(extras[0] = anthropic: inference_geo "us")"},
  };
  for (const Case& c : cases) {
    const auto read = codec().read_request(c.body, {}, false);
    ASSERT_TRUE(read) << c.rule << ": " << read.error().message;
    const std::string said = "\n" + test::describe(*read);
    EXPECT_NE(said.find(fmt::format("\n{}\n", c.has)), std::string::npos) << c.rule << said;
  }
}

TEST(AnthropicRequest, AProblemNamesItsField) {
  struct Case {
    const char* rule;
    std::string body;
    const char* field;
  };
  const std::string hi = R"("messages":[{"role":"user","content":"hi"}],)";
  const Case cases[] = {
      {"not JSON", "{", ""},
      {"not an object", "[]", ""},
      {"no limit", R"({"model":"m","messages":[{"role":"user","content":"hi"}]})", "max_tokens"},
      {"no model", R"({"max_tokens":1,"messages":[{"role":"user","content":"hi"}]})", "model"},
      {"no messages", with(R"("messages":[])"), "messages"},
      {"a role of another house", saying(R"("x")", "tool"), "messages[0].role"},
      {"no content", with(R"("messages":[{"role":"user"}])"), "messages[0].content"},
      {"a half surrogate", saying(R"("\ud83d")"), ""},
      {"twice the same", with(hi + R"("top_k":1,"top_k":2)"), "top_k"},
      {"twice the same, unknown", with(hi + R"("x":1,"x":2)"), "x"},
      {"beyond the range", with(hi + R"("temperature":1.5)"), "temperature"},
      {"a small budget", with(hi + R"("thinking":{"type":"enabled","budget_tokens":1000})"),
       "thinking.budget_tokens"},
      {"a block without a type", saying(R"([{"text":"x"}])"), "messages[0].content[0].type"},
      {"a call without an input", saying(R"([{"type":"tool_use","id":"i","name":"f"}])"),
       "messages[0].content[0].input"},
      {"an input that is text", saying(R"([{"type":"tool_use","id":"i","name":"f","input":"{}"}])"),
       "messages[0].content[0].input"},
      {"a mark of another length",
       saying(R"([{"type":"text","text":"x","cache_control":{"type":"ephemeral","ttl":"2h"}}])"),
       "messages[0].content[0].cache_control.ttl"},
      {"a tool without a schema", with(hi + R"("tools":[{"name":"f"}])"), "tools[0].input_schema"},
      {"a member that no one could write again", with(hi + R"("a.b":1)"), "a.b"},
      {"results within results", saying(R"([{"type":"tool_result","tool_use_id":"i",
        "content":[{"type":"tool_result","tool_use_id":"j"}]}])"),
       "messages[0].content[0].content[0]"},
  };
  for (const Case& c : cases) {
    const auto read = codec().read_request(c.body, {}, false);
    ASSERT_FALSE(read) << c.rule;
    EXPECT_EQ(read.error().param, c.field) << c.rule << ": " << read.error().message;
    EXPECT_EQ(read.error().status, 400) << c.rule;
  }
}

TEST(AnthropicRequest, CountsNeedNoLimit) {
  EXPECT_TRUE(read_count_request(R"({"model":"m","messages":[{"role":"user","content":"hi"}]})"));
  EXPECT_FALSE(read_count_request(R"({"messages":[{"role":"user","content":"hi"}]})"));
}

// What no other house knows stands again where it stood, around results that were split off too.
TEST(AnthropicRequest, OwnFieldsAreWrittenBackWhereTheyStood) {
  constexpr std::string_view body =
      R"({"model":"m","max_tokens":9,"messages":[)"
      R"({"role":"user","content":[{"type":"text","text":"a","x1":[1, 2]}]},)"
      R"({"role":"assistant","content":[{"type":"tool_use","id":"i","name":"f","input":{},"caller":{"type":"code_execution_20260120","tool_id":"t"}}]},)"
      R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"i","content":[{"type":"text","text":"r","x2":2}]},)"
      R"({"type":"tool_result","tool_use_id":"j","toolset_name":"s"},{"type":"text","text":"b","x3":3}],"x4":4},)"
      R"({"role":"user","content":[{"type":"image","source":{"type":"url","url":"u","x5":5},"cache_control":{"type":"ephemeral","scope":"g"}}]}],)"
      R"("tools":[{"name":"f","input_schema":{},"defer_loading":true}],"tool_choice":{"type":"auto","x6":6},)"
      R"("thinking":{"type":"adaptive","x7":7},"output_config":{"format":{"type":"json_schema","schema":{},"x8":8},"x9":9},)"
      R"("metadata":{"x10":10},"mcp_servers":[{"url":"https://x"}]})";
  const auto read = codec().read_request(body, {}, false);
  ASSERT_TRUE(read) << read.error().message;
  Abilities abilities;
  abilities.house = "anthropic";
  abilities.adaptive_thinking = true;
  std::vector<Loss> losses;
  const auto written = codec().write_request(*read, "m", abilities, losses);
  ASSERT_TRUE(written);
  EXPECT_TRUE(losses.empty());
  EXPECT_EQ(written->body.joined(), body);
}

}  // namespace
}  // namespace holdfast::dialect::anthropic

#include <gtest/gtest.h>

#include "dialect/openai/codec.h"
#include "dialect/test_support.h"

namespace holdfast::dialect::openai {
namespace {

std::string with(std::string_view fields) {
  return fmt::format(R"({{"model":"m","messages":[{{"role":"user","content":"hi"}}]{}{}}})",
                     fields.empty() ? "" : ",", fields);
}

// What the lines of a description that name `about` say.
std::string lines_about(const std::string& description, std::string_view about) {
  std::string out;
  for (std::size_t at = 0; at < description.size();) {
    const std::size_t end = description.find('\n', at);
    const std::string line = description.substr(at, end - at);
    if (line.starts_with(about)) out += (out.empty() ? "" : "; ") + line;
    at = end + 1;
  }
  return out;
}

TEST(ChatRequest, RefusesAndNamesTheField) {
  struct Case {
    const char* rule;
    std::string body;
    const char* code;
    const char* param;
  };
  const Case cases[] = {
      {"not JSON", "{", "invalid_json", ""},
      {"a lone surrogate", with(R"("user":"\ud83d")"), "invalid_json", ""},
      {"no model", R"({"messages":[{"role":"user","content":"a"}]})", "missing_required_parameter",
       "model"},
      {"no messages", R"({"model":"m"})", "missing_required_parameter", "messages"},
      {"an empty conversation", R"({"model":"m","messages":[]})", "empty_array", "messages"},
      {"a role of nobody", R"({"model":"m","messages":[{"role":"x"}]})", "invalid_value",
       "messages[0].role"},
      {"a result without its call", R"({"model":"m","messages":[{"role":"tool","content":"a"}]})",
       "missing_required_parameter", "messages[0].tool_call_id"},
      {"content of a wrong type", R"({"model":"m","messages":[{"role":"user","content":1}]})",
       "invalid_type", "messages[0].content"},
      {"an image that is no URL",
       R"({"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"file:///etc/passwd"}}]}]})",
       "invalid_image_url", "messages[0].content[0].image_url.url"},
      {"base64 that would leave its string",
       R"({"model":"m","messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"a\"b","format":"wav"}}]}]})",
       "invalid_value", "messages[0].content[0].input_audio"},
      {"no tokens", with(R"("max_tokens":0)"), "invalid_value", "max_tokens"},
      {"too hot", with(R"("temperature":2.1)"), "invalid_value", "temperature"},
      {"a field given twice", with(R"("n":1,"n":2)"), "duplicate_field", "n"},
      {"a field that redirects", with(R"("base_url":"http://x")"), "unsupported_parameter",
       "base_url"},
      {"a field that redirects, in metadata", with(R"("metadata":{"api_key":"x"})"),
       "unsupported_parameter", "metadata"},
      {"an unknown tool choice", with(R"("tool_choice":"maybe")"), "invalid_value", "tool_choice"},
  };
  for (const Case& c : cases) {
    const auto request = codec().read_request(c.body, "", false);
    ASSERT_FALSE(request.has_value()) << c.rule;
    EXPECT_EQ(request.error().code, c.code) << c.rule << ": " << request.error().message;
    EXPECT_EQ(request.error().param, c.param) << c.rule << ": " << request.error().message;
  }
}

TEST(ChatRequest, ReadsEachField) {
  struct Case {
    const char* rule;
    std::string body;
    const char* about;
    const char* want;
  };
  const Case cases[] = {
      {"developer is system",
       R"({"model":"m","messages":[{"role":"developer","content":"a"},{"role":"system","content":"b"},{"role":"user","content":"c"}]})",
       "system[",
       R"(system[0] = text; system[0].text = "a"; system[1] = text; system[1].text = "b")"},
      {"the newer limit wins", with(R"("max_tokens":5,"max_completion_tokens":7)"), "max_tokens",
       "max_tokens = 7"},
      {"numbers keep their spelling", with(R"("temperature":0.70,"seed":1234567890123456789)"),
       "seed", "seed = 1234567890123456789"},
      {"one stop string", with(R"("stop":"x")"), "stop", R"(stop = "x")"},
      {"deprecated functions are tools",
       with(R"("functions":[{"name":"f","parameters":{"a": 1}}],"function_call":{"name":"f"})"),
       "tool",
       R"(tools[0] = "f"; tools[0].schema = {"a": 1}; tool_choice = named; tool_choice.name = "f")"},
      {"custom tools stay as they are",
       with(R"("tools":[{"type":"custom","custom":{"name":"x"}}])"), "tools",
       R"(tools[0] = ""; tools[0].native = openai: tools {"type":"custom","custom":{"name":"x"}})"},
      {"who asks", with(R"("user":"old","safety_identifier":"new")"), "user", R"(user = "new")"},
      {"own fields are kept, some of them harmless",
       with(R"("store":false,"logit_bias":{"1":2},"prompt_cache_key":"k")"), "extras",
       R"(extras[0] = openai: store false (harmless); extras[1] = openai: logit_bias {"1":2}; extras[2] = openai: prompt_cache_key "k" (harmless))"},
      {"an unknown effort is its server's own", with(R"("reasoning_effort":"default")"), "extras",
       R"(extras[0] = openai: reasoning_effort "default")"},
      {"usage is asked for", with(R"("stream":true,"stream_options":{"include_usage":true})"),
       "include", "include_usage = true"},
      {"padding is off", with(R"("stream_options":{"include_obfuscation":false})"), "no padding",
       "no padding = true"},
      {"null is absent", with(R"("stop":null,"tools":null,"n":null,"user":null)"), "stop", ""},
  };
  for (const Case& c : cases) {
    const auto request = codec().read_request(c.body, "", false);
    ASSERT_TRUE(request.has_value()) << c.rule << ": " << request.error().message;
    EXPECT_EQ(lines_about(test::describe(*request), c.about), c.want) << c.rule;
  }
}

TEST(ChatRequest, ReadsEachMessage) {
  struct Case {
    const char* rule;
    const char* messages;
    const char* want;
  };
  const Case cases[] = {
      {"results of one turn are one message",
       R"({"role":"tool","tool_call_id":"a","content":"1"},{"role":"tool","tool_call_id":"b","content":[{"type":"text","text":"2"}]})",
       "messages[0] = tool; messages[0].content[0] = tool_result; messages[0].content[0].id = "
       "\"a\"; "
       "messages[0].content[0].content[0] = text; messages[0].content[0].content[0].text = \"1\"; "
       "messages[0].content[1] = tool_result; messages[0].content[1].id = \"b\"; "
       "messages[0].content[1].content[0] = text; messages[0].content[1].content[0].text = \"2\""},
      {"an old call and its result are paired",
       R"({"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}},{"role":"function","name":"f","content":"1"})",
       "messages[0] = assistant; messages[0].content[0] = tool_call; messages[0].content[0].name = "
       "\"f\"; messages[0].content[0].id = \"call_function1\"; messages[0].content[0].arguments = "
       "\"{}\"; messages[1] = tool; messages[1].content[0] = tool_result; "
       "messages[1].content[0].name = \"f\"; messages[1].content[0].id = \"call_function1\"; "
       "messages[1].content[0].content[0] = text; messages[1].content[0].content[0].text = \"1\""},
      {"a data URL with escaped slashes",
       R"({"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image\/png;base64,AA\/=","detail":"low"}}]})",
       "messages[0] = user; messages[0].content[0] = image; messages[0].content[0].media = base64 "
       "\"image/png\" \"AA/=\"; messages[0].content[0].detail = \"low\""},
      {"a signature finds back to its house",
       R"({"role":"assistant","content":"b","reasoning_content":"a","reasoning_details":[{"type":"reasoning.text","text":"a","signature":"hf1:anthropic:rs:sig","index":0}]})",
       "messages[0] = assistant; messages[0].content[0] = thinking; messages[0].content[0].text = "
       "\"a\"; messages[0].content[0].signature.value = \"sig\"; "
       "messages[0].content[0].signature.house = \"anthropic\"; "
       "messages[0].content[0].signature.id = \"rs\"; messages[0].content[1] = text; "
       "messages[0].content[1].text = \"b\""},
      {"a call's signature, as Google's clients have it",
       R"({"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":""},"extra_content":{"google":{"thought_signature":"s"}}}]})",
       "messages[0] = assistant; messages[0].content[0] = tool_call; messages[0].content[0].name = "
       "\"f\"; messages[0].content[0].id = \"a\"; messages[0].content[0].signature.value = \"s\"; "
       "messages[0].content[0].signature.house = \"google\""},
      {"empty members of an echoed answer are nothing",
       R"({"role":"assistant","content":"a","refusal":null,"annotations":[],"audio":null,"function_call":null,"tool_calls":null})",
       "messages[0] = assistant; messages[0].content[0] = text; messages[0].content[0].text = "
       "\"a\""},
  };
  for (const Case& c : cases) {
    const std::string body = fmt::format(R"({{"model":"m","messages":[{}]}})", c.messages);
    const auto request = codec().read_request(body, "", false);
    ASSERT_TRUE(request.has_value()) << c.rule << ": " << request.error().message;
    EXPECT_EQ(lines_about(test::describe(*request), "messages"), c.want) << c.rule;
  }
}

TEST(ChatRequest, ThePathMayNameTheModel) {
  const auto request =
      codec().read_request(R"({"messages":[{"role":"user","content":"a"}]})", "deployment", true);
  ASSERT_TRUE(request.has_value());
  EXPECT_EQ(request->model, "deployment");
  EXPECT_TRUE(request->stream);
}

// --- to upstreams

struct Written {
  std::string body;
  std::string losses;  // "FIELD: REASON", "~FIELD ..." when harmless
};

Written write(const Deviations& deviations, std::string_view body, Dialect from = Dialect::openai,
              std::string_view house = "") {
  auto request = codec().read_request(body, "", false);
  EXPECT_TRUE(request.has_value()) << request.error().message;
  request->from = from;
  Abilities abilities;
  abilities.house = house;
  std::vector<Loss> losses;
  const auto wire = ChatCodec(deviations).write_request(*request, "theirs", abilities, losses);
  Written out{wire->body.joined(), {}};
  for (const Loss& loss : losses)
    out.losses += fmt::format("{}{}{}: {}", out.losses.empty() ? "" : "; ",
                              loss.harmless ? "~" : "", loss.field, loss.reason);
  return out;
}

TEST(ChatDeviations, WhatIsRefusedIsNamed) {
  struct Case {
    const char* rule;
    const Deviations& to;
    std::string body;
    const char* losses;
  };
  using namespace deviations;
  const Case cases[] = {
      {"OpenAI has no top-k", deviations::openai, with(R"("top_k":5)"),
       "top_k: OpenAI has no top_k"},
      {"Groq: one answer, no log-probabilities", groq,
       with(R"("n":2,"logprobs":true,"logit_bias":{"1":1})"),
       "n: Groq has no n; logprobs: Groq has no logprobs; logit_bias: Groq has no logit_bias"},
      {"Groq: defaults are dropped freely", groq, with(R"("n":1,"logprobs":false)"), ""},
      {"Groq: no names", groq,
       R"({"model":"m","messages":[{"role":"user","name":"bob","content":"a"}]})",
       "messages[0].name: Groq takes no names of speakers"},
      {"Ollama cannot be made to call", ollama,
       with(R"("tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"required")"),
       "tool_choice: Ollama cannot be made to call a tool"},
      {"Ollama takes images inline only", ollama,
       R"({"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":"https://x/y.png"}]}]})",
       "messages[0].content[0]: Ollama reads images only inline, not by URL"},
      {"DeepSeek keeps to no schema", deepseek,
       with(R"("response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{}}})"),
       "response_format: DeepSeek keeps to no schema"},
      {"Mistral is not so hot", mistral, with(R"("temperature":1.9)"),
       "temperature: Mistral takes 1.5 at most"},
      {"more stop strings than fit", xai, with(R"("stop":["1","2","3","4","5"])"),
       "stop: xAI takes 4 stop strings at most"},
      {"the user is only told where it is known", together, with(R"("user":"u")"),
       "~user: Together is not told of end users"},
      {"an effort is rounded, and said so", xai, with(R"("reasoning_effort":"medium")"),
       "~reasoning_effort: xAI was asked for low"},
      {"who cannot stop thinking", together, with(R"("reasoning_effort":"none")"),
       "reasoning_effort: Together always thinks"},
      {"vLLM's own fields go to vLLM", vllm, with(R"("min_p":0.1,"chat_template_kwargs":{})"), ""},
      {"a file of another's house", azure,
       R"({"model":"m","messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"f"}}]}]})",
       "messages[0].content[0]: Azure OpenAI cannot read a file of another house"},
      {"a custom tool", mistral, with(R"("tools":[{"type":"custom","custom":{}}])"),
       "tools[0]: Mistral has no such tool"},
  };
  for (const Case& c : cases) EXPECT_EQ(write(c.to, c.body).losses, c.losses) << c.rule;
}

TEST(ChatDeviations, WhatIsWrittenOtherwise) {
  struct Case {
    const char* rule;
    const Deviations& to;
    std::string body;
    const char* part;
  };
  using namespace deviations;
  const Case cases[] = {
      {"OpenAI's limit", deviations::openai, with(R"("max_tokens":5)"),
       R"("max_completion_tokens":5)"},
      {"Mistral's limit", mistral, with(R"("max_completion_tokens":5)"), R"("max_tokens":5)"},
      {"Mistral's seed", mistral, with(R"("seed":7)"), R"("random_seed":7)"},
      {"Mistral's must", mistral,
       with(R"("tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"required")"),
       R"("parameters":{"type":"object","properties":{}}}}],"tool_choice":"any")"},
      {"a subset is filtered where it cannot be said", groq,
       with(
           R"("tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}}],"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"g"}}]}})"),
       R"("tools":[{"type":"function","function":{"name":"g","parameters":{"type":"object","properties":{}}}}],"tool_choice":"required")"},
      {"nine letters and digits", mistral,
       R"({"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","tool_calls":[{"id":"call_x","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"call_x","content":"1"}]})",
       R"("tool_calls":[{"id":"wYoU06xyt",)"},
      {"the assistant says something between a result and a user", mistral,
       R"({"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","tool_calls":[{"id":"123456789","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"123456789","content":"1"},{"role":"user","content":"b"}]})",
       R"("content":"1"},{"role":"assistant","content":"OK."},{"role":"user","content":"b"}])"},
      {"Mistral is not asked for usage", mistral, with(R"("stream":true)"), R"("stream":true})"},
      {"others are, always", groq, with(R"("stream":true)"),
       R"("stream":true,"stream_options":{"include_usage":true})"},
      {"texts are joined where only strings are taken", deepseek,
       R"({"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]})",
       R"("content":"a\n\nb")"},
      {"DeepSeek gets its thoughts back within a loop", deepseek,
       R"({"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","reasoning_content":"t","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":"1"}]})",
       R"({"role":"assistant","reasoning_content":"t","content":null,"tool_calls")"},
      {"and not behind it", deepseek,
       R"({"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","reasoning_content":"t","content":"b"},{"role":"user","content":"c"}]})",
       R"({"role":"assistant","content":"b"})"},
      {"thinking is switched off", deepseek, with(R"("reasoning_effort":"none")"),
       R"("thinking":{"type":"disabled"})"},
      {"OpenRouter's reasoning", openrouter, with(R"("reasoning_effort":"high")"),
       R"("reasoning":{"effort":"high"})"},
      {"no padding is passed on", deviations::openai,
       with(R"("stream":true,"stream_options":{"include_obfuscation":false})"),
       R"("stream_options":{"include_usage":true,"include_obfuscation":false})"},
  };
  for (const Case& c : cases) {
    const Written written = write(c.to, c.body);
    EXPECT_NE(written.body.find(c.part), std::string::npos) << c.rule << "\n" << written.body;
  }
}

TEST(ChatDeviations, OfForeignClients) {
  const std::string begun =
      R"({"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]})";
  struct Case {
    const char* rule;
    const Deviations& to;
    const char* losses;
    const char* part;
  };
  using namespace deviations;
  const Case cases[] = {
      {"OpenAI answers anew", deviations::openai,
       "messages[1]: OpenAI does not go on with an answer that the client has begun", ""},
      {"Mistral goes on", mistral, "", R"("content":"b","prefix":true})"},
      {"vLLM goes on", vllm, "", R"("continue_final_message":true)"},
  };
  for (const Case& c : cases) {
    const Written written = write(c.to, begun, Dialect::anthropic);
    EXPECT_EQ(written.losses, c.losses) << c.rule;
    EXPECT_NE(written.body.find(c.part), std::string::npos) << c.rule << "\n" << written.body;
  }
  EXPECT_EQ(write(deviations::openai, begun).losses, "") << "to OpenAI's own clients it is history";
  EXPECT_EQ(write(groq, with(R"("stop":["1","2","3","4","5"])"), Dialect::gemini).losses,
            "generationConfig.stopSequences: Groq takes 4 stop strings at most");
}

TEST(ChatDeviations, ToolResultsBeyondText) {
  Request request;
  request.from = Dialect::anthropic;
  request.messages.resize(2);
  request.messages[0].content.emplace_back().text = "go";
  request.messages[1].role = Role::tool;
  Block& result = request.messages[1].content.emplace_back();
  result.kind = BlockKind::tool_result;
  result.id = "t1";
  result.is_error = true;
  result.content.emplace_back().text = "failed";
  Block& image = result.content.emplace_back();
  image.kind = BlockKind::image;
  image.media = {Media::From::base64, "AAAA", "image/png"};
  std::vector<Loss> losses;
  const auto wire = codec().write_request(request, "m", {}, losses);
  EXPECT_EQ(
      wire->body.joined(),
      R"({"model":"m","messages":[{"role":"user","content":"go"},{"role":"tool","tool_call_id":"t1","content":"Error: failed"},{"role":"user","content":[{"type":"text","text":"Media of the tool results above:"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}]})");
  ASSERT_EQ(losses.size(), 2U);
  EXPECT_EQ(losses[0].field, "messages[1].content[0].is_error");
  EXPECT_TRUE(losses[0].harmless);
  EXPECT_TRUE(losses[1].harmless);
}

TEST(ChatDeviations, SignaturesGoOnlyToTheirHouse) {
  const std::string body =
      R"({"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","reasoning_details":[{"type":"reasoning.text","text":"t","signature":"hf1:anthropic::sig"}]},{"role":"user","content":"c"}]})";
  const Written home = write(deviations::openrouter, body, Dialect::openai, "anthropic");
  EXPECT_NE(home.body.find(R"("signature":"sig")"), std::string::npos) << home.body;
  EXPECT_EQ(home.losses, "");
  const Written abroad = write(deviations::openrouter, body, Dialect::openai, "google");
  EXPECT_EQ(abroad.body.find("sig\""), std::string::npos) << abroad.body;
  EXPECT_EQ(abroad.losses,
            "~messages[1].content[0].signature: OpenRouter cannot read this signature");
  EXPECT_EQ(write(deviations::openai, body).losses,
            "~messages[1].content[0]: OpenAI does not take this thought back");
}

TEST(ChatDeviations, LargeMediaAreNotCopied) {
  const std::string data(100'000, 'A');
  const std::string body = fmt::format(
      R"({{"model":"m","messages":[{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{}"}}}}]}}]}})",
      data);
  const auto request = codec().read_request(body, "", false);
  ASSERT_TRUE(request.has_value());
  std::vector<Loss> losses;
  auto wire = codec().write_request(*request, "m", {}, losses);
  EXPECT_GT(wire->body.size(), data.size());
  EXPECT_LT(wire->body.own().size(), 200U);
}

TEST(ChatDeviations, EveryTableHasItsName) {
  for (const Deviations* table : deviations::all()) {
    EXPECT_FALSE(table->name.empty());
    EXPECT_EQ(deviations::find(table->id), table);
    EXPECT_FALSE(table->max_tokens.empty()) << table->id;
    EXPECT_TRUE(std::is_sorted(table->efforts.begin(), table->efforts.end())) << table->id;
  }
  EXPECT_EQ(deviations::find("nobody"), nullptr);
}

}  // namespace
}  // namespace holdfast::dialect::openai

// Requests, from clients and to upstreams.
#include <gtest/gtest.h>

#include "dialect/openai_responses/codec.h"
#include "dialect/random_request.h"
#include "dialect/test_support.h"

namespace holdfast::dialect::openai_responses {
namespace {

Abilities openai() {
  Abilities out;
  out.house = "openai";
  return out;
}

std::string said(const std::expected<Request, RequestProblem>& request) {
  return request ? test::describe(*request) : "refused: " + request.error().message;
}

struct Written {
  std::string body;
  std::vector<Loss> losses;
  std::string lost() const {
    std::string out;
    for (const Loss& loss : losses)
      out += fmt::format("{}{}\n", loss.field, loss.harmless ? " (harmless)" : "");
    return out;
  }
};
Written write(const Request& request, const Abilities& abilities = openai()) {
  Written out;
  const auto wire = codec().write_request(request, "gpt-x", abilities, out.losses);
  EXPECT_TRUE(wire);
  EXPECT_EQ(wire->path, "/responses");
  out.body = wire->body.joined();
  JsonDocument document;
  EXPECT_TRUE(document.parse(out.body)) << out.body;
  return out;
}

TEST(ResponsesRequest, IsReadAsMessages) {
  struct Case {
    const char* rule;
    const char* members;  // beside model
    const char* want;     // without the two first lines
  };
  const Case cases[] = {
      {"a text is a user's message", R"("input":"hi")",
       "messages[0] = user\nmessages[0].content[0] = text\nmessages[0].content[0].text = \"hi\"\n"},
      {"instructions and leading developer messages are the system's",
       R"("instructions":"a","input":[{"role":"developer","content":"b"},)"
       R"({"role":"user","content":"hi"},{"role":"system","content":"c"}])",
       "system[0] = text\nsystem[0].text = \"a\"\nsystem[1] = text\nsystem[1].text = \"b\"\n"
       "messages[0] = user\nmessages[0].content[0] = text\nmessages[0].content[0].text = \"hi\"\n"
       "messages[1] = system\nmessages[1].content[0] = text\nmessages[1].content[0].text = "
       "\"c\"\n"},
      {"an answer's items are one message; call_id pairs, never id",
       R"("input":[{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"x"},)"
       R"({"type":"summary_text","text":"y"}],"encrypted_content":"ENC"},{"type":"message","id":)"
       R"("msg_1","status":"completed","role":"assistant","content":[{"type":"output_text",)"
       R"("text":"t","annotations":[],"logprobs":[]}]},{"type":"function_call","id":"fc_1",)"
       R"("call_id":"call_1","name":"f","arguments":"{}","status":"completed"},)"
       R"({"type":"function_call_output","call_id":"call_1","output":"42"}])",
       "messages[0] = assistant\nmessages[0].content[0] = thinking\n"
       "messages[0].content[0].text = \"x\\n\\ny\"\n"
       "messages[0].content[0].signature.value = \"ENC\"\n"
       "messages[0].content[0].signature.id = \"rs_1\"\n"
       "messages[0].content[1] = text\nmessages[0].content[1].text = \"t\"\n"
       "messages[0].content[2] = tool_call\nmessages[0].content[2].name = \"f\"\n"
       "messages[0].content[2].id = \"call_1\"\nmessages[0].content[2].arguments = \"{}\"\n"
       "messages[1] = tool\nmessages[1].content[0] = tool_result\n"
       "messages[1].content[0].id = \"call_1\"\nmessages[1].content[0].content[0] = text\n"
       "messages[1].content[0].content[0].text = \"42\"\n"},
      {"images and files by data URL, link and id",
       R"("input":[{"role":"user","content":[{"type":"input_image","image_url":)"
       R"("data:image\/png;base64,AAAA","detail":"low"},{"type":"input_image","detail":"auto",)"
       R"("image_url":"https://x/y"},{"type":"input_file","file_id":"file-1"},)"
       R"({"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,BBBB",)"
       R"("prompt_cache_breakpoint":{"mode":"explicit","ttl":"12h"}}]}])",
       "messages[0] = user\nmessages[0].content[0] = image\n"
       "messages[0].content[0].media = base64 \"image/png\" \"AAAA\"\n"
       "messages[0].content[0].detail = \"low\"\n"
       "messages[0].content[1] = image\nmessages[0].content[1].media = url \"\" \"https://x/y\"\n"
       "messages[0].content[2] = document\n"
       "messages[0].content[2].media = file_id \"\" \"file-1\"\n"
       "messages[0].content[3] = document\n"
       "messages[0].content[3].media = base64 \"application/pdf\" \"BBBB\"\n"
       "messages[0].content[3].name = \"a.pdf\"\nmessages[0].content[3].cache_ttl = \"12h\"\n"},
      {"another house's thought is unwrapped, a redacted one known as such",
       R"("input":[{"type":"reasoning","id":"rs_9","summary":[],"encrypted_content":)"
       R"("hf1:anthropic::SIG"},{"type":"reasoning","id":"rs_8","summary":[],)"
       R"("encrypted_content":"hf1:anthropic:redacted:DATA"}])",
       "messages[0] = assistant\nmessages[0].content[0] = thinking\n"
       "messages[0].content[0].signature.value = \"SIG\"\n"
       "messages[0].content[0].signature.house = \"anthropic\"\n"
       "messages[0].content[1] = redacted_thinking\n"
       "messages[0].content[1].signature.value = \"DATA\"\n"
       "messages[0].content[1].signature.house = \"anthropic\"\n"},
      {"what nothing stands for is kept whole",
       R"("input":[{"type":"web_search_call","id":"ws_1"},{"type":"function_call","call_id":"c",)"
       R"("name":"f","arguments":"","async":true},{"role":"user","content":[{"type":"x"}]}])",
       "messages[0] = assistant\nmessages[0].content[0] = native\n"
       "messages[0].content[0].extra = openai_responses: input[0] "
       "{\"type\":\"web_search_call\",\"id\":\"ws_1\"}\n"
       "messages[0].content[1] = native\nmessages[0].content[1].extra = openai_responses: "
       "input[1].async {\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\","
       "\"arguments\":\"\",\"async\":true}\n"
       "messages[1] = user\nmessages[1].content[0] = native\n"
       "messages[1].content[0].extra = openai_responses: input[2].content[0] {\"type\":\"x\"}\n"},
  };
  for (const Case& c : cases) {
    const std::string body = fmt::format(R"({{"model":"m",{}}})", c.members);
    EXPECT_EQ(said(codec().read_request(body, {}, false)),
              "from = openai_responses\nmodel = \"m\"\n" + std::string(c.want))
        << c.rule;
  }
}

TEST(ResponsesRequest, MembersAreReadOrKept) {
  struct Case {
    const char* rule;
    const char* members;
    const char* want;
  };
  const Case cases[] = {
      {"parameters",
       R"("max_output_tokens":50,"temperature":0.70,"top_p":1,"parallel_tool_calls":false,)"
       R"("include":["message.output_text.logprobs"],"top_logprobs":3,"stream":true,)"
       R"("stream_options":{"include_obfuscation":false},"metadata":{"a":"1"},"user":"u")",
       "stream = true\nparallel_tools = false\nmax_tokens = 50\ntemperature = 0.70\ntop_p = 1\n"
       "logprobs = true\ntop_logprobs = 3\nuser = \"u\"\nmetadata = {\"a\":\"1\"}\n"
       "no padding = true\n"},
      {"reasoning and text",
       R"("reasoning":{"effort":"high","summary":"auto","mode":"deep"},"text":{"verbosity":"low",)"
       R"("format":{"type":"json_schema","name":"n","schema":{"z":1,"a":2},"strict":true}})",
       "format = json_schema\nformat.name = \"n\"\nformat.schema = {\"z\":1,\"a\":2}\n"
       "format.strict = true\nreasoning.effort = high\nreasoning.show = true\n"
       "reasoning.summary = \"auto\"\nverbosity = \"low\"\n"
       "extras[0] = openai_responses: reasoning.mode \"deep\"\n"},
      {"tools are flat; hosted ones are kept",
       R"("tools":[{"type":"function","name":"f","parameters":{"type":"object"},"strict":null},)"
       R"({"type":"web_search"}],"tool_choice":{"type":"allowed_tools","mode":"required",)"
       R"("tools":[{"type":"function","name":"f"}]})",
       "tools[0] = \"f\"\ntools[0].schema = {\"type\":\"object\"}\ntools[1] = \"\"\n"
       "tools[1].native = openai_responses: tools[1] {\"type\":\"web_search\"}\n"
       "tool_choice = required\ntool_choice.allowed = \"f\"\n"},
      {"state is kept, and refused elsewhere; store:false and defaults are nothing",
       R"("previous_response_id":"resp_1","background":false,"truncation":"disabled",)"
       R"("store":false,"conversation":null)",
       "extras[0] = openai_responses: previous_response_id \"resp_1\"\n"},
      {"what costs nothing but money or speed is harmless",
       R"("store":true,"prompt_cache_key":"k","truncation":"auto","moderation":{}, )"
       R"("include":["reasoning.encrypted_content"])",
       "extras[0] = openai_responses: include [\"reasoning.encrypted_content\"] (harmless)\n"
       "extras[1] = openai_responses: truncation \"auto\" (harmless)\n"
       "extras[2] = openai_responses: store true\n"
       "extras[3] = openai_responses: prompt_cache_key \"k\" (harmless)\n"
       "extras[4] = openai_responses: moderation {}\n"},
      {"a phase is carried by its texts",
       R"("input":[{"role":"assistant","phase":"commentary","content":"a"}])",
       "messages[0] = assistant\nmessages[0].content[0] = text\n"
       "messages[0].content[0].text = \"a\"\n"
       "extras[0] = openai_responses: input[0].phase \"commentary\" (harmless)\n"},
  };
  for (const Case& c : cases) {
    const std::string members = c.members;
    const bool own_input = members.find("\"input\":") != members.npos;
    const std::string body =
        fmt::format(R"({{"model":"m",{}{}}})", own_input ? "" : R"("input":[],)", members);
    EXPECT_EQ(said(codec().read_request(body, {}, false)),
              "from = openai_responses\nmodel = \"m\"\n" + std::string(c.want))
        << c.rule;
  }
}

TEST(ResponsesRequest, ProblemsNameTheField) {
  struct Case {
    const char* rule;
    const char* body;
    const char* param;
    const char* code;
  };
  const Case cases[] = {
      {"not JSON", "{", "", "invalid_json"},
      {"no model", R"({"input":"x"})", "model", "missing_required_parameter"},
      {"no input", R"({"model":"m"})", "input", "missing_required_parameter"},
      {"a wrong type", R"({"model":"m","input":5})", "input", "invalid_type"},
      {"given twice", R"({"model":"m","input":"x","temperature":1,"temperature":1})", "temperature",
       "duplicate_field"},
      {"unknown, and given twice", R"({"model":"m","input":"x","a":1,"\u0061":2})", "a",
       "duplicate_field"},
      {"a name that would be a path", R"({"model":"m","input":"x","reasoning.mode":"x"})",
       "reasoning.mode", "unknown_parameter"},
      {"out of range", R"({"model":"m","input":"x","temperature":3})", "temperature",
       "invalid_value"},
      {"an output without its call's id",
       R"({"model":"m","input":[{"type":"function_call_output","output":"x"}]})",
       "input[0].call_id", "missing_required_parameter"},
      {"an image without data",
       R"({"model":"m","input":[{"role":"user","content":[{"type":"input_image"}]}]})",
       "input[0].content[0].type", "missing_required_parameter"},
      {"a role that is none", R"({"model":"m","input":[{"role":"tool","content":"x"}]})",
       "input[0].role", "invalid_value"},
      {"an effort that is none", R"({"model":"m","input":"x","reasoning":{"effort":"huge"}})",
       "reasoning.effort", "invalid_value"},
  };
  for (const Case& c : cases) {
    const auto request = codec().read_request(c.body, {}, false);
    ASSERT_FALSE(request) << c.rule;
    EXPECT_EQ(request.error().param, c.param) << c.rule;
    EXPECT_EQ(request.error().code, c.code) << c.rule;
  }
}

TEST(ResponsesRequest, StateIsReadForTheGatewayAndCanBeForgotten) {
  const std::string body =
      R"({"model":"m","input":"x","previous_response_id":"resp_1","conversation":{"id":"conv_1"},)"
      R"("store":true,"background":true,"prompt_cache_key":"k"})";
  JsonDocument document;
  ASSERT_TRUE(document.parse(body));
  const StateFields state = read_state(document.root());
  EXPECT_EQ(state.previous_response_id, "resp_1");
  EXPECT_EQ(state.conversation, "conv_1");
  EXPECT_EQ(state.store, true);
  EXPECT_TRUE(state.background);
  auto request = codec().read_request(body, {}, false);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->extras.size(), 5);
  for (const char* name : {"previous_response_id", "conversation", "store", "background"})
    forget_state(*request, name);
  ASSERT_EQ(request->extras.size(), 1);
  EXPECT_EQ(request->extras[0].name, "prompt_cache_key");
}

TEST(ResponsesRequest, GoesOnFromStoredItems) {
  JsonDocument input, output;
  ASSERT_TRUE(input.parse(R"("first question")"));
  ASSERT_TRUE(output.parse(
      R"([{"type":"message","id":"msg_1","role":"assistant","status":"completed","content":)"
      R"([{"type":"output_text","text":"first answer","annotations":[]}]}])"));
  const JsonValue history[] = {input.root(), output.root()};
  const std::string body = R"({"model":"m","instructions":"s","input":"second question"})";
  const auto request = read_request(body, history);
  ASSERT_TRUE(request);
  ASSERT_EQ(request->messages.size(), 3);
  EXPECT_EQ(request->messages[0].content[0].text, "first question");
  EXPECT_EQ(request->messages[1].role, Role::assistant);
  EXPECT_EQ(request->messages[2].content[0].text, "second question");
  EXPECT_EQ(request->system[0].text, "s");
  Arena arena;
  const auto messages = messages_of(output.root(), arena);
  ASSERT_TRUE(messages);
  ASSERT_EQ(messages->size(), 1);
  EXPECT_EQ(messages->front().content[0].text, "first answer");
}

TEST(ResponsesRequest, WrittenAndReadAgainItIsTheSame) {
  test::Vocabulary words;
  words.dialect = Dialect::openai_responses;
  words.names = false;
  words.image_detail = false;  // "auto" is what is not said
  words.document_text = false;
  words.document_needs_name = true;
  words.video = false;
  words.result_names = words.result_errors = false;
  words.cache_ttls = {};
  words.top_k = words.penalties = words.n = words.seed = false;
  words.stops = 0;
  words.format_name_needed = true;
  words.budget = words.adaptive = words.show = words.off = false;
  words.include_usage = false;
  words.cited_history = {Citation::Source::url};
  words.cited_texts = false;
  words.extras = {{"reasoning.mode", R"("deep")"},
                  {"truncation", R"("auto")", true},
                  {"store", "true"},
                  {"prompt_cache_key", R"("k")", true}};
  std::mt19937_64 random(20261122);
  for (int i = 0; i < 200; ++i) {
    Request request = test::any_request(random, words);
    if (!request.reasoning.summary.empty()) request.reasoning.show = true;
    if (request.max_tokens) request.max_tokens = *request.max_tokens + 16;
    for (Message& message : request.messages)
      for (Block& block : message.content)
        if (block.kind == BlockKind::thinking) block.signature.value = "ENC";
    const std::string before = test::describe(request);
    const Written written = write(request);
    EXPECT_EQ(written.lost(), "");
    auto again = codec().read_request(written.body, {}, false);
    ASSERT_TRUE(again) << again.error().message << "\n" << written.body;
    again->model = request.model;
    ASSERT_EQ(test::describe(*again), before) << written.body;
    ASSERT_EQ(write(*again).body, written.body);
  }
}

TEST(ResponsesRequest, CacheMarksGoWithPartsToOpenAi) {
  const std::string body =
      R"({"model":"m","input":[{"role":"system","content":[{"type":"input_text","text":"s",)"
      R"("prompt_cache_breakpoint":{"mode":"explicit"}}]},{"type":"function_call_output",)"
      R"("call_id":"c","output":[{"type":"input_text","text":"r","prompt_cache_breakpoint":)"
      R"({"mode":"explicit","ttl":"12h"}}]}]})";
  const auto request = codec().read_request(body, {}, false);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->system[0].cache_ttl, "30m");
  EXPECT_EQ(request->messages[0].content[0].cache_ttl, "12h");
  const Written written = write(*request);
  const auto again = codec().read_request(written.body, {}, false);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->system[0].cache_ttl, "30m");
  EXPECT_EQ(again->messages[0].content[0].cache_ttl, "12h");
  Abilities other;
  other.house = "meta";
  const Written unmarked = write(*request, other);
  EXPECT_EQ(unmarked.body.find("prompt_cache_breakpoint"), std::string::npos);
  EXPECT_EQ(unmarked.lost(),
            "system[0].cache_control (harmless)\n"
            "input[0].content[0].content[0].cache_control (harmless)\n");
}

TEST(ResponsesRequest, ItsOwnWordsGoBackAsTheyCame) {
  const std::string body =
      R"({"model":"m","input":[{"type":"web_search_call","id":"ws_1"},{"role":"assistant",)"
      R"("phase":"commentary","content":"a"},{"role":"assistant","phase":"final_answer",)"
      R"("content":"b"},{"role":"user","content":[{"type":"x","n":1.0}]}],"tools":[{"type":)"
      R"("web_search"}],"tool_choice":{"type":"web_search"},"include":)"
      R"(["reasoning.encrypted_content"],"text":{"new":{"a":1}},"moderation":{"b":1.0},)"
      R"("a\":1,\"b":5})";
  const auto request = codec().read_request(body, {}, false);
  ASSERT_TRUE(request);
  const Written written = write(*request);
  EXPECT_EQ(written.lost(), "");
  for (const char* part :
       {R"({"type":"web_search_call","id":"ws_1"})", R"("phase":"commentary","content":"a")",
        R"("phase":"final_answer","content":"b")", R"("content":[{"type":"x","n":1.0}])",
        R"("tools":[{"type":"web_search"}])", R"("tool_choice":{"type":"web_search"})",
        R"("include":["reasoning.encrypted_content"])", R"("text":{"new":{"a":1}})",
        R"("moderation":{"b":1.0})", R"("a\":1,\"b":5)", R"("store":false)"})
    EXPECT_NE(written.body.find(part), std::string::npos) << part << "\n" << written.body;
}

TEST(ResponsesRequest, WhatItCannotSayIsNamedInTheClientsWords) {
  struct Case {
    const char* rule;
    void (*set)(Request&);
    const char* lost;
  };
  const Case cases[] = {
      {"stop strings", [](Request& r) { r.stop = {"x"}; }, "stop_sequences\n"},
      {"several answers", [](Request& r) { r.n = 2; }, "n\n"},
      {"one answer is no loss", [](Request& r) { r.n = 1; }, ""},
      {"top_k", [](Request& r) { r.top_k = 5; }, "top_k\n"},
      {"seed", [](Request& r) { r.seed = Number{"1", 1}; }, "seed\n"},
      {"a penalty of nothing is no loss",
       [](Request& r) { r.frequency_penalty = Number{"0.0", 0}; }, ""},
      {"penalties", [](Request& r) { r.presence_penalty = Number{"0.5", 0.5}; },
       "presence_penalty\n"},
      {"fewer tokens than OpenAI's least", [](Request& r) { r.max_tokens = 3; }, "max_tokens\n"},
      {"a budget is said as an effort", [](Request& r) { r.reasoning.budget_tokens = 9000; },
       "thinking.budget_tokens (harmless)\n"},
      {"names of speakers", [](Request& r) { r.messages[0].name = "bob"; }, "messages[0].name\n"},
      {"video", [](Request& r) { r.messages[0].content.emplace_back().kind = BlockKind::video; },
       "messages[0].content[1]\n"},
      {"audio", [](Request& r) { r.messages[0].content.emplace_back().kind = BlockKind::audio; },
       "messages[0].content[1]\n"},
      {"another house's files",
       [](Request& r) {
         Block& block = r.messages[0].content.emplace_back();
         block.kind = BlockKind::document;
         block.media = {Media::From::file_id, "file_1", {}};
       },
       "messages[0].content[1].file_id\n"},
      {"another house's thoughts",
       [](Request& r) {
         Message& message = r.messages.emplace_back();
         message.role = Role::assistant;
         Block& block = message.content.emplace_back();
         block.kind = BlockKind::thinking;
         block.signature.value = "SIG";
       },
       "messages[1].content[0].signature (harmless)\n"},
      {"thoughts without a state",
       [](Request& r) {
         Message& message = r.messages.emplace_back();
         message.role = Role::assistant;
         Block& block = message.content.emplace_back();
         block.kind = BlockKind::thinking;
         block.text = "hm";
       },
       "messages[1].content[0] (harmless)\n"},
      {"a result's failure is said in its text",
       [](Request& r) {
         Message& message = r.messages.emplace_back();
         message.role = Role::tool;
         Block& block = message.content.emplace_back();
         block.kind = BlockKind::tool_result;
         block.id = "c";
         block.is_error = true;
       },
       "messages[1].content[0].is_error (harmless)\n"},
      {"a last word to go on from",
       [](Request& r) {
         Message& message = r.messages.emplace_back();
         message.role = Role::assistant;
         message.content.emplace_back().text = "So";
       },
       "messages[1]\n"},
      {"a foreign extra, harmless or not",
       [](Request& r) {
         r.extras = {{Dialect::anthropic, "inference_geo", "\"eu\"", false},
                     {Dialect::anthropic, "speed", "\"fast\"", true}};
       },
       "inference_geo\nspeed (harmless)\n"},
      {"a foreign tool",
       [](Request& r) {
         r.tools.emplace_back().native = Extra{Dialect::anthropic, "tools[0]", "{}", false};
       },
       "tools[0]\n"},
      {"a name with a dot", [](Request& r) { r.tools.emplace_back().name = "a.b"; },
       "tools[0].name\n"},
  };
  for (const Case& c : cases) {
    Request request;
    request.from = Dialect::anthropic;
    request.model = "m";
    request.messages.emplace_back().content.emplace_back().text = "hi";
    c.set(request);
    EXPECT_EQ(write(request).lost(), c.lost) << c.rule;
  }
}

TEST(ResponsesRequest, AForeignRequestIsSaidInFull) {
  Request request;
  request.from = Dialect::anthropic;
  request.system.emplace_back().text = "a";
  request.system.emplace_back().text = "b";
  Message& user = request.messages.emplace_back();
  user.content.emplace_back().text = "hi";
  Message& assistant = request.messages.emplace_back();
  assistant.role = Role::assistant;
  Block& call = assistant.content.emplace_back();
  call.kind = BlockKind::tool_call;
  call.name = "f";
  const std::string long_id(70, 'i');
  call.id = long_id;
  call.arguments = R"({"b":1.0,"a":9007199254740993})";
  Message& results = request.messages.emplace_back();
  results.role = Role::tool;
  Block& result = results.content.emplace_back();
  result.kind = BlockKind::tool_result;
  result.id = long_id;
  result.content.emplace_back().text = "42";
  request.tools.emplace_back().name = "f";
  request.tool_choice = {ToolChoice::Mode::named, "f", {}};
  request.reasoning.budget_tokens = 1024;
  request.reasoning.show = true;
  request.user = "u";
  EXPECT_EQ(
      write(request).body,
      R"({"model":"gpt-x","input":[{"type":"message","role":"system","content":[{"type":)"
      R"("input_text","text":"a"},{"type":"input_text","text":"b"}]},{"type":"message","role":)"
      R"("user","content":"hi"},{"type":"function_call","call_id":)"
      R"("call_db0b0a3fda499eeb119b4407f158ad9b","name":"f","arguments":)"
      R"("{\"b\":1.0,\"a\":9007199254740993}"},{"type":"function_call_output","call_id":)"
      R"("call_db0b0a3fda499eeb119b4407f158ad9b","output":"42"}],"tools":[{"type":"function",)"
      R"("name":"f","parameters":{"type":"object","properties":{}},"strict":false}],)"
      R"("tool_choice":{"type":"function","name":"f"},"reasoning":{"effort":"low","summary":)"
      R"("auto"},"include":["reasoning.encrypted_content"],"safety_identifier":"u",)"
      R"("store":false})");
}

TEST(ResponsesRequest, ALargeImageIsNotCopied) {
  const std::string data(1'000'000, 'A');
  const std::string body = fmt::format(
      R"({{"model":"m","input":[{{"role":"user","content":[{{"type":"input_image","image_url":)"
      R"("data:image/png;base64,{}"}}]}}]}})",
      data);
  const auto request = codec().read_request(body, {}, false);
  ASSERT_TRUE(request);
  std::vector<Loss> losses;
  auto wire = codec().write_request(*request, "m", openai(), losses);
  ASSERT_TRUE(wire);
  EXPECT_LT(wire->body.own().size(), 1000);
  EXPECT_GT(wire->body.size(), data.size());
}

}  // namespace
}  // namespace holdfast::dialect::openai_responses

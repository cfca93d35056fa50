// Chat, as upstreams speak it.
#include <gtest/gtest.h>

#include "dialect/cohere/codec.h"
#include "dialect/json_document.h"
#include "dialect/test_support.h"

namespace holdfast::dialect::cohere {
namespace {

Block text(std::string_view said) {
  Block out;
  out.text = said;
  return out;
}

Request asked() {
  Request out;
  out.model = "m";
  out.messages.push_back({Role::user, {}, {text("hi")}});
  return out;
}

struct Written {
  std::string body, lost;
};
Written write(const Request& request, const Abilities& abilities = {}) {
  Written out;
  std::vector<Loss> losses;
  const auto wire = codec().write_request(request, "command", abilities, losses);
  EXPECT_TRUE(wire);
  EXPECT_EQ(wire->path, "/chat");
  out.body = wire->body.joined();
  for (const Loss& loss : losses)
    out.lost += fmt::format("{}{}\n", loss.field, loss.harmless ? " (harmless)" : "");
  JsonDocument document;
  EXPECT_TRUE(document.parse(out.body)) << out.body;
  return out;
}

TEST(CohereRequest, SaysAWholeConversation) {
  Request request = asked();
  request.stream = true;
  request.system = {text("s")};
  request.messages[0].content.emplace_back().kind = BlockKind::image;
  request.messages[0].content.back().media = {Media::From::base64, "AAAA", "image/png"};
  Message& assistant = request.messages.emplace_back();
  assistant.role = Role::assistant;
  Block thought = text("hm");
  thought.kind = BlockKind::thinking;
  Block call;
  call.kind = BlockKind::tool_call;
  call.id = "c1";
  call.name = "f";
  call.arguments = R"({"b":1.0,"a":9007199254740993})";
  Block bare = call;
  bare.id = "c2";
  bare.arguments = {};
  assistant.content = {thought, text("I look."), call, bare};
  Block first;
  first.kind = BlockKind::tool_result;
  first.id = "c1";
  first.content = {text("42")};
  Block second = first;
  second.id = "c2";
  second.content = {text("x"), text("y")};
  request.messages.push_back({Role::tool, {}, {first, second}});
  request.tools.emplace_back().name = "f";
  request.tools.back().strict = true;
  EXPECT_EQ(
      write(request).body,
      R"({"model":"command","messages":[{"role":"system","content":"s"},{"role":"user","content":)"
      R"([{"type":"text","text":"hi"},{"type":"image_url","image_url":{"url":)"
      R"("data:image/png;base64,AAAA"}}]},{"role":"assistant","content":[{"type":"thinking",)"
      R"("thinking":"hm"}],"tool_plan":"I look.","tool_calls":[{"id":"c1","type":"function",)"
      R"("function":{"name":"f","arguments":"{\"b\":1.0,\"a\":9007199254740993}"}},{"id":"c2",)"
      R"("type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool",)"
      R"("tool_call_id":"c1","content":"42"},{"role":"tool","tool_call_id":"c2","content":)"
      R"([{"type":"text","text":"x"},{"type":"text","text":"y"}]}],"stream":true,"tools":)"
      R"([{"type":"function","function":{"name":"f","parameters":{"type":"object",)"
      R"("properties":{}}}}],"strict_tools":true})");
  EXPECT_EQ(write(request).lost, "");
}

TEST(CohereRequest, ParametersAreSaidOrNamed) {
  struct Case {
    const char* rule;
    void (*set)(Request&);
    const char* members;  // behind the messages
    const char* lost;
  };
  const Case cases[] = {
      {"in range, as spelled",
       [](Request& r) {
         r.max_tokens = 9;
         r.temperature = Number{"0.70", 0.7};
         r.top_p = Number{"0.50", 0.5};
         r.top_k = 40;
         r.frequency_penalty = Number{"1e-1", 0.1};
         r.seed = Number{"42", 42};
         r.stop = {"a"};
       },
       R"(,"max_tokens":9,"temperature":0.70,"p":0.50,"k":40,"frequency_penalty":1e-1,"seed":42,)"
       R"("stop_sequences":["a"])",
       ""},
      {"out of range",
       [](Request& r) {
         r.temperature = Number{"1.5", 1.5};
         r.top_k = 501;
         r.presence_penalty = Number{"-1", -1};
         r.seed = Number{"-3", -3};
       },
       "", "temperature\ntop_k\npresence_penalty\nseed\n"},
      {"no nucleus is said as nearly none", [](Request& r) { r.top_p = Number{"1.0", 1}; },
       R"(,"p":0.99)", "top_p (harmless)\n"},
      {"five stop strings", [](Request& r) { r.stop = {"1", "2", "3", "4", "5", "6"}; },
       R"(,"stop_sequences":["1","2","3","4","5"])", "stop\n"},
      {"a schema",
       [](Request& r) {
         r.format.kind = Format::Kind::json_schema;
         r.format.schema = R"({"type":"object"})";
       },
       R"(,"response_format":{"type":"json_object","json_schema":{"type":"object"}})", ""},
      {"an effort is a budget", [](Request& r) { r.reasoning.effort = Effort::medium; },
       R"(,"thinking":{"type":"enabled","token_budget":8192})", "reasoning_effort (harmless)\n"},
      {"a budget", [](Request& r) { r.reasoning.budget_tokens = 2000; },
       R"(,"thinking":{"type":"enabled","token_budget":2000})", ""},
      {"no thinking", [](Request& r) { r.reasoning.off = true; },
       R"(,"thinking":{"type":"disabled"})", ""},
      {"what there is none of",
       [](Request& r) {
         r.n = 2;
         r.logprobs = true;
         r.top_logprobs = 3;
         r.verbosity = "low";
         r.user = "u";
         r.metadata = "{}";
         r.service_tier = "flex";
         r.parallel_tools = false;
         r.extras = {{Dialect::openai, "logit_bias", "{}", false},
                     {Dialect::cohere, "safety_mode", "\"STRICT\"", false}};
       },
       R"(,"logprobs":true,"safety_mode":"STRICT")",
       "parallel_tool_calls\nlogit_bias\nn\ntop_logprobs\nverbosity\nuser (harmless)\n"
       "metadata (harmless)\nservice_tier (harmless)\n"},
      {"named: the only tool that is offered",
       [](Request& r) {
         r.tools.emplace_back().name = "f";
         r.tools.emplace_back().name = "g";
         r.tool_choice = {ToolChoice::Mode::named, "g", {}};
       },
       R"(,"tools":[{"type":"function","function":{"name":"g","parameters":{"type":"object",)"
       R"("properties":{}}}}],"tool_choice":"REQUIRED")",
       ""},
      {"strict with some",
       [](Request& r) {
         r.tools.emplace_back().name = "f";
         r.tools.emplace_back().name = "g";
         r.tools.back().strict = true;
         r.tool_choice = {ToolChoice::Mode::none, {}, {"g", "f"}};
       },
       R"(,"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object",)"
       R"("properties":{}}}},{"type":"function","function":{"name":"g","parameters":{"type":)"
       R"("object","properties":{}}}}],"tool_choice":"NONE")",
       "tools.strict\n"},
      {"a hosted tool",
       [](Request& r) {
         r.tools.emplace_back().native = Extra{Dialect::openai, "tools[0]", "{}", false};
       },
       "", "tools[0]\n"},
  };
  for (const Case& c : cases) {
    Request request = asked();
    c.set(request);
    const Written written = write(request);
    EXPECT_EQ(written.body, R"({"model":"command","messages":[{"role":"user","content":"hi"}])" +
                                std::string(c.members) + "}")
        << c.rule;
    EXPECT_EQ(written.lost, c.lost) << c.rule;
  }
}

TEST(CohereRequest, ContentThatItCannotTakeIsNamed) {
  struct Case {
    const char* rule;
    Role role;
    void (*set)(Block&);
    const char* lost;
  };
  const Case cases[] = {
      {"audio", Role::user, [](Block& b) { b.kind = BlockKind::audio; },
       "messages[1].content[0]\n"},
      {"a PDF", Role::user, [](Block& b) { b.kind = BlockKind::document; },
       "messages[1].content[0]\n"},
      {"a file's id", Role::user,
       [](Block& b) {
         b.kind = BlockKind::image;
         b.media = {Media::From::file_id, "file-1", {}};
       },
       "messages[1].content[0]\n"},
      {"a foreign signature", Role::assistant,
       [](Block& b) {
         b.kind = BlockKind::thinking;
         b.signature.value = "SIG";
       },
       "messages[1].content[0].signature (harmless)\n"},
      {"a failed result", Role::tool,
       [](Block& b) {
         b.kind = BlockKind::tool_result;
         b.is_error = true;
       },
       "messages[1].content[0].is_error (harmless)\n"},
      {"an image in a result", Role::tool,
       [](Block& b) {
         b.kind = BlockKind::tool_result;
         b.content.emplace_back().kind = BlockKind::image;
       },
       "messages[1].content[0].content[0]\n"},
      {"a cache mark", Role::user, [](Block& b) { b.cache_ttl = "5m"; },
       "messages[1].content[0].cache_control (harmless)\n"},
      {"citations", Role::assistant, [](Block& b) { b.citations.emplace_back(); },
       "messages[1].content[0].annotations (harmless)\n"},
  };
  for (const Case& c : cases) {
    Request request = asked();
    Message& message = request.messages.emplace_back();
    message.role = c.role;
    c.set(message.content.emplace_back());
    EXPECT_EQ(write(request).lost, c.lost) << c.rule;
  }
  Request prefilled = asked();
  prefilled.from = Dialect::anthropic;
  prefilled.messages.push_back({Role::assistant, "bob", {text("So")}});
  EXPECT_EQ(write(prefilled).lost, "messages[1].name\nmessages[1]\n");
}

TEST(CohereAnswer, IsReadByKind) {
  const auto answer = codec().read_answer(
      R"({"id":"a1","finish_reason":"TOOL_CALL","message":{"role":"assistant","tool_plan":)"
      R"("I look.","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"t"}],)"
      R"("tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":)"
      R"("{\"a\":1.0}"}}],"citations":[{"start":0,"end":1,"content_index":1,"sources":[{"type":)"
      R"("document","id":"d1","document":{"title":"T","url":"https://e.x/","snippet":"s"}},{"type":)"
      R"("tool","id":"f:0","tool_output":{"content":"o"}}]},{"start":0,"end":1,"type":"PLAN",)"
      R"("sources":[{"type":"document","id":"d2"}]}]},"usage":{"billed_units":{"input_tokens":5.0,)"
      R"("output_tokens":7},"tokens":{"input_tokens":90,"output_tokens":9},"cached_tokens":2.0},)"
      R"("logprobs":[{"text":"t","token_ids":[1],"logprobs":[-0.10]},{"text":"uv","token_ids":)"
      R"([2,3],"logprobs":[-0.5,-0.25]}]})");
  ASSERT_TRUE(answer);
  EXPECT_EQ(test::describe(*answer),
            "id = \"a1\"\nmodel = \"\"\nchoices[0] = tool_calls\nchoices[0].content[0] = thinking\n"
            "choices[0].content[0].text = \"hm\"\nchoices[0].content[1] = text\n"
            "choices[0].content[1].text = \"t\"\nchoices[0].content[1].citations[0] = "
            "document of 0 to 1 url \"https://e.x/\" title \"T\" cited \"s\"\n"
            "choices[0].content[1].citations[1] = document of 0 to 1 title \"f:0\" cited \"o\"\n"
            "choices[0].content[2] = text\nchoices[0].content[2].text = \"I look.\"\n"
            "choices[0].content[3] = tool_call\nchoices[0].content[3].name = \"f\"\n"
            "choices[0].content[3].id = \"c1\"\n"
            "choices[0].content[3].arguments = \"{\\\"a\\\":1.0}\"\n"
            "choices[0].logprobs = {\"content\":[{\"token\":\"t\",\"logprob\":-0.10,\"bytes\":null,"
            "\"top_logprobs\":[]},{\"token\":\"uv\",\"logprob\":-0.75,\"bytes\":null,"
            "\"top_logprobs\":[]}]}\n"
            "usage.tokens_in = 5\nusage.tokens_out = 7\nusage.tokens_cached = 2\n");
}

TEST(CohereAnswer, EndsAndFails) {
  struct Case {
    const char* rule;
    const char* body;
    const char* want;  // the finish reason, or what failed
  };
  const Case cases[] = {
      {"complete", R"({"finish_reason":"COMPLETE","message":{}})", "stop"},
      {"cut", R"({"finish_reason":"MAX_TOKENS","message":{}})", "length"},
      {"a stop string", R"({"finish_reason":"STOP_SEQUENCE","message":{}})", "stop_sequence"},
      {"a fault is no answer", R"({"finish_reason":"ERROR","message":{}})",
       "the answer ended with finish_reason ERROR"},
      {"an error inside a 200", R"({"id":"x","message":"broken"})", "broken"},
      {"no message", "{}", "the answer has no message"},
      {"a proxy's page", "<html>", "the answer is not JSON: expected a value"},
  };
  for (const Case& c : cases) {
    const auto answer = codec().read_answer(c.body);
    if (answer)
      EXPECT_EQ(to_string(answer->choices[0].finish), c.want) << c.rule;
    else
      EXPECT_EQ(answer.error().detail.substr(0, std::string_view(c.want).size()), c.want) << c.rule;
  }
}

std::string read(std::string_view bytes) {
  const auto all = codec().stream_reader();
  const std::string whole = test::read_stream(*all, bytes, bytes.size() + 1);
  for (const std::size_t chunk : {1U, 5U}) {
    const auto cut = codec().stream_reader();
    EXPECT_EQ(test::read_stream(*cut, bytes, chunk), whole) << chunk;
  }
  return whole;
}

std::string event(std::string_view type, std::string_view members) {
  return fmt::format("event: {}\ndata: {{\"type\":\"{}\"{}{}}}\n\n", type, type,
                     members.empty() ? "" : ",", members);
}

TEST(CohereStream, IsReadAsBlocks) {
  const std::string bytes =
      event("message-start", R"("id":"a1","delta":{"message":{"role":"assistant"}})") +
      event("content-start",
            R"("index":0,"delta":{"message":{"content":{"type":"thinking","thinking":""}}})") +
      event("content-delta", R"("index":0,"delta":{"message":{"content":{"thinking":"hm"}}})") +
      event("content-end", R"("index":0)") +
      event("content-start",
            R"("index":1,"delta":{"message":{"content":{"type":"text","text":""}}})") +
      event("content-delta", R"("index":1,"delta":{"message":{"content":{"text":"Hé"}}},)"
                             R"("logprobs":{"text":"Hé","token_ids":[1],"logprobs":[-0.10]})") +
      event("citation-start",
            R"("index":0,"delta":{"message":{"citations":{"start":0,"end":2,"sources":[)"
            R"({"type":"document","id":"d1"}]}}})") +
      event("content-end", R"("index":1)") +
      event("tool-plan-delta", R"("delta":{"message":{"tool_plan":"I "}})") +
      event("tool-plan-delta", R"("delta":{"message":{"tool_plan":"look."}})") +
      event("tool-call-start",
            R"("index":0,"delta":{"message":{"tool_calls":{"id":"c1","type":"function",)"
            R"("function":{"name":"f","arguments":""}}}})") +
      event("tool-call-delta",
            R"("index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"{}"}}}})") +
      event("tool-call-end", R"("index":0)") + event("new-event", R"("delta":{})") +
      event("message-end",
            R"("delta":{"finish_reason":"TOOL_CALL","usage":{"billed_units":{"input_tokens":3,)"
            R"("output_tokens":4}}})") +
      "data: [DONE]\n\n";
  EXPECT_EQ(read(bytes),
            "start id = \"a1\"\nblock_start 0.0 kind = thinking\n"
            "delta 0.0 kind = thinking text = \"hm\"\nblock_stop 0.0 kind = thinking\n"
            "block_start 0.1 kind = text\n"
            "delta 0.1 kind = text text = \"Hé\" logprobs = {\"content\":[{\"token\":\"Hé\","
            "\"logprob\":-0.10,\"bytes\":null,\"top_logprobs\":[]}]}\n"
            "citation 0.1 kind = text citation = document of 0 to 2 title \"d1\"\n"
            "block_stop 0.1 kind = text\nblock_start 0.2 kind = text\n"
            "delta 0.2 kind = text text = \"I \"\ndelta 0.2 kind = text text = \"look.\"\n"
            "block_stop 0.2 kind = text\n"
            "block_start 0.3 kind = tool_call id = \"c1\" name = \"f\"\n"
            "delta 0.3 kind = tool_call text = \"{}\"\nblock_stop 0.3 kind = tool_call\n"
            "finish 0 finish = tool_calls\nusage usage.tokens_in = 3 usage.tokens_out = 4\nend\n");
}

TEST(CohereStream, EndsOnlyWithItsTerminalEvent) {
  struct Case {
    const char* rule;
    std::string bytes;
    const char* want;
  };
  const Case cases[] = {
      {"cut, a block open",
       event("content-delta", R"("delta":{"message":{"content":{"text":"a"}}})"),
       "block_start 0.0 kind = text\ndelta 0.0 kind = text text = \"a\"\n"},
      {"open blocks are closed",
       event("content-delta", R"("delta":{"message":{"content":{"text":"a"}}})") +
           event("message-end", R"("delta":{"finish_reason":"COMPLETE"})"),
       "block_start 0.0 kind = text\ndelta 0.0 kind = text text = \"a\"\n"
       "block_stop 0.0 kind = text\nfinish 0 finish = stop\nend\n"},
      {"failed", event("message-end", R"("delta":{"finish_reason":"ERROR","error":"broken"})"),
       "error message = \"broken\"\n"},
      {"an error alone", "data: {\"id\":\"x\",\"message\":\"broken\"}\n\n",
       "error message = \"broken\"\n"},
      {"not JSON", "data: x\n\n", "failed: an event of the stream is not JSON"},
  };
  for (const Case& c : cases) EXPECT_EQ(read(c.bytes), c.want) << c.rule;
}

TEST(CohereErrors, AreToldApart) {
  struct Case {
    const char* rule;
    int status;
    const char* body;
    FailureClass failure;
  };
  const Case cases[] = {
      {"context", 400, R"({"message":"x","error_type":"TOO_MANY_TOKENS"})",
       FailureClass::context_too_long},
      {"context, in words", 400, R"({"message":"too many tokens: size limit exceeded"})",
       FailureClass::context_too_long},
      {"an invalid token", 498, R"({"message":"invalid token"})", FailureClass::revoked},
      {"rate", 429, R"({"message":"limited to 10 calls / minute"})", FailureClass::rate_limited},
      {"a trial's month", 429, R"({"message":"limited to 1000 API calls / month"})",
       FailureClass::unpaid},
      {"no money", 402, "{}", FailureClass::unpaid},
      {"no model", 404, "{}", FailureClass::model_gone},
      {"invalid", 422, "{}", FailureClass::bad_request},
      {"against the policy", 422, R"({"message":"blocked by our content policy"})",
       FailureClass::content_filter},
      {"what is behind it was too slow", 504, "{}", FailureClass::request_timeout},
      {"not there", 501, "{}", FailureClass::server_error},
      {"overload", 503, "<html>", FailureClass::overloaded},
  };
  for (const Case& c : cases)
    EXPECT_EQ(codec().read_error(c.status, c.body).failure, c.failure) << c.rule;
  const ErrorFacts facts = codec().read_error(400, R"({"id":"x","message":"no \"k\""})");
  EXPECT_TRUE(facts.is_json_error);
  EXPECT_EQ(facts.message, "no \"k\"");
  ErrorReport report;
  report.message = "no";
  report.request_id = "req_1";
  EXPECT_EQ(codec().write_error(report), R"({"id":"req_1","message":"no"})");
}

TEST(CohereChat, IsNotServedToClients) {
  EXPECT_FALSE(codec().read_request("{}", {}, false));
  EXPECT_EQ(codec().write_answer({}, {}), "");
  std::string out;
  codec().stream_writer({})->write({}, out);
  EXPECT_EQ(out, "");
}

}  // namespace
}  // namespace holdfast::dialect::cohere

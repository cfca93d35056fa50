#include <gtest/gtest.h>

#include "dialect/anthropic/codec.h"
#include "dialect/test_support.h"

namespace holdfast::dialect::anthropic {
namespace {

Block text(std::string_view said) {
  Block out;
  out.text = said;
  return out;
}

Message says(Role role, std::vector<Block> content) { return {role, {}, std::move(content)}; }

Block call(std::string_view id, std::string_view arguments) {
  Block out;
  out.kind = BlockKind::tool_call;
  out.id = id;
  out.name = "f";
  out.arguments = arguments;
  return out;
}

Block result(std::string_view id) {
  Block out;
  out.kind = BlockKind::tool_result;
  out.id = id;
  out.content = {text("r")};
  return out;
}

Block thought(std::string_view value, std::string_view house) {
  Block out;
  out.kind = BlockKind::thinking;
  out.text = "hm";
  out.signature = {value, house, {}};
  return out;
}

Block media(BlockKind kind, Media::From from, std::string_view type, std::string_view data) {
  Block out;
  out.kind = kind;
  out.media = {from, data, type};
  return out;
}

// A request of an OpenAI client that says "hi".
Request asking(Dialect from = Dialect::openai) {
  Request out;
  out.from = from;
  out.model = "alias";
  out.max_tokens = 5000;
  out.messages = {says(Role::user, {text("hi")})};
  return out;
}

struct Written {
  std::string body;
  std::string losses;  // "field!" and, harmless, "field" in order
};

Written write(const Request& request, Abilities abilities = {}) {
  if (abilities.house.empty()) abilities.house = "anthropic";
  std::vector<Loss> losses;
  const auto wire = codec().write_request(request, "claude", abilities, losses);
  Written out;
  out.body = wire ? wire->body.joined() : "failed: " + wire.error().detail;
  for (const Loss& loss : losses) out.losses += loss.field + (loss.harmless ? " " : "! ");
  JsonDocument document;
  EXPECT_TRUE(!wire || document.parse(out.body)) << out.body;
  return out;
}

TEST(AnthropicWriteRequest, WhatOthersSay) {
  struct Case {
    const char* rule;
    void (*change)(Request&);
    const char* has;    // in the body
    const char* lacks;  // in the body
    const char* losses;
  };
  const Case cases[] = {
      {"a text is a string", [](Request&) {}, R"("messages":[{"role":"user","content":"hi"}])",
       "stream", ""},
      {"the target's name of the model", [](Request&) {}, R"({"model":"claude","max_tokens":5000,)",
       "alias", ""},
      {"a limit is needed", [](Request& r) { r.max_tokens.reset(); }, R"("max_tokens":4096)",
       "5000", ""},
      {"leading system texts stay apart", [](Request& r) { r.system = {text("a"), text("b")}; },
       R"("system":[{"type":"text","text":"a"},{"type":"text","text":"b"}])", "role\":\"system",
       ""},
      {"a system text alone is asked by the user",
       [](Request& r) {
         r.system = {text("a")};
         r.messages.clear();
       },
       R"("system":"a","messages":[{"role":"user","content":"a"}])", "\"\"", ""},
      {"a later system text is refused, or marked",
       [](Request& r) { r.messages.push_back(says(Role::system, {text("s")})); },
       R"({"role":"user","content":"<system>\ns\n</system>"})", "role\":\"system",
       "messages[1].role! "},
      {"empty texts are left out",
       [](Request& r) {
         r.messages.push_back(says(Role::assistant, {text(""), call("i", "{}")}));
         r.messages.push_back(says(Role::tool, {result("i")}));
       },
       R"("content":[{"type":"tool_use","id":"i","name":"f","input":{}}])", "\"\"", ""},
      {"results of one turn go together, with what the user says behind them",
       [](Request& r) {
         r.messages.push_back(says(Role::assistant, {call("i", "{}"), call("j", " ")}));
         r.messages.push_back(says(Role::tool, {result("i")}));
         r.messages.push_back(says(Role::tool, {result("j")}));
         r.messages.push_back(says(Role::user, {text("go on")}));
       },
       R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"i","content":"r"},)"
       R"({"type":"tool_result","tool_use_id":"j","content":"r"},{"type":"text","text":"go on"}])",
       "tool\",\"content", ""},
      {"ids of another alphabet are mapped, both alike",
       [](Request& r) {
         r.messages.push_back(says(Role::assistant, {call("a:b.1", "{}")}));
         r.messages.push_back(says(Role::tool, {result("a:b.1")}));
       },
       R"("tool_use_id":"a_b_1_)", "a:b", ""},
      {"arguments that were cut",
       [](Request& r) {
         r.messages.push_back(says(Role::assistant, {call("i", "{\"a\":")}));
         r.messages.push_back(says(Role::tool, {result("i")}));
       },
       R"("input":{})", R"({"a":)", "messages[1].content[0].arguments! "},
      {"places count the system texts that were messages",
       [](Request& r) {
         r.system = {text("s")};
         r.messages[0].content = {
             text("x"), media(BlockKind::audio, Media::From::base64, "audio/wav", "AAAA")};
       },
       R"("text":"x")", "AAAA", "messages[1].content[1]! "},
      {"the assistant does not begin",
       [](Request& r) {
         r.messages.insert(r.messages.begin(), says(Role::assistant, {text("a")}));
       },
       R"("messages":[{"role":"user")", "assistant", "messages[0]! "},
      {"nor is its last word continued",
       [](Request& r) { r.messages.push_back(says(Role::assistant, {text("a")})); },
       R"("messages":[{"role":"user","content":"hi"}])", "assistant", "messages[1]! "},
      {"a refusal was said",
       [](Request& r) {
         Block no = text("no");
         no.kind = BlockKind::refusal;
         r.messages.push_back(says(Role::assistant, {no}));
         r.messages.push_back(says(Role::user, {text("why")}));
       },
       R"({"type":"text","text":"no"})", "refusal", "messages[1].content[0].refusal "},
      {"speakers have no names", [](Request& r) { r.messages[0].name = "bob"; }, "hi", "bob",
       "messages[0].name! "},
      {"an image inline, its type seen",
       [](Request& r) {
         r.messages[0].content = {media(BlockKind::image, Media::From::base64, "", "/9j/AAAA")};
       },
       R"("source":{"type":"base64","media_type":"image/jpeg","data":"/9j/AAAA"})", "detail", ""},
      {"data that is no base64 stays a string",
       [](Request& r) {
         r.messages[0].content = {
             media(BlockKind::image, Media::From::base64, "image/png", "\",\"")};
       },
       R"("data":"\",\""})", "\"\",\"\"", ""},
      {"detail",
       [](Request& r) {
         r.messages[0].content = {media(BlockKind::image, Media::From::url, "", "https://x")};
         r.messages[0].content[0].detail = "high";
       },
       R"("source":{"type":"url","url":"https://x"})", "detail", "messages[0].content[0].detail "},
      {"files of another house",
       [](Request& r) {
         r.messages[0].content = {text("x"),
                                  media(BlockKind::document, Media::From::file_id, "", "file-1")};
       },
       R"("text":"x")", "file-1", "messages[0].content[1]! "},
      {"a document's type",
       [](Request& r) {
         r.messages[0].content = {
             text("x"), media(BlockKind::document, Media::From::base64, "application/zip", "AAAA")};
       },
       R"("text":"x")", "AAAA", "messages[0].content[1]! "},
      {"what Anthropic does not have",
       [](Request& r) {
         r.n = 2;
         r.seed = Number{"1", 1};
         r.logprobs = true;
         r.frequency_penalty = Number{"0.5", 0.5};
         r.presence_penalty = Number{"0.0", 0};
         r.format.kind = Format::Kind::json_object;
         r.temperature = Number{"1.5", 1.5};
         r.verbosity = "low";
         r.extras = {{Dialect::openai, "logit_bias", "{}", false},
                     {Dialect::openai, "prompt_cache_key", "\"k\"", true}};
       },
       "hi", "temperature",
       "frequency_penalty! n! seed! logprobs! verbosity! response_format! logit_bias! "
       "prompt_cache_key temperature! "},
      {"spelled as the client does",
       [](Request& r) {
         r.from = Dialect::gemini;
         r.seed = Number{"1", 1};
         r.messages[0].content.push_back(media(BlockKind::video, Media::From::url, "", "x"));
       },
       "hi", "seed", "generationConfig.seed! contents[0].parts[1]! "},
      {"white space does not stop", [](Request& r) { r.stop = {"\n", "END"}; },
       R"("stop_sequences":["END"])", R"("\n")", "stop! "},
      {"the user and its metadata",
       [](Request& r) {
         r.user = "u";
         r.metadata = R"({"a":"b"})";
         r.service_tier = "flex";
       },
       R"("metadata":{"user_id":"u"})", "service_tier", "metadata service_tier "},
      {"a schema",
       [](Request& r) {
         r.format = {Format::Kind::json_schema, "name", "what for", R"({"type":"object"})", true};
       },
       R"("output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}})", "strict",
       "response_format.description "},
      {"tools, the allowed ones",
       [](Request& r) {
         r.tools.resize(3);
         r.tools[0].name = "a";
         r.tools[1].name = "b";
         r.tools[1].strict = true;
         r.tools[2].native = Extra{Dialect::openai, "tools[2]", "{}", false};
         r.tool_choice = {ToolChoice::Mode::required, {}, {"b"}};
         r.parallel_tools = false;
       },
       R"("tools":[{"name":"b","input_schema":{"type":"object","properties":{}},"strict":true}],)"
       R"("tool_choice":{"type":"any","disable_parallel_tool_use":true})",
       R"("name":"a")", "tools[2]! "},
      {"no choice without tools",
       [](Request& r) { r.tool_choice.mode = ToolChoice::Mode::automatic; }, "hi", "tool_choice",
       ""},
      {"four cache marks, the last ones",
       [](Request& r) {
         r.messages[0].content.clear();
         for (int i = 0; i < 5; ++i) {
           r.messages[0].content.push_back(text("x"));
           r.messages[0].content.back().cache_ttl = "30m";
         }
       },
       R"([{"type":"text","text":"x"},{"type":"text","text":"x","cache_control":{"type":"ephemeral","ttl":"1h"}},)",
       "30m", "cache mark "},
  };
  for (const Case& c : cases) {
    Request request = asking();
    c.change(request);
    const Written written = write(request);
    EXPECT_NE(written.body.find(c.has), std::string::npos) << c.rule << "\n" << written.body;
    EXPECT_EQ(written.body.find(c.lacks), std::string::npos) << c.rule << "\n" << written.body;
    EXPECT_EQ(written.losses, c.losses) << c.rule;
  }
}

TEST(AnthropicWriteRequest, Thinking) {
  struct Case {
    const char* rule;
    Dialect from;
    bool adaptive;
    std::int64_t max_tokens;  // 0: not said
    Reasoning asked;
    const char* has;  // empty: no thinking is asked for
    const char* losses;
  };
  const auto effort = [](Effort value) {
    Reasoning out;
    out.effort = value;
    return out;
  };
  const auto budget = [](std::int64_t value) {
    Reasoning out;
    out.budget_tokens = value;
    return out;
  };
  Reasoning off;
  off.off = true;
  Reasoning adaptive;
  adaptive.adaptive = true;
  adaptive.show = false;
  Reasoning shown = effort(Effort::high);
  shown.summary = "auto";
  const Case cases[] = {
      {"nothing asked", Dialect::openai, true, 9, {}, "", ""},
      {"an effort, where the model adapts", Dialect::openai, true, 9, effort(Effort::high),
       R"("thinking":{"type":"adaptive"},"output_config":{"effort":"high"})", ""},
      {"with summaries", Dialect::openai_responses, true, 9, shown,
       R"("thinking":{"type":"adaptive","display":"summarized"})", ""},
      {"the least effort is low", Dialect::openai, true, 9, effort(Effort::minimal),
       R"("output_config":{"effort":"low"})", "reasoning_effort "},
      {"an effort is a budget for older models", Dialect::openai, false, 50'000,
       effort(Effort::high), R"("thinking":{"type":"enabled","budget_tokens":24576})", ""},
      {"which stays below the limit", Dialect::openai, false, 2000, effort(Effort::high),
       R"("thinking":{"type":"enabled","budget_tokens":1999})", ""},
      {"or is not asked for", Dialect::openai, false, 1000, effort(Effort::low), "",
       "reasoning_effort "},
      {"no limit given: room for both", Dialect::openai, false, 0, effort(Effort::low),
       R"("max_tokens":5120)", ""},
      {"a foreign budget is an effort where the model adapts", Dialect::gemini, true, 9,
       budget(4000), R"("thinking":{"type":"adaptive"},"output_config":{"effort":"medium"})", ""},
      {"the model decides", Dialect::gemini, false, 50'000, budget(-1),
       R"("thinking":{"type":"enabled","budget_tokens":8192})", ""},
      {"none", Dialect::openai, true, 9, effort(Effort::none), R"("thinking":{"type":"disabled"})",
       ""},
      {"none, where that is usual", Dialect::openai, false, 9, effort(Effort::none), "", ""},
      {"Claude's own words stay", Dialect::anthropic, true, 9, budget(2048),
       R"("thinking":{"type":"enabled","budget_tokens":2048})", ""},
      {"also off", Dialect::anthropic, false, 9, off, R"("thinking":{"type":"disabled"})", ""},
      {"also adaptive", Dialect::anthropic, true, 9, adaptive,
       R"("thinking":{"type":"adaptive","display":"omitted"})", ""},
      {"unless the model cannot", Dialect::anthropic, false, 50'000, adaptive,
       R"("thinking":{"type":"enabled","budget_tokens":24576,"display":"omitted"})", "thinking "},
  };
  for (const Case& c : cases) {
    Request request = asking(c.from);
    if (c.max_tokens > 0)
      request.max_tokens = c.max_tokens;
    else
      request.max_tokens.reset();
    request.reasoning = c.asked;
    Abilities abilities;
    abilities.adaptive_thinking = c.adaptive;
    const Written written = write(request, abilities);
    EXPECT_EQ(written.losses, c.losses) << c.rule;
    if (*c.has == '\0')
      EXPECT_EQ(written.body.find("thinking"), std::string::npos) << c.rule << written.body;
    else
      EXPECT_NE(written.body.find(c.has), std::string::npos) << c.rule << written.body;
  }
}

TEST(AnthropicWriteRequest, ThoughtsGoOnlyToWhereTheyCameFrom) {
  struct Case {
    const char* rule;
    Dialect from;
    Block block;
    const char* house;  // of the target's model
    bool sent;
  };
  const Case cases[] = {
      {"its own", Dialect::anthropic, thought("sig", ""), "anthropic", true},
      {"signed at Bedrock", Dialect::bedrock, thought("sig", ""), "anthropic", false},
      {"its own, wrapped on the way", Dialect::openai, thought("sig", "anthropic"), "anthropic",
       true},
      {"another house's", Dialect::anthropic, thought("sig", "openai"), "anthropic", false},
      {"another dialect's", Dialect::openai, thought("sig", ""), "anthropic", false},
      {"no signature", Dialect::anthropic, thought("", ""), "anthropic", false},
      {"a target of another house", Dialect::anthropic, thought("sig", ""), "moonshot", false},
  };
  for (const Case& c : cases) {
    Request request = asking(c.from);
    request.messages.push_back(says(Role::assistant, {c.block, text("a")}));
    request.messages.push_back(says(Role::user, {text("b")}));
    Abilities abilities;
    abilities.house = c.house;
    const Written written = write(request, abilities);
    EXPECT_EQ(written.body.find("\"signature\":\"sig\"") != std::string::npos, c.sent) << c.rule;
    EXPECT_EQ(written.losses, c.sent ? "" : "messages[1].content[0].signature ") << c.rule;
  }
}

TEST(AnthropicWriteRequest, ALoopThatBeganElsewhereGoesOnWithoutABudget) {
  Request request = asking();
  request.reasoning.effort = Effort::low;
  request.messages.push_back(says(Role::assistant, {thought("s", "openai"), call("i", "{}")}));
  request.messages.push_back(says(Role::tool, {result("i")}));
  Written written = write(request);
  EXPECT_EQ(written.body.find("budget"), std::string::npos) << written.body;
  EXPECT_EQ(written.losses, "reasoning_effort messages[1].content[0].signature ");
  request.messages[1].content[0].signature.house = "anthropic";
  written = write(request);
  EXPECT_NE(written.body.find("budget_tokens\":1024"), std::string::npos) << written.body;
  EXPECT_EQ(written.losses, "");
}

TEST(AnthropicWriteRequest, AbilitiesDecide) {
  Request request = asking(Dialect::anthropic);
  request.temperature = Number{"0.5", 0.5};
  request.top_p = Number{"1.0", 1};
  request.top_k = 5;
  request.tools.resize(1);
  request.tools[0].name = "f";
  request.tool_choice.mode = ToolChoice::Mode::named;
  request.tool_choice.name = "f";
  Abilities abilities;
  Written written = write(request, abilities);
  EXPECT_NE(written.body.find(R"("temperature":0.5,"top_p":1.0,"top_k":5)"), std::string::npos);
  EXPECT_EQ(written.losses, "");
  abilities.sampling = abilities.forced_tools = abilities.image_urls = false;
  abilities.max_output = 4000;
  request.messages[0].content.push_back(media(BlockKind::image, Media::From::url, "", "https://x"));
  written = write(request, abilities);
  EXPECT_EQ(written.losses, "max_tokens messages[0].content[1]! tool_choice! temperature! top_k! ");
  EXPECT_EQ(written.body.find("top_p"), std::string::npos) << "the default goes without a word";
}

TEST(AnthropicWriteRequest, OtherHostsHaveAnotherEnvelope) {
  Request request = asking();
  request.stream = true;
  std::vector<Loss> losses;
  const auto plain = codec().write_request(request, "claude", {}, losses);
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->path, "/v1/messages");
  EXPECT_TRUE(plain->body.joined().starts_with(
      R"({"model":"claude","max_tokens":5000,"stream":true,"messages")"));
  const auto vertex = write_request(request, "claude", {}, losses,
                                    {.in_body = false, .anthropic_version = "vertex-2023-10-16"});
  ASSERT_TRUE(vertex);
  EXPECT_EQ(
      vertex->body.joined(),
      R"({"anthropic_version":"vertex-2023-10-16","max_tokens":5000,"messages":[{"role":"user","content":"hi"}]})");
  const auto count = write_count_request(request, "claude", {}, losses);
  ASSERT_TRUE(count);
  EXPECT_EQ(count->path, "/v1/messages/count_tokens");
  EXPECT_EQ(count->body.joined(),
            R"({"model":"claude","messages":[{"role":"user","content":"hi"}]})");
}

TEST(AnthropicWriteRequest, NothingSaidCannotBeSent) {
  Request request = asking();
  request.messages[0].content = {text("")};
  EXPECT_EQ(write(request).body, "failed: messages: nothing is said in them");
}

TEST(AnthropicWriteRequest, LargeMediaAreNotCopied) {
  const std::string data(1 << 20, 'A');
  Request request = asking();
  request.messages[0].content = {media(BlockKind::image, Media::From::base64, "image/png", data)};
  std::vector<Loss> losses;
  auto wire = codec().write_request(request, "claude", {}, losses);
  ASSERT_TRUE(wire);
  EXPECT_LT(wire->body.own().size(), 1000U);
}

TEST(Prefill, IsWhatOlderModelsTake) {
  struct Case {
    const char* model;
    bool want;
  };
  constexpr Case cases[] = {{"claude-3-7-sonnet-20250219", true},
                            {"claude-opus-4-5", true},
                            {"claude-sonnet-4-20250514", true},
                            {"claude-opus-4@20250514", true},
                            {"us.anthropic.claude-haiku-4-5-20251001-v1:0", true},
                            {"claude-sonnet-4-6", false},
                            {"claude-opus-4-8", false},
                            {"anthropic.claude-opus-4-6-v1", false},
                            {"claude-sonnet-5", false},
                            {"claude-opus-4-", false},
                            {"amazon.nova-pro-v1:0", false}};
  for (const Case& c : cases) EXPECT_EQ(goes_on_with_answers(c.model), c.want) << c.model;
}

}  // namespace
}  // namespace holdfast::dialect::anthropic

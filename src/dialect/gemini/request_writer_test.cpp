#include <gtest/gtest.h>

#include "dialect/gemini/codec.h"
#include "dialect/json_document.h"
#include "dialect/test_support.h"

namespace holdfast::dialect::gemini {
namespace {

Block text(std::string_view value) {
  Block out;
  out.text = value;
  return out;
}
Block call(std::string_view id, std::string_view name, std::string_view arguments) {
  Block out;
  out.kind = BlockKind::tool_call;
  out.id = id;
  out.name = name;
  out.arguments = arguments;
  return out;
}
Block result(std::string_view id, std::vector<Block> content) {
  Block out;
  out.kind = BlockKind::tool_result;
  out.id = id;
  out.content = std::move(content);
  return out;
}
Block image(Media::From from, std::string_view data) {
  Block out;
  out.kind = BlockKind::image;
  out.media = {from, data, {}};
  return out;
}

Request asking(std::vector<Message> messages = {{Role::user, {}, {text("hi")}}}) {
  Request out;
  out.messages = std::move(messages);
  return out;
}

struct Written {
  std::string body, path;
  std::vector<Loss> losses;
};
Written write(const Request& request, std::string_view model = "gemini-3-pro",
              Abilities abilities = {}) {
  Written out;
  if (abilities.house.empty()) abilities.house = "google";
  const auto wire = codec().write_request(request, model, abilities, out.losses);
  EXPECT_TRUE(wire);
  if (!wire) return out;
  out.body = wire->body.joined();
  out.path = wire->path;
  JsonDocument document;
  EXPECT_TRUE(document.parse(out.body)) << out.body;
  return out;
}
std::string losses_of(const Written& written) {
  std::string out;
  for (const Loss& loss : written.losses)
    out += loss.field + (loss.harmless ? " (harmless)\n" : "\n");
  return out;
}

TEST(GeminiWriter, ConversationsOfOtherHouses) {
  Message thinking{Role::assistant, {}, {Block()}};
  thinking.content[0].kind = BlockKind::thinking;
  thinking.content[0].text = "hm";
  thinking.content[0].signature = {"sig", "anthropic", {}};
  thinking.content.push_back(call("c1", "f", R"({"a":1.0})"));
  thinking.content.push_back(call("c2", "g", ""));
  Block failed = result("c2", {text("bad")});
  failed.is_error = true;
  struct Case {
    const char* rule;
    Request request;
    std::string body, losses;
    std::string_view model = "gemini-3-pro";
  };
  Request system_alone = asking({});
  system_alone.system.push_back(text("be"));
  Request with_system = asking();
  with_system.system = {text("be"), text("kind")};
  const Case cases[] = {
      {"neighbours of one role are one content",
       asking({{Role::user, {}, {text("a")}}, {Role::user, {}, {text("b")}}}),
       R"({"contents":[{"role":"user","parts":[{"text":"a"},{"text":"b"}]}]})", ""},
      {"system texts are parts of one instruction", with_system,
       R"({"contents":[{"role":"user","parts":[{"text":"hi"}]}],)"
       R"("systemInstruction":{"parts":[{"text":"be"},{"text":"kind"}]}})",
       ""},
      {"a system text alone is what the user says", system_alone,
       R"({"contents":[{"role":"user","parts":[{"text":"be"}]}]})", ""},
      {"calls of another house carry the sentinel, on the first; its thoughts stay behind; results "
       "are wrapped and named after their calls",
       asking({{Role::user, {}, {text("a")}},
               thinking,
               {Role::tool, {}, {result("c1", {text("one")}), failed}},
               {Role::user, {}, {text("and?")}}}),
       R"({"contents":[{"role":"user","parts":[{"text":"a"}]},{"role":"model","parts":[)"
       R"({"functionCall":{"id":"c1","name":"f","args":{"a":1.0}},"thoughtSignature":"skip_thought_signature_validator"},)"
       R"({"functionCall":{"id":"c2","name":"g","args":{}}}]},{"role":"user","parts":[)"
       R"({"functionResponse":{"id":"c1","name":"f","response":{"result":"one"}}},)"
       R"({"functionResponse":{"id":"c2","name":"g","response":{"error":"bad"}}},{"text":"and?"}]}]})",
       "messages[1].content[0].signature (harmless)\n"},
      {"models before Gemini 3 need no sentinel",
       asking({{Role::user, {}, {text("a")}},
               {Role::assistant, {}, {call("c1", "f", "{}")}},
               {Role::tool, {}, {result("c1", {text(R"({"x":1})")})}}}),
       R"({"contents":[{"role":"user","parts":[{"text":"a"}]},{"role":"model","parts":[)"
       R"({"functionCall":{"id":"c1","name":"f","args":{}}}]},{"role":"user","parts":[)"
       R"({"functionResponse":{"id":"c1","name":"f","response":{"x":1}}}]}]})",
       "", "gemini-2.5-pro"},
      {"arguments that were cut cannot be said",
       asking({{Role::assistant, {}, {call("c1", "f", R"({"a":)")}},
               {Role::tool, {}, {result("c1", {text("x")})}}}),
       R"({"contents":[{"role":"model","parts":[{"functionCall":{"id":"c1","name":"f","args":{}},)"
       R"("thoughtSignature":"skip_thought_signature_validator"}]},{"role":"user","parts":[)"
       R"({"functionResponse":{"id":"c1","name":"f","response":{"result":"x"}}}]}]})",
       "messages[0].content[0].arguments\n"},
      {"a system text midway goes between marks, if it may",
       asking({{Role::user, {}, {text("a")}}, {Role::system, {}, {text("b")}}}),
       R"({"contents":[{"role":"user","parts":[{"text":"a"},{"text":"<system>b</system>"}]}]})",
       "messages[1]\n"},
      {"an answer that was begun is not continued",
       asking({{Role::user, {}, {text("a")}}, {Role::assistant, {}, {text("b")}}}),
       R"({"contents":[{"role":"user","parts":[{"text":"a"}]},{"role":"model","parts":[{"text":"b"}]}]})",
       "messages[1]\n"},
      {"an image by address, its type told by its ending",
       asking({{Role::user, {}, {image(Media::From::url, "https://e.org/a.png?x")}}}),
       R"({"contents":[{"role":"user","parts":[{"fileData":{"mimeType":"image/png","fileUri":"https://e.org/a.png?x"}}]}]})",
       ""},
      {"an image inline, its type told by its first bytes",
       asking({{Role::user, {}, {image(Media::From::base64, "iVBORw0K")}}}),
       R"({"contents":[{"role":"user","parts":[{"inlineData":{"mimeType":"image/png","data":"iVBORw0K"}}]}]})",
       ""},
      {"a file of another house, and what is not base64",
       asking({{Role::user,
                {},
                {image(Media::From::file_id, "file-1"), image(Media::From::base64, "a\"b"),
                 text("x")}}}),
       R"({"contents":[{"role":"user","parts":[{"text":"x"}]}]})",
       "messages[0].content[0]\nmessages[0].content[1]\n"},
      {"an image in a result is a part of it",
       asking({{Role::assistant, {}, {call("c", "f", "{}")}},
               {Role::tool, {}, {result("c", {image(Media::From::base64, "iVBORw0K")})}}}),
       R"({"contents":[{"role":"model","parts":[{"functionCall":{"id":"c","name":"f","args":{}},)"
       R"("thoughtSignature":"skip_thought_signature_validator"}]},{"role":"user","parts":[)"
       R"({"functionResponse":{"id":"c","name":"f","response":{"result":""},"parts":[)"
       R"({"inlineData":{"mimeType":"image/png","data":"iVBORw0K"}}]}}]}]})",
       ""},
      {"or stands behind it, for models before Gemini 3",
       asking({{Role::assistant, {}, {call("c", "f", "{}")}},
               {Role::tool, {}, {result("c", {image(Media::From::base64, "iVBORw0K")})}}}),
       R"({"contents":[{"role":"model","parts":[{"functionCall":{"id":"c","name":"f","args":{}}}]},)"
       R"({"role":"user","parts":[{"functionResponse":{"id":"c","name":"f","response":{"result":""}}},)"
       R"({"inlineData":{"mimeType":"image/png","data":"iVBORw0K"}}]}]})",
       "", "gemini-2.5-flash"},
  };
  for (const Case& c : cases) {
    const Written written = write(c.request, c.model);
    EXPECT_EQ(written.body, c.body) << c.rule;
    EXPECT_EQ(losses_of(written), c.losses) << c.rule;
  }
}

TEST(GeminiWriter, ParametersAndWhatCannotBeSaid) {
  struct Case {
    const char* rule;
    void (*set)(Request&);
    std::string_view members;  // behind the contents
    std::string_view losses;
    std::string_view model = "gemini-3-pro";
  };
  constexpr Case cases[] = {
      {"sampling", [](Request& r) { r.temperature = Number{"0.70", 0.7}, r.top_k = 5; },
       R"(,"generationConfig":{"temperature":0.70,"topK":5})", ""},
      {"several answers", [](Request& r) { r.n = 9; }, "", "n\n"},
      {"five stops", [](Request& r) { r.stop = {"1", "2", "3", "4", "5", "6"}; },
       R"(,"generationConfig":{"stopSequences":["1","2","3","4","5"]})", "stop\n"},
      {"a seed of 32 bits", [](Request& r) { r.seed = Number{"9007199254740993", 9e15}; }, "",
       "seed\n"},
      {"what OpenAI alone has",
       [](Request& r) {
         r.extras = {{Dialect::openai, "logit_bias", "{}", false},
                     {Dialect::openai, "prompt_cache_key", "\"a\"", true}};
       },
       "", "logit_bias\nprompt_cache_key (harmless)\n"},
      {"who asks, and how much is said", [](Request& r) { r.user = "u", r.verbosity = "low"; }, "",
       "user (harmless)\nverbosity\n"},
      {"metadata that fits is labels", [](Request& r) { r.metadata = R"({"team":"a-1"})"; },
       R"(,"labels":{"team":"a-1"})", ""},
      {"metadata that does not", [](Request& r) { r.metadata = R"({"Team":"a b"})"; }, "",
       "metadata (harmless)\n"},
      {"a tier", [](Request& r) { r.service_tier = "flex"; }, R"(,"serviceTier":"flex")", ""},
      {"an effort is a level", [](Request& r) { r.reasoning.effort = Effort::low; },
       R"(,"generationConfig":{"thinkingConfig":{"thinkingLevel":"LOW"}})", ""},
      {"and was a budget", [](Request& r) { r.reasoning.effort = Effort::low; },
       R"(,"generationConfig":{"thinkingConfig":{"thinkingBudget":1024}})", "", "gemini-2.5-flash"},
      {"the highest is rounded", [](Request& r) { r.reasoning.effort = Effort::max; },
       R"(,"generationConfig":{"thinkingConfig":{"thinkingLevel":"XHIGH"}})",
       "reasoning_effort (harmless)\n"},
      {"no thinking", [](Request& r) { r.reasoning.off = true; },
       R"(,"generationConfig":{"thinkingConfig":{"thinkingBudget":0}})", "", "gemini-2.5-flash"},
      {"which some cannot do", [](Request& r) { r.reasoning.off = true; },
       R"(,"generationConfig":{"thinkingConfig":{"thinkingLevel":"MINIMAL"}})",
       "reasoning_effort (harmless)\n"},
      {"effort before budget, since they exclude each other",
       [](Request& r) { r.reasoning.effort = Effort::high, r.reasoning.budget_tokens = 2048; },
       R"(,"generationConfig":{"thinkingConfig":{"thinkingLevel":"HIGH"}})", ""},
      {"Anthropic's clients see the thoughts that they ask for",
       [](Request& r) { r.from = Dialect::anthropic, r.reasoning.budget_tokens = 2048; },
       R"(,"generationConfig":{"thinkingConfig":{"includeThoughts":true,"thinkingBudget":2048}})",
       ""},
      {"a schema",
       [](Request& r) {
         r.format.kind = Format::Kind::json_schema, r.format.name = "x",
         r.format.schema = R"({"type":"object"})";
       },
       R"(,"generationConfig":{"responseMimeType":"application/json","responseJsonSchema":{"type":"object"}})",
       ""},
      {"tools, of which one is to be called",
       [](Request& r) {
         Tool tool;
         tool.name = "f", tool.description = "d", tool.schema = R"({"type":"object"})";
         tool.strict = true;
         r.tools.push_back(tool);
         r.tool_choice = {ToolChoice::Mode::named, "f", {}};
         r.parallel_tools = false;
       },
       R"(,"tools":[{"functionDeclarations":[{"name":"f","description":"d","parametersJsonSchema":{"type":"object"}}]}],)"
       R"("toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}})",
       "tools[0].strict (harmless)\nparallel_tool_calls (harmless)\n"},
      {"a choice among some of them",
       [](Request& r) { r.tool_choice = {ToolChoice::Mode::automatic, {}, {"f"}}; },
       R"(,"toolConfig":{"functionCallingConfig":{"mode":"VALIDATED","allowedFunctionNames":["f"]}})",
       ""},
      {"a tool of another house, and a name that is none",
       [](Request& r) {
         Tool hosted, named;
         hosted.native = Extra{Dialect::openai_responses, "web_search", "{}", false};
         named.name = "1st";
         r.tools = {hosted, named};
       },
       R"(,"tools":[{"functionDeclarations":[{"name":"1st"}]}])",
       "tools[0] (web_search)\ntools[1].name\n"},
  };
  for (const Case& c : cases) {
    Request request = asking();
    c.set(request);
    const Written written = write(request, c.model);
    EXPECT_EQ(written.body, R"({"contents":[{"role":"user","parts":[{"text":"hi"}]}])" +
                                std::string(c.members) + "}")
        << c.rule;
    EXPECT_EQ(losses_of(written), c.losses) << c.rule;
  }
}

TEST(GeminiWriter, WhatTheModelCannotDoIsRefusedByName) {
  Request request = asking();
  request.temperature = Number{"0.5", 0.5};
  request.top_p = Number{"1", 1};
  request.max_tokens = 9000;
  request.tool_choice.mode = ToolChoice::Mode::required;
  request.messages[0].content.push_back(image(Media::From::url, "https://e.org/a"));
  Abilities abilities;
  abilities.house = "google";
  abilities.sampling = abilities.forced_tools = abilities.image_urls = false;
  abilities.max_output = 8192;
  const Written written = write(request, "gemini-3-pro", abilities);
  EXPECT_EQ(losses_of(written),
            "messages[0].content[1]\ntool_choice\ntemperature\nmax_tokens (harmless)\n");
}

TEST(GeminiWriter, OwnFieldsGoBackToWhereTheyStood) {
  const std::string body =
      R"({"contents":[{"role":"user","parts":[{"fileData":{"mimeType":"video/mp4","fileUri":"gs://a/b"},)"
      R"("videoMetadata":{"startOffset":"1s"}}]},{"role":"model","parts":[)"
      R"({"executableCode":{"code":"1"},"thoughtSignature":"YQ=="},)"
      R"({"functionCall":{"id":"a","name":"f","args":{}},"thoughtSignature":"YQ=="}]},)"
      R"({"role":"user","parts":[{"functionResponse":{"id":"a","name":"f","response":{"x":1},"scheduling":"SILENT"}}]}],)"
      R"("tools":[{"functionDeclarations":[{"name":"f","behavior":"BLOCKING"},{"name":"g","response":{"type":"STRING"}}]},)"
      R"({"googleSearch":{}}],"toolConfig":{"functionCallingConfig":{"mode":"VALIDATED"},"retrievalConfig":{}},)"
      R"("generationConfig":{"thinkingConfig":{"thinkingLevel":"LOW"},"imageConfig":{"aspectRatio":"1:1"}},)"
      R"("safetySettings":[],"cached_content":"x"})";
  const auto request = codec().read_request(body, "m", true);
  ASSERT_TRUE(request) << request.error().message;
  const Written written = write(*request, "m");
  EXPECT_EQ(written.body, body);
  EXPECT_EQ(losses_of(written), "");
  EXPECT_EQ(written.path, "/models/m:streamGenerateContent?alt=sse");
  // Elsewhere they are named with their place.
  const auto has = [&request](std::string_view name, bool harmless) {
    for (const Extra& extra : request->extras)
      if (extra.name == name) return extra.harmless == harmless;
    return false;
  };
  EXPECT_TRUE(has("contents[0].parts[0].videoMetadata", false));
  EXPECT_TRUE(has("tools[0].functionDeclarations[0].behavior", true));
  EXPECT_TRUE(has("safetySettings", false));
}

TEST(GeminiWriter, AModelsNameIsEncodedInThePath) {
  struct Case {
    const char* rule;
    std::string_view model, path;
  };
  constexpr Case cases[] = {
      {"a plain one", "gemini-2.5-pro", "/models/gemini-2.5-pro:generateContent"},
      {"a resource", "tunedModels/x", "/tunedModels/x:generateContent"},
      {"anything else", "a b:c?d", "/models/a%20b%3Ac%3Fd:generateContent"},
  };
  for (const Case& c : cases) EXPECT_EQ(write(asking(), c.model).path, c.path) << c.rule;
}

}  // namespace
}  // namespace holdfast::dialect::gemini

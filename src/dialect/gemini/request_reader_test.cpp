#include <gtest/gtest.h>

#include "dialect/base64.h"
#include "dialect/gemini/codec.h"
#include "dialect/test_support.h"

namespace holdfast::dialect::gemini {
namespace {

std::string read(std::string_view body) {
  const auto request = codec().read_request(body, "gemini-3-pro", false);
  return request ? test::describe(*request)
                 : "refused " + request.error().param + ": " + request.error().message;
}

std::string with_hi(std::string_view members) {
  return fmt::format(R"({{"contents":[{{"parts":[{{"text":"hi"}}]}}],{}}})", members);
}

std::string wrapped(std::string_view signature) {
  std::string out;
  append_base64(out, signature);
  return out;
}

TEST(GeminiRequest, EveryFieldHasItsPlace) {
  struct Case {
    const char* rule;
    std::string_view members;
    std::string_view line;
  };
  constexpr Case cases[] = {
      {"camelCase", R"("generationConfig":{"topP":0.90})", "top_p = 0.90"},
      {"snake_case, all the way", R"("generation_config":{"top_p":0.90})", "top_p = 0.90"},
      {"topK is a float on the wire", R"("generationConfig":{"topK":40.0})", "top_k = 40"},
      {"candidates", R"("generationConfig":{"candidateCount":2})", "n = 2"},
      {"the limit", R"("generationConfig":{"maxOutputTokens":10})", "max_tokens = 10"},
      {"stops", R"("generationConfig":{"stopSequences":["a","b"]})", R"(stop = "b")"},
      {"responseLogprobs asks", R"("generationConfig":{"responseLogprobs":true})",
       "logprobs = true"},
      {"logprobs counts", R"("generationConfig":{"logprobs":3})", "top_logprobs = 3"},
      {"a budget", R"("generationConfig":{"thinkingConfig":{"thinkingBudget":2048}})",
       "reasoning.budget_tokens = 2048"},
      {"a budget of nothing", R"("generationConfig":{"thinkingConfig":{"thinkingBudget":0}})",
       "reasoning.off = true"},
      {"as the model likes", R"("generationConfig":{"thinkingConfig":{"thinkingBudget":-1}})",
       "reasoning.budget_tokens = -1"},
      {"a level", R"("generationConfig":{"thinkingConfig":{"thinkingLevel":"HIGH"}})",
       "reasoning.effort = high"},
      {"a schema in JSON schema",
       R"("generationConfig":{"responseMimeType":"application/json","responseJsonSchema":{"type":"object"}})",
       R"(format.schema = {"type":"object"})"},
      {"a schema in Google's words becomes one",
       R"("generationConfig":{"responseMimeType":"application/json","responseSchema":)"
       R"({"type":"OBJECT","properties":{"a":{"type":"STRING","nullable":true},)"
       R"("type":{"type":"ARRAY","min_items":"1","items":{"type":"INTEGER"}}},"propertyOrdering":["a"]}})",
       R"(format.schema = {"type":"object","properties":{"a":{"type":["string","null"]},)"
       R"("type":{"type":"array","minItems":1,"items":{"type":"integer"}}}})"},
      {"JSON without a schema", R"("generationConfig":{"responseMimeType":"application/json"})",
       "format = json_object"},
      {"the other formats stay Google's",
       R"("generationConfig":{"responseMimeType":"text/x.enum"})",
       R"(extras[0] = gemini: generationConfig.responseMimeType "text/x.enum")"},
      {"safety does not vanish", R"("safetySettings":[])", "extras[0] = gemini: safetySettings []"},
      {"cached content is bound to its house", R"("cachedContent":"cachedContents/1")",
       R"(extras[0] = gemini: cachedContent "cachedContents/1")"},
      {"labels", R"("labels":{"team":"a"})", R"(metadata = {"team":"a"})"},
      {"a tier", R"("serviceTier":"standard")", R"(service_tier = "default")"},
      {"ANY with one name is that tool",
       R"("toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}})",
       R"(tool_choice.name = "f")"},
      {"VALIDATED with names is a choice among them",
       R"("tool_config":{"function_calling_config":{"mode":"VALIDATED","allowed_function_names":["f","g"]}})",
       R"(tool_choice.allowed = "g")"},
      {"a tool that only Google has", R"("tools":[{"googleSearch":{}}])",
       "tools[0].native = gemini: googleSearch {}"},
      {"a function's parameters",
       R"("tools":[{"function_declarations":[{"name":"f","parameters_json_schema":{"type":"object"}}]}])",
       R"(tools[0].schema = {"type":"object"})"},
      {"a system text", R"("system_instruction":{"parts":[{"text":"be"}]})",
       R"(system[0].text = "be")"},
      {"text alone as modality is what is asked anyway",
       R"("generationConfig":{"responseModalities":["TEXT"]})", "(harmless)"},
  };
  for (const Case& c : cases) {
    const std::string said = read(with_hi(c.members));
    EXPECT_NE(said.find(c.line), std::string::npos) << c.rule << "\n" << said;
  }
}

TEST(GeminiRequest, PartsBecomeBlocks) {
  const std::string foreign = wrapped("hf1:anthropic::sig+/=");
  struct Case {
    const char* rule;
    std::string contents;
    std::string messages;
  };
  const Case cases[] = {
      {"no role is the user's", R"([{"parts":[{"text":"a"}]}])",
       "messages[0] = user\nmessages[0].content[0] = text\nmessages[0].content[0].text = \"a\"\n"},
      {"a URL-safe image is in the standard alphabet afterwards",
       R"([{"parts":[{"inline_data":{"mime_type":"image/png","data":"_-8"}}]}])",
       "messages[0] = user\nmessages[0].content[0] = image\n"
       "messages[0].content[0].media = base64 \"image/png\" \"/+8=\"\n"},
      {"plain text is a text",
       R"([{"parts":[{"inlineData":{"mimeType":"text/plain","data":"aGk="}}]}])",
       "messages[0] = user\nmessages[0].content[0] = document\n"
       "messages[0].content[0].media = text \"text/plain\" \"hi\"\n"},
      {"an address that everybody can open",
       R"([{"parts":[{"fileData":{"fileUri":"https://e.org/a.png"}}]}])",
       "messages[0] = user\nmessages[0].content[0] = image\n"
       "messages[0].content[0].media = url \"\" \"https://e.org/a.png\"\n"},
      {"a file of Google's",
       R"([{"parts":[{"fileData":{"mimeType":"video/mp4","fileUri":"gs://b/a.mp4"}}]}])",
       "messages[0] = user\nmessages[0].content[0] = video\n"
       "messages[0].content[0].media = file_id \"video/mp4\" \"gs://b/a.mp4\"\n"},
      {"calls without ids get them, results find them by name and order; a text result is "
       "unwrapped",
       R"([{"role":"model","parts":[{"functionCall":{"name":"f","args":{"id":9007199254740993}},)"
       R"("thoughtSignature":"c2ln"},{"functionCall":{"name":"f"}}]},)"
       R"({"role":"user","parts":[{"functionResponse":{"name":"f","response":{"result":"one"}}},)"
       R"({"functionResponse":{"name":"f","response":{"error":"bad"}}},{"text":"and?"}]}])",
       "messages[0] = assistant\n"
       "messages[0].content[0] = tool_call\nmessages[0].content[0].name = \"f\"\n"
       "messages[0].content[0].id = \"call_0_0\"\n"
       "messages[0].content[0].arguments = \"{\\\"id\\\":9007199254740993}\"\n"
       "messages[0].content[0].signature.value = \"c2ln\"\n"
       "messages[0].content[1] = tool_call\nmessages[0].content[1].name = \"f\"\n"
       "messages[0].content[1].id = \"call_0_1\"\nmessages[0].content[1].arguments = \"{}\"\n"
       "messages[1] = tool\n"
       "messages[1].content[0] = tool_result\nmessages[1].content[0].name = \"f\"\n"
       "messages[1].content[0].id = \"call_0_0\"\n"
       "messages[1].content[0].content[0] = text\n"
       "messages[1].content[0].content[0].text = \"one\"\n"
       "messages[1].content[1] = tool_result\nmessages[1].content[1].name = \"f\"\n"
       "messages[1].content[1].id = \"call_0_1\"\n"
       "messages[1].content[1].content[0] = text\n"
       "messages[1].content[1].content[0].text = \"bad\"\n"
       "messages[1].content[1].is_error = true\n"
       "messages[2] = user\nmessages[2].content[0] = text\n"
       "messages[2].content[0].text = \"and?\"\n"},
      {"a result of another form is its own text, and its name is looked up",
       R"([{"role":"model","parts":[{"functionCall":{"id":"x","name":"g","args":{}},)"
       R"("thoughtSignature":"skip_thought_signature_validator"}]},)"
       R"({"parts":[{"functionResponse":{"id":"x","response":{"a":1,"b":[]}}}]}])",
       "messages[0] = assistant\n"
       "messages[0].content[0] = tool_call\nmessages[0].content[0].name = \"g\"\n"
       "messages[0].content[0].id = \"x\"\nmessages[0].content[0].arguments = \"{}\"\n"
       "messages[1] = tool\n"
       "messages[1].content[0] = tool_result\nmessages[1].content[0].name = \"g\"\n"
       "messages[1].content[0].id = \"x\"\nmessages[1].content[0].content[0] = text\n"
       "messages[1].content[0].content[0].text = \"{\\\"a\\\":1,\\\"b\\\":[]}\"\n"},
      {"a streamed turn that an SDK kept in chunks is one message, and its signature is back in "
       "place",
       R"([{"role":"model","parts":[{"text":"let me ","thought":true}]},)"
       R"({"role":"model","parts":[{"text":"think","thought":true}]},)"
       R"({"role":"model","parts":[{"text":"","thought":true,"thoughtSignature":")" +
           foreign + R"("}]},)" +
           R"({"role":"model","parts":[{"text":"Hel"}]},{"role":"model","parts":[{"text":"lo"}]},)"
           R"({"role":"model","parts":[{"text":""}]}])",
       "messages[0] = assistant\n"
       "messages[0].content[0] = thinking\nmessages[0].content[0].text = \"let me think\"\n"
       "messages[0].content[0].signature.value = \"sig+/=\"\n"
       "messages[0].content[0].signature.house = \"anthropic\"\n"
       "messages[0].content[1] = text\nmessages[0].content[1].text = \"Hello\"\n"},
      {"the same in one content: the signature is that of all pieces before it",
       R"([{"role":"model","parts":[{"text":"let ","thought":true},{"text":"me","thought":true},)"
       R"({"text":"","thought":true,"thoughtSignature":")" +
           foreign + R"("},{"text":"Hello"}]}])",
       "messages[0] = assistant\n"
       "messages[0].content[0] = thinking\nmessages[0].content[0].text = \"let me\"\n"
       "messages[0].content[0].signature.value = \"sig+/=\"\n"
       "messages[0].content[0].signature.house = \"anthropic\"\n"
       "messages[0].content[1] = text\nmessages[0].content[1].text = \"Hello\"\n"},
      {"a kind of part that is not known stays as it is", R"([{"parts":[{"newPart":{"a":1}}]}])",
       "messages[0] = user\nmessages[0].content[0] = native\n"
       "messages[0].content[0].extra = gemini: newPart {\"newPart\":{\"a\":1}}\n"},
      {"code that Google ran stays as it is",
       R"([{"role":"model","parts":[{"executableCode":{"code":"1"}}]}])",
       "messages[0] = assistant\nmessages[0].content[0] = native\n"
       "messages[0].content[0].extra = gemini: executableCode "
       "{\"executableCode\":{\"code\":\"1\"}}\n"},
  };
  for (const Case& c : cases)
    EXPECT_EQ(read(R"({"contents":)" + c.contents + "}"),
              "from = gemini\nmodel = \"gemini-3-pro\"\n" + c.messages)
        << c.rule;
}

TEST(GeminiRequest, WhatIsWrongIsNamed) {
  struct Case {
    const char* rule;
    std::string body;
    std::string_view param;
  };
  const Case cases[] = {
      {"no contents", "{}", "contents"},
      {"not JSON", "{", ""},
      {"another role", R"({"contents":[{"role":"system","parts":[]}]})", "contents[0].role"},
      {"two spellings of one field", with_hi(R"("generationConfig":{"topK":1,"top_k":2})"),
       "generationConfig.topK"},
      {"given twice", with_hi(R"("cachedContent":"a","generationConfig":{"seed":1,"seed":2})"),
       "generationConfig.seed"},
      {"a wrong type", with_hi(R"("generationConfig":{"temperature":"hot"})"),
       "generationConfig.temperature"},
      {"out of range", with_hi(R"("generationConfig":{"temperature":3})"),
       "generationConfig.temperature"},
      {"half a choice of tools",
       with_hi(R"("toolConfig":{"functionCallingConfig":{"mode":"SOME"}})"),
       "toolConfig.functionCallingConfig.mode"},
      {"not base64",
       R"({"contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":"a\"b"}}]}]})",
       "contents[0].parts[0].inlineData.data"},
      {"two kinds in one part",
       R"({"contents":[{"parts":[{"text":"a","functionCall":{"name":"f"}}]}]})",
       "contents[0].parts[0]"},
      {"a lone surrogate", R"({"contents":[{"parts":[{"text":"\ud83d"}]}]})", ""},
      {"a result of no known call without a name",
       R"({"contents":[{"parts":[{"functionResponse":{"id":"x","response":{}}}]}]})",
       "contents[0].parts[0].functionResponse.name"},
  };
  for (const Case& c : cases) {
    const auto request = codec().read_request(c.body, "m", false);
    ASSERT_FALSE(request) << c.rule;
    EXPECT_EQ(request.error().param, c.param) << c.rule;
    EXPECT_EQ(request.error().status, 400) << c.rule;
  }
}

TEST(GeminiRequest, CountsAreAskedForWithContentsOrAWholeRequest) {
  for (
      const std::string_view body :
      {R"({"contents":[{"parts":[{"text":"a"}]}]})",
       R"({"generateContentRequest":{"model":"models/m","contents":[{"parts":[{"text":"a"}]}]}})"}) {
    const auto request = read_count_request(body, "m");
    ASSERT_TRUE(request) << body;
    EXPECT_EQ(request->model, "m");
    EXPECT_EQ(request->messages.size(), 1U);
    std::vector<Loss> losses;
    const auto wire = write_count_request(*request, "m", {}, Api::gemini, losses);
    EXPECT_EQ(wire->path, "/models/m:countTokens");
    EXPECT_EQ(wire->body.joined(), R"({"generateContentRequest":{"model":"models/m",)"
                                   R"("contents":[{"role":"user","parts":[{"text":"a"}]}]}})");
  }
  EXPECT_EQ(read_count_answer(write_count_answer(7)).value(), 7);
  EXPECT_FALSE(read_count_answer("{}"));
}

}  // namespace
}  // namespace holdfast::dialect::gemini

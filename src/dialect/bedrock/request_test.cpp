#include <gtest/gtest.h>

#include "dialect/bedrock/codec.h"
#include "dialect/random_request.h"
#include "dialect/test_support.h"

namespace holdfast::dialect::bedrock {
namespace {

Abilities claude() {
  Abilities out;
  out.house = "anthropic";
  return out;
}

struct Written {
  std::string body, path, failure;
  std::vector<Loss> losses;
  std::string said() const {  // the losses, one per line
    std::string out;
    for (const Loss& loss : losses)
      out += fmt::format("{}{}: {}\n", loss.harmless ? "" : "! ", loss.field, loss.reason);
    return out;
  }
};

Written write(const Request& request, const Abilities& abilities = claude()) {
  Written out;
  const auto wire = codec().write_request(request, "anthropic.claude-v1:0", abilities, out.losses);
  if (!wire) {
    out.failure = wire.error().detail;
    return out;
  }
  out.body = wire->body.joined();
  out.path = wire->path;
  return out;
}

std::string read(std::string_view body) {
  const auto request = codec().read_request(body, "m", false);
  return request ? test::describe(*request) : "refused: " + request.error().message;
}

TEST(BedrockPath, IsReadAndWritten) {
  struct Case {
    const char* rule;
    std::string_view path, model;
    bool stream;
  };
  constexpr Case cases[] = {
      {"a colon is encoded", "/model/amazon.nova-lite-v1%3A0/converse", "amazon.nova-lite-v1:0",
       false},
      {"an ARN is one segment",
       "/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A123456789012%3Ainference-profile%2Feu.x/"
       "converse-stream",
       "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.x", true},
      {"a plain name", "/model/chat/converse-stream", "chat", true},
  };
  for (const Case& c : cases) {
    const auto read = read_path(c.path);
    ASSERT_TRUE(read) << c.rule;
    EXPECT_EQ(read->model, c.model) << c.rule;
    EXPECT_EQ(read->stream, c.stream) << c.rule;
    EXPECT_EQ(path_of(c.model, c.stream), c.path) << c.rule;
  }
  EXPECT_EQ(read_path("/model/a:0/converse")->model, "a:0") << "a colon as it is";
  EXPECT_EQ(read_path("/model/arn:x/y/converse")->model, "arn:x/y") << "a slash as it is";
  for (const char* wrong : {"/model//converse", "/model/converse", "/model/a/invoke", "/converse",
                            "/model/a%3/converse", "/model/a%zz/converse", "/model/a/converse/"})
    EXPECT_FALSE(read_path(wrong)) << wrong;
}

// What Converse can express of the canonical form.
test::Vocabulary words() {
  test::Vocabulary out;
  out.dialect = Dialect::bedrock;
  out.names = out.refusals = false;
  out.image_url = out.image_file = out.image_detail = false;
  out.document_url = out.document_file = false;
  out.document_needs_name = out.document_asks = true;
  out.result_names = out.signature_ids = false;
  out.choice_none = out.choice_allowed = false;
  out.temperatures = {"0", "0.70", "1.0"};
  out.penalties = out.n = out.seed = out.logprobs = false;
  out.json_object = out.format_text = out.format_strict = false;
  out.show = out.summary = out.verbosity = out.include_usage = out.pad_stream = false;
  out.service_tiers = {"default", "flex", "priority"};
  out.system_midway = true;
  out.extras = {{"inferenceConfig.topA", "0.50"},
                {"outputConfig.mode", R"({"a":1.0})"},
                {"additionalModelRequestFields.anthropic_beta", R"(["x-2026-01-01"])"},
                {"performanceConfig", R"({"latency":"optimized"})", true},
                {"guardrailConfig", R"({"guardrailIdentifier":"g","guardrailVersion":"1"})"}};
  out.cited_pieces = false;
  out.cited_history = {Citation::Source::document, Citation::Source::search_result};
  out.choices = 1;
  out.created = out.explanation = out.answer_logprobs = out.usage_reasoning = false;
  out.finishes = {FinishReason::stop,       FinishReason::stop_sequence,
                  FinishReason::length,     FinishReason::context_full,
                  FinishReason::tool_calls, FinishReason::content_filter,
                  FinishReason::fault};
  out.answer_extras = {{"trace", R"({"guardrail":{}})", true},
                       {"performanceConfig", R"({"latency":"standard"})", true}};
  return out;
}

TEST(BedrockRequest, WhatIsWrittenReadsAsItWas) {
  const test::Vocabulary vocabulary = words();
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    std::mt19937_64 random(seed);
    const Request request = test::any_request(random, vocabulary);
    const Written written = write(request);
    ASSERT_EQ(written.failure + written.said(), "") << seed;
    const auto path = read_path(written.path);
    ASSERT_TRUE(path);
    auto again = codec().read_request(written.body, request.model, path->stream);
    ASSERT_TRUE(again) << seed << again.error().message << written.body;
    ASSERT_EQ(test::describe(*again), test::describe(request)) << seed << written.body;
    ASSERT_EQ(write(*again).body, written.body) << seed;
  }
}

TEST(BedrockRequest, IsReadFieldByField) {
  struct Case {
    const char* rule;
    const char* body;
    const char* part;  // of the description, or of the refusal
  };
  constexpr Case cases[] = {
      {"results are a message of their own",
       R"({"messages":[{"role":"user","content":[
         {"toolResult":{"toolUseId":"c1","content":[{"json":{"b":1.0,"a":2}}],"status":"error"}},
         {"text":"and"}]}]})",
       "messages[0] = tool\nmessages[0].content[0] = tool_result\n"
       "messages[0].content[0].id = \"c1\"\nmessages[0].content[0].content[0] = text\n"
       "messages[0].content[0].content[0].text = \"{\\\"b\\\":1.0,\\\"a\\\":2}\"\n"
       "messages[0].content[0].is_error = true\nmessages[1] = user\n"},
      {"a cache point marks the block before it",
       R"({"messages":[{"role":"user","content":[{"text":"a"},{"cachePoint":{"type":"default"}}]}]})",
       "messages[0].content[0].cache_ttl = \"5m\"\n"},
      {"a first cache point has none to mark",
       R"({"messages":[{"role":"user","content":[{"cachePoint":{"type":"default"}},{"text":"a"}]}]})",
       "messages[0].content[0] = native\nmessages[0].content[0].extra = bedrock: cachePoint "},
      {"what only Converse knows is kept",
       R"({"messages":[{"role":"user","content":[{"guardContent":{"text":{"text":"x"}}}]}]})",
       R"(native
messages[0].content[0].extra = bedrock: guardContent {"guardContent":{"text":{"text":"x"}}})"},
      {"an image elsewhere too",
       R"({"messages":[{"role":"user","content":[
         {"image":{"format":"png","source":{"s3Location":{"uri":"s3://b/k"}}}}]}]})",
       "messages[0].content[0] = native\n"},
      {"cited text",
       R"({"messages":[{"role":"assistant","content":[{"citationsContent":{
         "content":[{"text":"a"},{"text":"b"}],"citations":[{"title":"t"}]}}]}]})",
       "messages[0].content[0].text = \"ab\"\nmessages[0].content[0].citations[0] = "
       "document title \"t\"\n"},
      {"a document whose places are to be cited",
       R"({"messages":[{"role":"user","content":[{"document":{"format":"pdf","name":"a","context":
         "of 1998","citations":{"enabled":true},"source":{"bytes":"JVBERg=="}}}]}]})",
       "messages[0].content[0].citable = true\nmessages[0].content[0].context = \"of 1998\"\n"},
      {"one that says more of it",
       R"({"messages":[{"role":"user","content":[{"document":{"format":"pdf","name":"a",
         "citations":{"enabled":true,"new":1},"source":{"bytes":"JVBERg=="}}}]}]})",
       "messages[0].content[0] = native\n"},
      {"a schema is text within the text",
       R"({"messages":[{"role":"user","content":[{"text":"a"}]}],"outputConfig":{"textFormat":{
         "type":"json_schema","structure":{"jsonSchema":{"schema":"{\"type\":\"object\"}"}}}}})",
       "format = json_schema\nformat.schema = {\"type\":\"object\"}\n"},
      {"thinking that is not shown",
       R"({"messages":[{"role":"user","content":[{"text":"a"}]}],"additionalModelRequestFields":{
         "thinking":{"type":"adaptive","display":"omitted"}}})",
       "reasoning.adaptive = true\nreasoning.show = false\n"},
      {"thinking in a way that is not known",
       R"({"messages":[{"role":"user","content":[{"text":"a"}]}],"additionalModelRequestFields":{
         "thinking":{"type":"between_tools"}}})",
       "bedrock: additionalModelRequestFields.thinking {\"type\":\"between_tools\"}\n"},
      {"a guardrail is not harmless",
       R"({"messages":[{"role":"user","content":[{"text":"a"}]}],"guardrailConfig":{"x":1}})",
       "extras[0] = bedrock: guardrailConfig {\"x\":1}\n"},
      {"a tier that others lack is",
       R"({"messages":[{"role":"user","content":[{"text":"a"}]}],"serviceTier":{"type":"reserved"}})",
       "extras[0] = bedrock: serviceTier {\"type\":\"reserved\"} (harmless)\n"},
      {"a system tool",
       R"({"messages":[{"role":"user","content":[{"text":"a"}]}],"toolConfig":{"tools":[
         {"systemTool":{"name":"nova_grounding"}}]}})",
       "tools[0].native = bedrock: systemTool {\"systemTool\":{\"name\":\"nova_grounding\"}}"},
      {"a signature finds back from its envelope",
       R"({"messages":[{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{
         "text":"t","signature":"hf1:openai:rs_1:abc"}}}]}]})",
       "signature.value = \"abc\"\nmessages[0].content[0].signature.house = \"openai\"\n"
       "messages[0].content[0].signature.id = \"rs_1\"\n"},
      {"redacted content from an envelope in base64",
       R"({"messages":[{"role":"assistant","content":[{"reasoningContent":{
         "redactedContent":"aGYxOm9wZW5haTpyc18xOmFiYw=="}}]}]})",
       "redacted_thinking\nmessages[0].content[0].signature.value = \"abc\"\n"
       "messages[0].content[0].signature.house = \"openai\"\n"},
      {"a signature of what Converse does not sign",
       R"({"messages":[{"role":"assistant","content":[{"toolUse":{"toolUseId":"c","name":"f",
         "input":{}}},{"reasoningContent":{"reasoningText":{"text":"",
         "signature":"hf1:google:previous:abc"}}}]}]})",
       "arguments = \"{}\"\nmessages[0].content[0].signature.value = \"abc\"\n"
       "messages[0].content[0].signature.house = \"google\"\n"},
      {"messages are needed", R"({"system":[{"text":"a"}]})", "refused: messages: is needed"},
      {"the role", R"({"messages":[{"role":"tool","content":[]}]})",
       "refused: messages[0].role: expected user, assistant or system"},
      {"one member a block",
       R"({"messages":[{"role":"user","content":[{"text":"a","image":{}}]}]})",
       "refused: messages[0].content[0]: expected an object with one member"},
      {"a range", R"({"messages":[{"role":"user","content":[{"text":"a"}]}],
         "inferenceConfig":{"temperature":1.5}})",
       "refused: inferenceConfig.temperature: expected a number from 0 to 1"},
      {"a field given twice", R"({"messages":[{"role":"user","content":[{"text":"a"}]}],
         "messages":[]})",
       "refused: messages: is given twice"},
      {"bytes that would end their string",
       R"({"messages":[{"role":"user","content":[{"image":{"format":"png","source":{
         "bytes":"AA\",\"x\":\""}}}]}]})",
       "refused: messages[0].content[0].image.source.bytes: is no base64"},
      {"half of a character", R"({"messages":[{"role":"user","content":[{"text":"\ud83d"}]}]})",
       "refused: The body is not acceptable JSON"},
  };
  for (const Case& c : cases) {
    const std::string said = read(c.body);
    EXPECT_NE(said.find(c.part), std::string::npos) << c.rule << "\n" << said;
  }
}

TEST(BedrockRequest, WhatOnlyItKnowsGoesBackVerbatim) {
  constexpr const char* parts[] = {
      R"({"guardContent":{"text":{"text":"x"}}})",
      R"({"image":{"format":"png","source":{"s3Location":{"uri":"s3://b/k"}}}})",
      R"({"searchResult":{"source":"s","title":"t","content":[{"text":"x"}]}})",
      R"({"toolResult":{"toolUseId":"c1","content":[{"json":{"b": 1.0}}]}})",
  };
  for (const char* part : parts) {
    const std::string body =
        fmt::format(R"({{"messages":[{{"role":"user","content":[{}]}}]}})", part);
    const auto request = codec().read_request(body, "m", false);
    ASSERT_TRUE(request) << request.error().message;
    EXPECT_NE(write(*request).body.find(part), std::string::npos) << write(*request).body;
  }
  constexpr const char* members[] = {R"("new\\member":1)",
                                     R"("additionalModelRequestFields":{"a\"b":2})"};
  for (const char* member : members) {
    const std::string body =
        fmt::format(R"({{"messages":[{{"role":"user","content":[{{"text":"x"}}]}}],{}}})", member);
    const auto request = codec().read_request(body, "m", false);
    ASSERT_TRUE(request) << request.error().message;
    EXPECT_NE(write(*request).body.find(member), std::string::npos) << write(*request).body;
  }
}

Block text_of(std::string_view text) {
  Block out;
  out.text = text;
  return out;
}

Tool tool_of(std::string_view name) {
  Tool out;
  out.name = name;
  return out;
}

// A request of an OpenAI client with one question.
Request question() {
  Request out;
  out.model = "m";
  out.messages.push_back({Role::user, {}, {text_of("hi")}});
  return out;
}

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
  out.content.push_back(text_of("r"));
  return out;
}

Block document(bool citable) {
  Block out;
  out.kind = BlockKind::document;
  out.media = {Media::From::text, "d", "text/plain"};
  out.citable = citable;
  return out;
}

TEST(BedrockRequest, OnlyClaudeCitesDocuments) {
  Abilities nova;
  nova.house = "amazon";
  Request request = question();
  request.messages[0].content.push_back(document(true));
  EXPECT_EQ(write(request, nova).said(),
            "! messages[0].content[1].citations: of Converse's models, only Claude cites "
            "documents\n");
  request.messages[0].content.back() = document(false);
  EXPECT_EQ(write(request, nova).said(), "");
  EXPECT_EQ(write(request, {}).said(), "") << "nobody knows whose model it is";
}

TEST(BedrockRequest, WhatItCannotSayIsNamed) {
  struct Case {
    const char* rule;
    void (*change)(Request&);
    const char* losses;  // '!': not harmless
  };
  const Case cases[] = {
      {"nothing is lost of a plain question", [](Request&) {}, ""},
      {"seed", [](Request& r) { r.seed = Number{"7", 7}; }, "! seed: Converse has no seed\n"},
      {"as Gemini spells it",
       [](Request& r) {
         r.from = Dialect::gemini;
         r.seed = Number{"7", 7};
       },
       "! generationConfig.seed: Converse has no seed\n"},
      {"several answers", [](Request& r) { r.n = 2; }, "! n: Converse has no n\n"},
      {"one is what there is", [](Request& r) { r.n = 1; }, ""},
      {"a penalty of nothing", [](Request& r) { r.presence_penalty = Number{"0.0", 0}; }, ""},
      {"logprobs", [](Request& r) { r.logprobs = true; }, "! logprobs: Converse has no logprobs\n"},
      {"a temperature is not scaled", [](Request& r) { r.temperature = Number{"1.5", 1.5}; },
       "! temperature: Converse takes 0 to 1\n"},
      {"any JSON", [](Request& r) { r.format.kind = Format::Kind::json_object; },
       "! response_format: Converse takes a JSON schema, not any object\n"},
      {"citations of a document, by Claude",
       [](Request& r) { r.messages[0].content.push_back(document(true)); }, ""},
      {"an image elsewhere",
       [](Request& r) {
         Block image;
         image.kind = BlockKind::image;
         image.media = {Media::From::url, "https://x/y.png", {}};
         r.messages[0].content.push_back(image);
       },
       "! messages[0].content[1]: Converse takes media inline, not by URL\n"},
      {"a prefill",
       [](Request& r) { r.messages.push_back({Role::assistant, {}, {text_of("Once")}}); },
       "! messages[1]: the model does not continue an answer that was begun\n"},
      {"a thought of another house",
       [](Request& r) {
         Block thought;
         thought.kind = BlockKind::thinking;
         thought.text = "hm";
         thought.signature = {"sig", "google", {}};
         r.messages.push_back({Role::assistant, {}, {thought, text_of("a")}});
         r.messages.push_back({Role::user, {}, {text_of("b")}});
       },
       "messages[1].content[0].signature: only google can read it\n"},
      {"a call without its tools",
       [](Request& r) {
         r.messages.push_back({Role::assistant, {}, {call("c", "{}")}});
         r.messages.push_back({Role::tool, {}, {result("c")}});
       },
       "! tools: Converse needs the tools that the conversation has called\n"},
      {"arguments that were cut",
       [](Request& r) {
         r.tools.push_back(tool_of("f"));
         r.messages.push_back({Role::assistant, {}, {call("c", R"({"a":)"), text_of("x")}});
         r.messages.push_back({Role::user, {}, {text_of("b")}});
       },
       "! messages[1].content[0].arguments: Converse takes an object\n"},
      {"a field of another dialect",
       [](Request& r) { r.extras.push_back({Dialect::openai, "prompt_cache_key", "1", true}); },
       "prompt_cache_key: only openai has it\n"},
      {"a tier", [](Request& r) { r.service_tier = "scale"; },
       "service_tier: Bedrock has no tier \"scale\"\n"},
      {"metadata beyond its alphabet", [](Request& r) { r.metadata = R"({"a":"\u00e9"})"; },
       "metadata: Bedrock takes 16 texts of letters, digits and a few signs\n"},
      {"an effort beside a forced call",
       [](Request& r) {
         r.tools.push_back(tool_of("f"));
         r.tool_choice.mode = ToolChoice::Mode::required;
         r.reasoning.effort = Effort::high;
       },
       "reasoning_effort: the model cannot think when it has to call a tool\n"},
  };
  for (const Case& c : cases) {
    Request request = question();
    c.change(request);
    const Written written = write(request);
    EXPECT_EQ(written.failure, "") << c.rule;
    EXPECT_EQ(written.said(), c.losses) << c.rule;
    EXPECT_TRUE(codec().read_request(written.body, "m", false)) << c.rule << written.body;
  }
}

TEST(BedrockRequest, IsWrittenForItsModel) {
  struct Case {
    const char* rule;
    void (*change)(Request&, Abilities&);
    const char* part;
  };
  const Case cases[] = {
      {"neighbours of one role are one turn",
       [](Request& r, Abilities&) { r.messages.push_back({Role::user, {}, {text_of("b")}}); },
       R"("messages":[{"role":"user","content":[{"text":"hi"},{"text":"b"}]}])"},
      {"results come first, and an empty text not at all",
       [](Request& r, Abilities&) {
         r.tools.push_back(tool_of("f"));
         r.messages.push_back({Role::assistant, {}, {Block{}, call("c!", "")}});
         r.messages.push_back({Role::user, {}, {text_of("b")}});
         r.messages.push_back({Role::tool, {}, {result("c!")}});
       },
       R"({"role":"assistant","content":[{"toolUse":{"toolUseId":"id_)"},
      {"a schema where none was given",
       [](Request& r, Abilities&) { r.tools.push_back(tool_of("f")); },
       R"("inputSchema":{"json":{"type":"object","properties":{}}})"},
      {"no calls: no tools",
       [](Request& r, Abilities&) {
         r.tools.push_back(tool_of("f"));
         r.tool_choice.mode = ToolChoice::Mode::none;
       },
       R"("content":[{"text":"hi"}]}]})"},
      {"one call at a time, in Claude's words",
       [](Request& r, Abilities&) {
         r.tools.push_back(tool_of("f"));
         r.parallel_tools = false;
       },
       R"("tool_choice":{"type":"auto","disable_parallel_tool_use":true})"},
      {"top_k is the model's", [](Request& r, Abilities&) { r.top_k = 5; },
       R"("additionalModelRequestFields":{"top_k":5})"},
      {"and Nova's in another place",
       [](Request& r, Abilities& a) {
         a.house = "amazon";
         r.top_k = 5;
       },
       R"("additionalModelRequestFields":{"inferenceConfig":{"topK":5}})"},
      {"an effort is a budget", [](Request& r, Abilities&) { r.reasoning.effort = Effort::medium; },
       R"("thinking":{"type":"enabled","budget_tokens":8192})"},
      {"within the limit of tokens",
       [](Request& r, Abilities&) {
         r.reasoning.effort = Effort::high;
         r.max_tokens = 4096;
       },
       R"("thinking":{"type":"enabled","budget_tokens":2048})"},
      {"or adaptive where the model can",
       [](Request& r, Abilities& a) {
         a.adaptive_thinking = true;
         r.reasoning.effort = Effort::high;
       },
       R"("outputConfig":{"effort":"high"},"additionalModelRequestFields":{"thinking":{"type":"adaptive"}})"},
      {"other houses take the effort",
       [](Request& r, Abilities& a) {
         a.house = "openai";
         r.reasoning.effort = Effort::high;
       },
       R"("outputConfig":{"effort":"high"}})"},
      {"which stop sequence it was is asked for", [](Request& r, Abilities&) { r.stop = {"END"}; },
       R"("additionalModelResponseFieldPaths":["/stop_sequence"])"},
      {"a document has a name and a text",
       [](Request& r, Abilities&) {
         Block document;
         document.kind = BlockKind::document;
         document.name = "Q3_report.final.pdf";
         document.media = {Media::From::base64, "JVBERi0=", "application/pdf"};
         r.messages[0].content = {document, document};
       },
       R"({"document":{"format":"pdf","name":"Q3-report-final-2","source":{"bytes":"JVBERi0="}}},{"text":"The document."})"},
      {"a later system text between marks",
       [](Request& r, Abilities&) {
         r.messages.push_back({Role::system, {}, {text_of("be brief")}});
       },
       R"({"text":"<system>\nbe brief\n</system>"})"},
      {"a cache point behind its block",
       [](Request& r, Abilities&) { r.messages[0].content[0].cache_ttl = "1h"; },
       R"({"text":"hi"},{"cachePoint":{"type":"default","ttl":"1h"}})"},
      {"the limit of the model",
       [](Request& r, Abilities& a) {
         a.max_output = 100;
         r.max_tokens = 200;
       },
       R"("inferenceConfig":{"maxTokens":100})"},
      {"the end user", [](Request& r, Abilities&) { r.user = "u-1"; },
       R"("requestMetadata":{"user_id":"u-1"})"},
  };
  for (const Case& c : cases) {
    Request request = question();
    Abilities abilities = claude();
    c.change(request, abilities);
    const Written written = write(request, abilities);
    EXPECT_NE(written.body.find(c.part), std::string::npos) << c.rule << "\n"
                                                            << written.body << written.failure;
  }
}

TEST(BedrockRequest, WhatCannotBeSaidAtAllIsRefused) {
  Request request = question();
  request.tools.push_back(tool_of("with.dot"));
  EXPECT_EQ(write(request).failure,
            "tools[0].name: Converse takes 1 to 64 letters, digits, '_' and '-'");
}

TEST(BedrockRequest, LargeMediaIsNotCopied) {
  const std::string data(1U << 20U, 'A');
  const std::string body =
      R"({"messages":[{"role":"user","content":[{"image":{"format":"png","source":{"bytes":")" +
      data + R"("}}}]}]})";
  const auto request = codec().read_request(body, "m", false);
  ASSERT_TRUE(request);
  const Block& image = request->messages[0].content[0];
  EXPECT_TRUE(image.media.data.data() > body.data() &&
              image.media.data.data() < body.data() + body.size());
  std::vector<Loss> losses;
  auto wire = codec().write_request(*request, "m", claude(), losses);
  ASSERT_TRUE(wire);
  EXPECT_LT(wire->body.own().size(), 1000U);
  EXPECT_EQ(wire->body.joined(), body);
}

TEST(BedrockAnswer, WhatIsWrittenReadsAsItWas) {
  const test::Vocabulary vocabulary = words();
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    std::mt19937_64 random(seed);
    Response response = test::any_response(random, vocabulary);
    response.id = response.model = {};  // Converse tells neither
    for (Block& block : response.choices[0].content) block.cache_ttl = {};
    const std::string body = codec().write_answer(response, {});
    const auto again = codec().read_answer(body);
    ASSERT_TRUE(again) << seed << again.error().detail << body;
    ASSERT_EQ(test::describe(*again), test::describe(response)) << seed << body;
    ASSERT_EQ(codec().write_answer(*again, {}), body) << seed;
  }
}

TEST(BedrockStream, WhatIsWrittenReadsAsItWas) {
  test::Vocabulary vocabulary = words();
  vocabulary.answer_extras.clear();
  vocabulary.answer_tier = false;
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    std::mt19937_64 random(seed);
    Response response = test::any_response(random, vocabulary);
    response.id = response.model = {};
    const auto events = test::events_of(response, random);
    AnswerContext context;
    context.pad_seed = seed;
    context.pad = seed % 2 == 0;
    const auto writer = codec().stream_writer(context);
    std::string bytes;
    for (const StreamEvent& event : events) writer->write(event, bytes);
    const auto reader = codec().stream_reader();
    ASSERT_EQ(test::read_stream(*reader, bytes, 1 + seed % 50, true), test::describe(events, true))
        << seed;
  }
}

}  // namespace
}  // namespace holdfast::dialect::bedrock

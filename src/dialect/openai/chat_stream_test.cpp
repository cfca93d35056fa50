#include <gtest/gtest.h>

#include <algorithm>

#include "dialect/openai/codec.h"
#include "dialect/test_support.h"

namespace holdfast::dialect::openai {
namespace {

// A stream of events: each line is the data of one.
std::string stream(std::initializer_list<std::string_view> lines) {
  std::string out;
  for (const std::string_view line : lines) out.append("data: ").append(line).append("\n\n");
  return out;
}
// A chunk whose one choice has these members.
std::string chunk(std::string_view choice) {
  return fmt::format(R"({{"id":"a","created":1,"model":"m","choices":[{{"index":0,{}}}]}})",
                     choice);
}
std::string delta(std::string_view members) {
  return chunk(fmt::format(R"("delta":{{{}}},"finish_reason":null)", members));
}
const std::string stop = chunk(R"("delta":{},"finish_reason":"stop")");
constexpr std::string_view started = "start id = \"a\" name = \"m\" created_s = 1\n";

struct Case {
  const char* rule;
  const Deviations& from;
  std::string bytes;
  std::string want;
};

void expect_events(const Case& c) {
  for (const std::size_t size : {c.bytes.size(), std::size_t{1}, std::size_t{7}}) {
    const auto reader = ChatCodec(c.from).stream_reader();
    EXPECT_EQ(test::read_stream(*reader, c.bytes, size), c.want) << c.rule << ", by " << size;
  }
}

TEST(ChatStream, IsReadFromEveryServer) {
  using namespace deviations;
  const std::string usage = R"("usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5})";
  const std::string text = std::string(started) + "block_start 0.0 kind = text\n";
  const std::string told = "block_stop 0.0 kind = text\nfinish 0 finish = stop\n";
  const std::string usage_event = "usage usage.tokens_in = 3 usage.tokens_out = 2\n";
  const Case cases[] = {
      {"text, usage behind the last choice", deviations::openai,
       stream({delta(R"("role":"assistant","content":"")"), delta(R"("content":"gr\u00fc\u00df")"),
               delta(R"("content":"\ud83d\ude00é")"), stop,
               "{\"id\":\"a\",\"choices\":[]," + usage + "}", "[DONE]"}),
       text + "delta 0.0 kind = text text = \"grüß\"\ndelta 0.0 kind = text text = \"😀é\"\n" +
           told + usage_event + "end\n"},
      {"no [DONE], no blank line at the end, CR LF, comments, a mark, empty frames",
       deviations::openai,
       "\xef\xbb\xbf: hi\r\n\r\ndata:\r\n\r\nevent: x\r\ndata: " + delta(R"("content":"a")") +
           "\r\n\r\ndata: " + stop,
       text + "delta 0.0 kind = text text = \"a\"\n" + told + "end\n"},
      {"annotations count from the beginning of the content, whatever stood between",
       deviations::openai,
       stream({delta(R"("content":"\u00fc\ud83d\ude00")"), delta(R"("refusal":"r")"),
               delta(R"("content":"bc","annotations":[{"type":"url_citation","url_citation":)"
                     R"({"url":"https://a.example/","title":"","start_index":2,"end_index":3}},)"
                     R"({"type":"url_citation","url_citation":{"url":"https://b.example/",)"
                     R"("start_index":0,"end_index":1}}])"),
               stop, "[DONE]"}),
       text + "delta 0.0 kind = text text = \"ü😀\"\nblock_stop 0.0 kind = text\n"
              "block_start 0.1 kind = refusal\ndelta 0.1 kind = refusal text = \"r\"\n"
              "block_stop 0.1 kind = refusal\nblock_start 0.2 kind = text\n"
              "delta 0.2 kind = text text = \"bc\"\n"
              "citation 0.2 kind = text citation = url of 0 to 1 url \"https://a.example/\"\n"
              "citation 0.0 kind = text citation = url of 0 to 1 url \"https://b.example/\"\n"
              "block_stop 0.2 kind = text\nfinish 0 finish = stop\nend\n"},
      {"[DONE] twice, and things behind it", deviations::openai,
       stream({delta(R"("content":"a")"), stop, "[DONE]", "[DONE]", delta(R"("content":"b")")}),
       text + "delta 0.0 kind = text text = \"a\"\n" + told + "end\n"},
      {"a cut stream has no end", deviations::openai, stream({delta(R"("content":"a")")}),
       text + "delta 0.0 kind = text text = \"a\"\n"},
      {"two finish chunks; unknown members", deviations::openai,
       stream({delta(R"("content":"a","new":{"x":[1]})"), stop, stop, "[DONE]"}),
       text + "delta 0.0 kind = text text = \"a\"\n" + told + "end\n"},
      {"Azure: filter results first, offsets later", azure,
       stream({R"({"id":"","model":"","choices":[],"prompt_filter_results":[]})",
               delta(R"("content":"a")"),
               R"({"id":"","choices":[{"index":0,"content_filter_offsets":{}}]})", stop, "[DONE]"}),
       text + "delta 0.0 kind = text text = \"a\"\n" + told + "end\n"},
      {"usage on each chunk", deviations::openai,
       stream(
           {R"({"id":"a","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"a"}}],)" +
                usage + "}",
            R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],)" + usage + "}"}),
       text + "delta 0.0 kind = text text = \"a\"\n" + usage_event + told + usage_event + "end\n"},
      {"Groq: usage beside, thoughts by another name", groq,
       stream(
           {delta(R"("reasoning":"t")"), delta(R"("content":"a")"),
            R"({"x_groq":{"usage":{"prompt_tokens":3,"completion_tokens":2}},"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})",
            "[DONE]"}),
       std::string(started) +
           "block_start 0.0 kind = thinking\ndelta 0.0 kind = thinking text = \"t\"\nblock_stop "
           "0.0 kind = thinking\nblock_start 0.1 kind = text\ndelta 0.1 kind = text text = "
           "\"a\"\nblock_stop 0.1 kind = text\nfinish 0 finish = stop\n" +
           usage_event + "end\n"},
      {"Perplexity: sources beside each chunk, the last ones are all", deviations::openai,
       stream(
           {R"({"id":"a","created":1,"model":"m","citations":["https://a.example/"],"search_results":[{"title":"A","url":"https://a.example/","date":null}],"choices":[{"index":0,"delta":{"content":"a[1]"}}]})",
            R"({"citations":["https://a.example/","https://b.example/"],"search_results":[{"title":"A","url":"https://a.example/"},{"title":"B","url":"https://b.example/"}],"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})"}),
       text +
           "delta 0.0 kind = text text = \"a[1]\"\n"
           "citation 0.0 kind = text citation = url url \"https://a.example/\" title \"A\"\n"
           "citation 0.0 kind = text citation = url url \"https://b.example/\" title \"B\"\n" +
           told + "end\n"},
      {"xAI: addresses alone, in the last chunk", xai,
       stream(
           {delta(R"("content":"a")"),
            R"({"citations":["https://a.example/","no address"],"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})",
            "[DONE]"}),
       text +
           "delta 0.0 kind = text text = \"a\"\n"
           "citation 0.0 kind = text citation = url url \"https://a.example/\"\n" +
           told + "end\n"},
      {"sources of pieces are told once", deviations::openai,
       stream(
           {delta(
                R"("content":"a","annotations":[{"type":"url_citation","url_citation":{"url":"https://a.example/","title":"","start_index":0,"end_index":1}}])"),
            R"({"citations":["https://a.example/"],"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})",
            "[DONE]"}),
       text +
           "delta 0.0 kind = text text = \"a\"\n"
           "citation 0.0 kind = text citation = url of 0 to 1 url \"https://a.example/\"\n" +
           told + "end\n"},
      {"Mistral: references behind what they back", mistral,
       stream(
           {delta(
                R"("content":[{"type":"text","text":"\u00fc."},{"type":"reference","reference_ids":[0,"b"]}])"),
            delta(
                R"("content":[{"type":"text","text":"cd"},{"type":"tool_reference","tool":"web_search","title":"T","url":"https://a.example/","description":"d"}])"),
            stop, "[DONE]"}),
       text +
           "delta 0.0 kind = text text = \"ü.\"\n"
           "citation 0.0 kind = text citation = document of 0 to 2 title \"0\"\n"
           "citation 0.0 kind = text citation = document of 0 to 2 title \"b\"\n"
           "delta 0.0 kind = text text = \"cd\"\n"
           "citation 0.0 kind = text citation = url of 2 to 4 url \"https://a.example/\" title "
           "\"T\" cited \"d\"\n" +
           told + "end\n"},
      {"Mistral: content as parts, thoughts among them", mistral,
       stream(
           {delta(
                R"("content":[{"type":"thinking","thinking":[{"type":"text","text":"t"}],"signature":"s"}])"),
            delta(R"("content":[{"type":"text","text":"a"}])"), stop, "[DONE]"}),
       std::string(started) +
           "block_start 0.0 kind = thinking\ndelta 0.0 kind = thinking text = \"t\"\nsignature 0.0 "
           "kind = thinking signature.value = \"s\" signature.house = \"mistral\"\nblock_stop 0.0 "
           "kind = thinking\nblock_start 0.1 kind = text\ndelta 0.1 kind = text text = "
           "\"a\"\nblock_stop 0.1 kind = text\nfinish 0 finish = stop\nend\n"},
  };
  for (const Case& c : cases) expect_events(c);
}

// A body that breaks off between the finish and the usage that it waits for.
TEST(ChatStream, TellsAFinishThatHadComeWhenTheRestBroke) {
  const auto finishes = [](const std::string& bytes) {
    const auto reader = ChatCodec(deviations::openai).stream_reader();
    std::vector<StreamEvent> events, rest;
    EXPECT_TRUE(reader->feed(bytes, events).has_value());
    reader->broke_off(rest);
    return std::ranges::count(rest, EventKind::finish, &StreamEvent::kind);
  };
  EXPECT_EQ(finishes(stream({delta(R"("content":"a")"), stop})), 1);
  EXPECT_EQ(finishes(stream({delta(R"("content":"a")")})), 0);
  EXPECT_EQ(finishes(stream({delta(R"("content":"a")"), stop, "[DONE]"})), 0) << "told before";
}

TEST(ChatStream, ToolCallsInEveryManner) {
  using namespace deviations;
  const std::string calls = chunk(R"("delta":{},"finish_reason":"tool_calls")");
  const std::string opened =
      std::string(started) + "block_start 0.0 kind = tool_call id = \"c1\" name = \"f\"\n";
  const std::string second = "block_start 0.1 kind = tool_call id = \"c2\" name = \"g\"\n";
  const std::string ended =
      "block_stop 0.0 kind = tool_call\nblock_stop 0.1 kind = tool_call\n"
      "finish 0 finish = tool_calls\nend\n";
  const Case cases[] = {
      {"pieces, interleaved", deviations::openai,
       stream(
           {delta(
                R"("tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":""}}])"),
            delta(
                R"("tool_calls":[{"index":1,"id":"c2","type":"function","function":{"name":"g","arguments":"{"}}])"),
            delta(R"("tool_calls":[{"index":0,"function":{"arguments":"{\"a\":1}"}}])"),
            delta(R"("tool_calls":[{"index":1,"id":"","function":{"arguments":"}"}}])"), calls,
            "[DONE]"}),
       opened + second +
           "delta 0.1 kind = tool_call text = \"{\"\ndelta 0.0 kind = tool_call text = "
           "\"{\\\"a\\\":1}\"\ndelta 0.1 kind = tool_call text = \"}\"\n" +
           ended},
      {"whole calls, arguments as objects, finish stop", mistral,
       stream(
           {chunk(
                R"("delta":{"content":"","tool_calls":[{"id":"c1","function":{"name":"f","arguments":{"a":1.0}}},{"id":"c2","function":{"name":"g","arguments":"{}"}}]},"finish_reason":"stop")"),
            "[DONE]"}),
       opened + "delta 0.0 kind = tool_call text = \"{\\\"a\\\":1.0}\"\n" + second +
           "delta 0.1 kind = tool_call text = \"{}\"\n" + ended},
      {"every call has the index 0", ollama,
       stream(
           {delta(
                R"("tool_calls":[{"index":0,"id":"c1","function":{"name":"f","arguments":"{}"}}])"),
            delta(
                R"("tool_calls":[{"index":0,"id":"c2","function":{"name":"g","arguments":"{}"}}])"),
            calls, "[DONE]"}),
       opened + "delta 0.0 kind = tool_call text = \"{}\"\n" + second +
           "delta 0.1 kind = tool_call text = \"{}\"\n" + ended},
  };
  for (const Case& c : cases) expect_events(c);
}

TEST(ChatStream, ErrorsOfEveryShape) {
  using namespace deviations;
  const std::string text =
      std::string(started) + "block_start 0.0 kind = text\ndelta 0.0 kind = text text = \"a\"\n";
  const std::string begun = delta(R"("content":"a")");
  const Case cases[] = {
      {"an object", deviations::openai,
       stream({begun, R"({"error":{"message":"m","type":"t","code":"c"}})", "[DONE]"}),
       text + "error message = \"m\" type = \"t\" code = \"c\"\n"},
      {"a number as code", openrouter,
       stream({begun, R"({"id":"a","choices":[],"error":{"message":"m","code":502}})"}),
       text + "error message = \"m\" code = \"502\"\n"},
      {"within a choice", openrouter,
       stream({begun, chunk(R"("delta":{},"finish_reason":"error","error":{"message":"m"})")}),
       text + "error message = \"m\"\n"},
      {"a text", xai, stream({begun, R"({"code":"c","error":"m"})"}),
       text + "error message = \"m\" code = \"c\"\n"},
      {"flat", vllm, stream({begun, R"({"object":"error","message":"m","type":"t","code":400})"}),
       text + "error message = \"m\" type = \"t\" code = \"400\"\n"},
      {"an array around it", deviations::openai, stream({begun, R"([{"error":{"message":"m"}}])"}),
       text + "error message = \"m\"\n"},
      {"no JSON", deviations::openai, stream({begun, "oops"}),
       text + "failed: an event is not JSON: expected a value"},
      {"cut within an event", deviations::openai, stream({begun}) + R"(data: {"id":)",
       text + "failed: an event is not JSON: the text ends too early"},
  };
  for (const Case& c : cases) {
    for (const std::size_t size : {c.bytes.size(), std::size_t{1}}) {
      const auto reader = ChatCodec(c.from).stream_reader();
      std::string got = test::read_stream(*reader, c.bytes, size);
      if (const auto failed = got.find("failed: an event is not JSON"); failed != std::string::npos)
        got.resize(failed + 28);
      std::string want = c.want;
      if (const auto failed = want.find("failed: an event is not JSON");
          failed != std::string::npos)
        want.resize(failed + 28);
      EXPECT_EQ(got, want) << c.rule;
    }
  }
}

// --- to clients

StreamEvent event(EventKind kind) {
  StreamEvent out;
  out.kind = kind;
  return out;
}
StreamEvent of_block(EventKind kind, std::uint32_t block, BlockKind block_kind,
                     std::string_view text = {}) {
  StreamEvent out = event(kind);
  out.block = block;
  out.block_kind = block_kind;
  out.text = text;
  return out;
}

AnswerContext plain() {
  AnswerContext context;
  context.request_id = "r";
  context.model = "mine";
  context.now_s = 9;
  context.pad = false;
  return context;
}

TEST(ChatStream, IsWrittenAsOpenAiWritesIt) {
  AnswerContext context = plain();
  context.include_usage = true;
  const auto writer = codec().stream_writer(context);
  std::string out;
  StreamEvent start = event(EventKind::start);
  start.id = "theirs";
  writer->write(start, out);
  EXPECT_EQ(out, "") << "nothing before the first block";
  writer->write(of_block(EventKind::block_start, 0, BlockKind::text), out);
  writer->write(of_block(EventKind::delta, 0, BlockKind::text, "a\n"), out);
  writer->write(of_block(EventKind::block_stop, 0, BlockKind::text), out);
  StreamEvent call = of_block(EventKind::block_start, 1, BlockKind::tool_call);
  call.id = "c1";
  call.name = "f";
  writer->write(call, out);
  writer->write(of_block(EventKind::delta, 1, BlockKind::tool_call, R"({"x")"), out);
  StreamEvent finish = event(EventKind::finish);
  finish.finish = FinishReason::tool_calls;
  writer->write(finish, out);
  StreamEvent usage = event(EventKind::usage);
  usage.usage.tokens_in = 1;
  usage.usage.tokens_out = 2;
  writer->write(usage, out);
  writer->write(event(EventKind::ping), out);
  writer->write(event(EventKind::end), out);
  writer->keep_alive(out);
  const std::string head =
      R"(data: {"id":"chatcmpl-r","object":"chat.completion.chunk","created":9,"model":"mine","choices":[)";
  const auto line = [&head](std::string_view delta_text, std::string_view reason = "null") {
    return fmt::format(
        "{}{{\"index\":0,\"delta\":{{{}}},\"logprobs\":null,\"finish_reason\":{}}}],\"usage\":null}"
        "}"
        "\n\n",
        head, delta_text, reason);
  };
  EXPECT_EQ(
      out,
      line(R"("role":"assistant","content":"")") + line(R"("content":"a\n")") +
          line(
              R"("tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":""}}])") +
          line(R"("tool_calls":[{"index":0,"function":{"arguments":"{\"x\""}}])") +
          line("", R"("tool_calls")") + ": keep-alive\n\n" + head +
          R"(],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}})" +
          "\n\ndata: [DONE]\n\n");
}

TEST(ChatStream, EndsWithOneErrorAndNothingBehindIt) {
  const auto writer = codec().stream_writer(plain());
  std::string out;
  writer->error({502, "it broke", "", "", FailureClass::cut_stream, {}}, out);
  writer->write(event(EventKind::end), out);
  writer->keep_alive(out);
  EXPECT_EQ(
      out,
      "data: "
      R"({"error":{"message":"it broke","type":"server_error","param":null,"code":"cut_stream"}})"
      "\n\n");
}

TEST(ChatStream, ASignatureOfACallIsAPieceOfItsFunction) {
  // SDKs take it for granted that every piece of a call has `function`.
  const auto writer = codec().stream_writer(plain());
  std::string out;
  writer->write(of_block(EventKind::block_start, 0, BlockKind::tool_call), out);
  StreamEvent signature = of_block(EventKind::signature, 0, BlockKind::tool_call);
  signature.signature = {"c2ln", "google", {}};
  out.clear();
  writer->write(signature, out);
  EXPECT_NE(out.find(R"("tool_calls":[{"index":0,"function":{"arguments":""},"extra_content":)"),
            std::string::npos)
      << out;
}

TEST(ChatStream, AnExplanationStandsOnlyWhereNothingWasSaid) {
  for (const bool said : {false, true}) {
    const auto writer = codec().stream_writer(plain());
    std::string out;
    writer->write(of_block(EventKind::block_start, 0, BlockKind::text), out);
    if (said) writer->write(of_block(EventKind::delta, 0, BlockKind::text, "I cannot"), out);
    StreamEvent finish = event(EventKind::finish);
    finish.finish = FinishReason::content_filter;
    finish.explanation = "because";
    writer->write(finish, out);
    EXPECT_EQ(out.find(R"("refusal":"because")") == std::string::npos, said) << out;
  }
}

TEST(ChatStream, PaddingHidesTheLengthOfTexts) {
  AnswerContext context = plain();
  context.pad = true;
  context.pad_seed = 42;
  const auto writer = codec().stream_writer(context);
  std::string out;
  writer->write(of_block(EventKind::block_start, 0, BlockKind::text), out);
  std::vector<std::size_t> sizes;
  for (const char* text : {"a", "abc", "abcd"}) {
    out.clear();
    writer->write(of_block(EventKind::delta, 0, BlockKind::text, text), out);
    EXPECT_NE(out.find(R"(,"obfuscation":")"), std::string::npos) << out;
    sizes.push_back(out.size());
  }
  EXPECT_EQ(sizes[0] % 16, sizes[1] % 16);
  EXPECT_EQ(sizes[0], sizes[1]);
  const auto again = codec().stream_writer(context);
  std::string same, first;
  again->write(of_block(EventKind::block_start, 0, BlockKind::text), same);
  const auto third = codec().stream_writer(context);
  third->write(of_block(EventKind::block_start, 0, BlockKind::text), first);
  EXPECT_EQ(same, first) << "the same seed gives the same bytes";
}

}  // namespace
}  // namespace holdfast::dialect::openai

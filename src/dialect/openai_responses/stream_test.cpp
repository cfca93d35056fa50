// Streams, from upstreams and to clients.
#include <gtest/gtest.h>

#include "dialect/openai_responses/codec.h"
#include "dialect/random_request.h"
#include "dialect/test_support.h"
#include "net/sse_parser.h"

namespace holdfast::dialect::openai_responses {
namespace {

std::string event(std::string_view type, std::string_view members) {
  return fmt::format("event: {}\ndata: {{\"type\":\"{}\"{}{}}}\n\n", type, type,
                     members.empty() ? "" : ",", members);
}

std::string read(std::string_view bytes, bool merge = false) {
  const auto all = codec().stream_reader();
  const std::string whole = test::read_stream(*all, bytes, bytes.size() + 1, merge);
  for (const std::size_t chunk : {1U, 7U}) {
    const auto cut = codec().stream_reader();
    EXPECT_EQ(test::read_stream(*cut, bytes, chunk, merge), whole) << chunk;
  }
  return whole;
}

constexpr std::string_view created =
    R"("response":{"id":"resp_1","model":"m","created_at":1790000000,"status":"in_progress"})";
const std::string start = event("response.created", created);
constexpr std::string_view started = "start id = \"resp_1\" name = \"m\" created_s = 1790000000\n";
const std::string end =
    event("response.completed",
          R"("response":{"status":"completed","usage":{"input_tokens":1,"output_tokens":2}})");
constexpr std::string_view ended =
    "finish 0 finish = stop\nusage usage.tokens_in = 1 "
    "usage.tokens_out = 2\nend\n";

TEST(ResponsesStream, IsReadAsBlocks) {
  struct Case {
    const char* rule;
    std::string bytes;  // between start and end
    const char* want;
  };
  const Case cases[] = {
      {"annotations that a look-alike tells only at the end are told once",
       event("response.output_text.delta", R"("output_index":0,"content_index":0,"delta":"a")") +
           event("response.output_text.annotation.added",
                 R"("output_index":0,"content_index":0,"annotation_index":0,"annotation":)"
                 R"({"type":"url_citation","url":"u","title":"","start_index":0,"end_index":1})") +
           event("response.content_part.done",
                 R"("output_index":0,"content_index":0,"part":{"type":"output_text","text":"a",)"
                 R"("annotations":[{"type":"url_citation","url":"u"},{"type":"url_citation",)"
                 R"("url":"v","title":"V"}]})"),
       "block_start 0.0 kind = text\ndelta 0.0 kind = text text = \"a\"\n"
       "citation 0.0 kind = text citation = url of 0 to 1 url \"u\"\n"
       "citation 0.0 kind = text citation = url url \"v\" title \"V\"\n"
       "block_stop 0.0 kind = text\n"},
      {"a message; padding and unknown events are skipped",
       event("response.in_progress", created) +
           event("response.output_item.added", R"("output_index":0,"item":{"type":"message"})") +
           event("response.content_part.added",
                 R"("output_index":0,"content_index":0,"part":{"type":"output_text","text":""})") +
           event("response.output_text.delta",
                 R"("output_index":0,"content_index":0,"delta":"Hé\n","obfuscation":"xx")") +
           event("response.new", R"("a":[1])") + ": comment\n\n" +
           event("response.output_text.delta", R"("output_index":0,"content_index":0,"delta":"y",)"
                                               R"("logprobs":[{"token":"y"}])") +
           event("response.output_text.done",
                 R"("output_index":0,"content_index":0,"text":"Hé\ny")") +
           event("response.content_part.done",
                 R"("output_index":0,"content_index":0,"part":{"type":"output_text","text":)"
                 R"("Hé\ny"})") +
           event("response.output_item.done",
                 R"("output_index":0,"item":{"type":"message","content":[{"type":"output_text",)"
                 R"("text":"Hé\ny"}]})"),
       "block_start 0.0 kind = text\ndelta 0.0 kind = text text = \"Hé\\n\"\n"
       "delta 0.0 kind = text text = \"y\" logprobs = {\"content\":[{\"token\":\"y\"}]}\n"
       "block_stop 0.0 kind = text\n"},
      {"calls open at the same time",
       event("response.output_item.added",
             R"("output_index":0,"item":{"type":"function_call","id":"fc_1","call_id":"c1",)"
             R"("name":"f","arguments":""})") +
           event("response.output_item.added",
                 R"("output_index":1,"item":{"type":"function_call","id":"fc_2","call_id":"c2",)"
                 R"("name":"g","arguments":""})") +
           event("response.function_call_arguments.delta", R"("output_index":1,"delta":"{")") +
           event("response.function_call_arguments.delta", R"("output_index":0,"delta":"{}")") +
           event("response.function_call_arguments.delta", R"("output_index":1,"delta":"}")") +
           event("response.output_item.done",
                 R"("output_index":0,"item":{"type":"function_call"})"),
       "block_start 0.0 kind = tool_call id = \"c1\" name = \"f\"\n"
       "block_start 0.1 kind = tool_call id = \"c2\" name = \"g\"\n"
       "delta 0.1 kind = tool_call text = \"{\"\ndelta 0.0 kind = tool_call text = \"{}\"\n"
       "delta 0.1 kind = tool_call text = \"}\"\nblock_stop 0.0 kind = tool_call\n"
       "block_stop 0.1 kind = tool_call\n"},
      {"an item that comes whole is one start and one delta",
       event("response.output_item.done",
             R"("output_index":0,"item":{"type":"function_call","call_id":"c1","name":"f",)"
             R"("arguments":"{}"})"),
       "block_start 0.0 kind = tool_call id = \"c1\" name = \"f\"\n"
       "delta 0.0 kind = tool_call text = \"{}\"\nblock_stop 0.0 kind = tool_call\n"},
      {"the parts of a summary are one thought, its encrypted content the signature",
       event("response.output_item.added", R"("output_index":0,"item":{"type":"reasoning"})") +
           event("response.reasoning_summary_text.delta",
                 R"("output_index":0,"summary_index":0,"delta":"a")") +
           event("response.reasoning_summary_text.delta",
                 R"("output_index":0,"summary_index":1,"delta":"b")") +
           event("response.output_item.done",
                 R"("output_index":0,"item":{"type":"reasoning","id":"rs_1","encrypted_content":)"
                 R"("ENC","summary":[{"text":"a"},{"text":"b"}]})"),
       "block_start 0.0 kind = thinking\ndelta 0.0 kind = thinking text = \"a\"\n"
       "delta 0.0 kind = thinking text = \"\\n\\n\"\ndelta 0.0 kind = thinking text = \"b\"\n"
       "signature 0.0 kind = thinking signature.value = \"ENC\" signature.id = \"rs_1\"\n"
       "block_stop 0.0 kind = thinking\n"},
      {"a thought without a text is a redacted one; one that tells nothing is none",
       event("response.output_item.done",
             R"("output_index":0,"item":{"type":"reasoning","id":"rs_1","summary":[]})") +
           event("response.output_item.done",
                 R"("output_index":1,"item":{"type":"reasoning","id":"rs_2","summary":[],)"
                 R"("encrypted_content":"ENC"})"),
       "block_start 0.0 kind = redacted_thinking\nsignature 0.0 kind = redacted_thinking "
       "signature.value = \"ENC\" signature.id = \"rs_2\"\n"
       "block_stop 0.0 kind = redacted_thinking\n"},
      {"look-alikes: no event lines, no indices, and [DONE]",
       "data: {\"type\":\"response.output_item.added\",\"item\":{\"type\":\"message\"}}\r\n\r\n"
       "data: {\"type\":\"response.output_text.delta\",\"delta\":\"a\"}\r\n\r\n",
       "block_start 0.0 kind = text\ndelta 0.0 kind = text text = \"a\"\n"
       "block_stop 0.0 kind = text\n"},
      {"a block that never closes is closed at the end",
       event("response.refusal.delta", R"("output_index":0,"content_index":0,"delta":"no")"),
       "block_start 0.0 kind = refusal\ndelta 0.0 kind = refusal text = \"no\"\n"
       "block_stop 0.0 kind = refusal\n"},
  };
  for (const Case& c : cases) {
    std::string want = fmt::format("{}{}{}", started, c.want, ended);
    if (want.find("tool_call") != want.npos)
      want.replace(want.find("finish = stop"), 13, "finish = tool_calls");
    EXPECT_EQ(read(fmt::format("{}{}{}data: [DONE]\n\n", start, c.bytes, end)), want) << c.rule;
  }
}

TEST(ResponsesStream, EndsOnlyWithItsTerminalEvent) {
  struct Case {
    const char* rule;
    std::string bytes;
    std::string want;  // behind the start
  };
  const Case cases[] = {
      {"cut", "", ""},
      {"cut, with [DONE]", "data: [DONE]\n\n", ""},
      {"by length, without a blank line behind it",
       "data: {\"type\":\"response.incomplete\",\"response\":{\"status\":\"incomplete\","
       "\"incomplete_details\":{\"reason\":\"max_output_tokens\"}}}",
       "finish 0 finish = length\nend\n"},
      {"failed",
       event("response.failed", R"("response":{"error":{"code":"server_error","message":"x"}})"),
       "error message = \"x\" code = \"server_error\"\n"},
      {"an error event", event("error", R"("code":"c","message":"x","param":null)"),
       "error message = \"x\" code = \"c\"\n"},
      {"an error object", "data: {\"error\":{\"message\":\"x\",\"type\":\"t\"}}\n\n",
       "error message = \"x\" type = \"t\"\n"},
      {"nothing comes after an error", event("error", R"("message":"x")") + end,
       "error message = \"x\"\n"},
      {"not JSON", "data: {\n\n", "failed: an event of the stream is not JSON"},
  };
  for (const Case& c : cases)
    EXPECT_EQ(read(start + c.bytes), fmt::format("{}{}", started, c.want)) << c.rule;
}

// The types of the events in `bytes`, which are checked to be JSON, named alike in both places, and
// numbered from 0.
std::vector<std::string> types_of(std::string_view bytes) {
  net::SseParser parser;
  std::vector<net::SseEvent> events;
  EXPECT_TRUE(parser.feed(bytes, events));
  std::vector<std::string> out;
  for (const net::SseEvent& each : events) {
    JsonDocument document;
    EXPECT_TRUE(document.parse(each.data)) << each.data;
    EXPECT_TRUE(document.root()["type"].text_is(each.event));
    EXPECT_EQ(document.root()["sequence_number"].integer(), static_cast<std::int64_t>(out.size()));
    out.emplace_back(each.event);
  }
  return out;
}

StreamEvent make(EventKind kind, std::uint32_t block = 0, BlockKind of = BlockKind::text,
                 std::string_view text = {}) {
  StreamEvent out;
  out.kind = kind;
  out.block = block;
  out.block_kind = of;
  out.text = text;
  return out;
}

TEST(ResponsesStream, IsWrittenInTheOrderThatSdksExpect) {
  AnswerContext context;
  context.request_id = "req_01";
  context.model = "chat";
  context.now_s = 1'790'000'000;
  const auto writer = response_stream(context, {});
  std::string out;
  writer->write(make(EventKind::start), out);
  writer->write(make(EventKind::block_start, 0, BlockKind::thinking), out);
  writer->write(make(EventKind::delta, 0, BlockKind::thinking, "hm"), out);
  writer->write(make(EventKind::block_stop, 0, BlockKind::thinking), out);
  writer->write(make(EventKind::block_start, 1), out);
  writer->write(make(EventKind::delta, 1, BlockKind::text, "Hi"), out);
  writer->write(make(EventKind::delta, 1, BlockKind::text, "!"), out);
  writer->write(make(EventKind::block_stop, 1), out);
  StreamEvent call = make(EventKind::block_start, 2, BlockKind::tool_call);
  call.id = "call_1";
  call.name = "f";
  writer->write(call, out);
  writer->write(make(EventKind::delta, 2, BlockKind::tool_call, "{}"), out);
  writer->write(make(EventKind::block_stop, 2, BlockKind::tool_call), out);
  StreamEvent finish = make(EventKind::finish);
  finish.finish = FinishReason::tool_calls;
  writer->write(finish, out);
  EXPECT_TRUE(writer->whole().empty());
  writer->write(make(EventKind::end), out);
  const std::vector<std::string> want = {"response.created",
                                         "response.in_progress",
                                         "response.output_item.added",
                                         "response.reasoning_summary_part.added",
                                         "response.reasoning_summary_text.delta",
                                         "response.reasoning_summary_text.done",
                                         "response.reasoning_summary_part.done",
                                         "response.output_item.done",
                                         "response.output_item.added",
                                         "response.content_part.added",
                                         "response.output_text.delta",
                                         "response.output_text.delta",
                                         "response.output_text.done",
                                         "response.content_part.done",
                                         "response.output_item.done",
                                         "response.output_item.added",
                                         "response.function_call_arguments.delta",
                                         "response.function_call_arguments.done",
                                         "response.output_item.done",
                                         "response.completed"};
  EXPECT_EQ(types_of(out), want);
  for (const char* part :
       {R"("item":{"id":"msg_01_1","type":"message","status":"in_progress","role":"assistant",)"
        R"("content":[]})",
        R"("item_id":"msg_01_1","output_index":1,"content_index":0,"delta":"Hi","logprobs":[],)"
        R"("obfuscation":")",
        R"("item":{"id":"fc_01_2","type":"function_call","status":"completed","call_id":"call_1",)"
        R"("name":"f","arguments":"{}"})"})
    EXPECT_NE(out.find(part), std::string::npos) << part << "\n" << out;
  EXPECT_TRUE(writer->whole().starts_with(R"({"id":"resp_01",)"));
  EXPECT_NE(out.find(std::string(writer->whole())), std::string::npos);
}

TEST(ResponsesStream, DeltasOfAllLengthsArePaddedAlike) {
  AnswerContext context;
  context.pad_seed = 42;
  const auto writer = response_stream(context, {});
  std::string out;
  writer->write(make(EventKind::block_start), out);
  std::size_t size = 0;
  for (const std::string_view text : {"a", "abcdefghij", "abcdefghijklmno"}) {
    out.clear();
    writer->write(make(EventKind::delta, 0, BlockKind::text, text), out);
    if (size > 0) EXPECT_EQ(out.size(), size);
    size = out.size();
  }
  context.pad = false;
  const auto plain = response_stream(context, {});
  plain->write(make(EventKind::block_start), out);
  out.clear();
  plain->write(make(EventKind::delta, 0, BlockKind::text, "a"), out);
  EXPECT_EQ(out.find("obfuscation"), std::string::npos);
}

TEST(ResponsesStream, AnErrorIsTheLastEvent) {
  const auto writer = response_stream({}, {});
  std::string out;
  writer->write(make(EventKind::block_start), out);
  writer->write(make(EventKind::delta, 0, BlockKind::text, "half"), out);
  out.clear();
  ErrorReport report;
  report.status = 502;
  report.message = "broken";
  report.failure = FailureClass::cut_stream;
  writer->error(report, out);
  writer->write(make(EventKind::end), out);
  EXPECT_EQ(out,
            "event: error\ndata: {\"type\":\"error\",\"sequence_number\":5,\"code\":\"cut_stream\","
            "\"message\":\"broken\",\"param\":null,\"error\":{\"code\":\"cut_stream\",\"message\":"
            "\"broken\",\"param\":null,\"type\":\"server_error\"}}\n\n");
  const std::string response(writer->whole());
  EXPECT_NE(response.find(R"("status":"failed")"), std::string::npos);
  EXPECT_NE(response.find("half"), std::string::npos);
  JsonDocument document;
  EXPECT_TRUE(document.parse(response));
}

TEST(ResponsesStream, BlocksMayBeOpenAtTheSameTime) {
  const auto writer = response_stream({}, {});
  std::string out;
  writer->write(make(EventKind::start), out);
  writer->write(make(EventKind::block_start, 0), out);
  writer->write(make(EventKind::block_start, 1, BlockKind::tool_call), out);
  writer->write(make(EventKind::block_start, 2, BlockKind::tool_call), out);
  writer->write(make(EventKind::delta, 2, BlockKind::tool_call, "2"), out);
  writer->write(make(EventKind::delta, 0, BlockKind::text, "text"), out);
  writer->write(make(EventKind::delta, 1, BlockKind::tool_call, "1"), out);
  writer->write(make(EventKind::block_stop, 2, BlockKind::tool_call), out);
  writer->write(make(EventKind::end), out);
  types_of(out);
  const auto answer = codec().read_answer(writer->whole());
  ASSERT_TRUE(answer);
  ASSERT_EQ(answer->choices[0].content.size(), 3);
  EXPECT_EQ(answer->choices[0].content[0].text, "text");
  EXPECT_EQ(answer->choices[0].content[1].arguments, "1");
  EXPECT_EQ(answer->choices[0].content[2].arguments, "2");
}

TEST(ResponsesStream, WrittenAndReadAgainItIsTheSame) {
  test::Vocabulary words;
  words.dialect = Dialect::openai_responses;
  words.choices = 1;
  words.cache_ttls = {};
  words.signature_ids = false;
  words.stop_sequence = words.explanation = false;
  words.finishes = {FinishReason::stop, FinishReason::length, FinishReason::content_filter,
                    FinishReason::tool_calls};
  words.cited = {Citation::Source::url};
  words.cited_texts = false;
  std::mt19937_64 random(11);
  for (int i = 0; i < 100; ++i) {
    Response response = test::any_response(random, words);
    for (std::int64_t* count : {&response.usage.tokens_cached, &response.usage.tokens_cache_written,
                                &response.usage.tokens_reasoning})
      *count = std::max<std::int64_t>(*count, 0);
    if (response.created_s == 0) response.created_s = 7;
    const std::vector<StreamEvent> events = test::events_of(response, random);
    const auto writer = response_stream({}, {});
    std::string out;
    for (const StreamEvent& each : events) writer->write(each, out);
    // The ids of thoughts are those of their items.
    std::string back = read(out, true);
    for (std::size_t at = 0; (at = back.find(" signature.id = \"rs_hf_")) != back.npos;)
      back.erase(at, back.find('"', at + 20) + 1 - at);
    ASSERT_EQ(back, test::describe(events, true)) << out;
    // The response object says the same as the events.
    const auto whole = codec().read_answer(writer->whole());
    ASSERT_TRUE(whole);
    EXPECT_EQ(whole->choices[0].content.size(), response.choices[0].content.size());
    EXPECT_EQ(whole->usage.tokens_in, response.usage.tokens_in);
  }
}

}  // namespace
}  // namespace holdfast::dialect::openai_responses

#include <gtest/gtest.h>

#include "dialect/anthropic/codec.h"
#include "dialect/test_support.h"

namespace holdfast::dialect::anthropic {
namespace {

// Frames as Anthropic sends them.
std::string frames(std::initializer_list<std::string_view> events) {
  std::string out;
  for (const std::string_view data : events) {
    const std::size_t from = data.find("\"type\":\"") + 8;
    out += fmt::format("event: {}\ndata: {}\n\n", data.substr(from, data.find('"', from) - from),
                       data);
  }
  return out;
}

// The same events however the bytes are cut.
std::string read(std::string_view bytes) {
  const std::string whole = test::read_stream(*codec().stream_reader(), bytes, bytes.size());
  for (const std::size_t chunk : {1U, 3U, 64U})
    EXPECT_EQ(test::read_stream(*codec().stream_reader(), bytes, chunk), whole) << chunk;
  return whole;
}

constexpr std::string_view start =
    R"({"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[],"stop_reason":null,"usage":{"input_tokens":25,"cache_read_input_tokens":5,"output_tokens":1}}})";
constexpr std::string_view stop = R"({"type":"message_stop"})";

TEST(AnthropicStream, IsRead) {
  const std::string bytes = frames({
      start,
      R"({"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}})",
      R"({"type": "ping"})",
      R"({"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}       })",
      R"({"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"s=="}})",
      R"({"type":"content_block_stop","index":0})",
      R"({"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}})",
      R"({"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"ä\n\ud83d\ude00"}})",
      R"({"type":"content_block_delta","index":1,"delta":{"type":"citations_delta","citation":{"type":"page_location","cited_text":"c","document_index":1,"document_title":null,"start_page_number":2,"end_page_number":3}}})",
      R"({"type":"content_block_stop","index":1})",
      R"({"type":"content_block_start","index":2,"content_block":{"type":"server_tool_use","id":"s","name":"web_search","input":{}}})",
      R"({"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{}"}})",
      R"({"type":"content_block_stop","index":2})",
      R"({"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"toolu_1","name":"f","input":{}}})",
      R"({"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":""}})",
      R"({"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{\"a\":1}"}})",
      R"({"type":"content_block_stop","index":3})",
      R"({"type":"an_event_of_tomorrow","x":[1]})",
      R"({"type":"message_delta","delta":{"stop_reason":"max_tokens","stop_sequence":null},"usage":{"output_tokens":9}})",
      R"({"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":15,"output_tokens_details":{"thinking_tokens":4}}})",
      stop,
  });
  EXPECT_EQ(read(bytes), R"(start id = "msg_1" name = "claude"
usage usage.tokens_in = 30 usage.tokens_out = 1 usage.tokens_cached = 5
block_start 0.0 kind = thinking
ping
delta 0.0 kind = thinking text = "hm"
signature 0.0 kind = thinking signature.value = "s==" signature.house = "anthropic"
block_stop 0.0 kind = thinking
block_start 0.1 kind = text
delta 0.1 kind = text text = "ä\n😀"
citation 0.1 kind = text citation = document number 1 pages 2 to 3 cited "c"
block_stop 0.1 kind = text
block_start 0.2 kind = native
block_stop 0.2 kind = native
block_start 0.3 kind = tool_call id = "toolu_1" name = "f"
delta 0.3 kind = tool_call text = "{\"a\":1}"
block_stop 0.3 kind = tool_call
usage usage.tokens_in = 30 usage.tokens_out = 9 usage.tokens_cached = 5
usage usage.tokens_in = 30 usage.tokens_out = 15 usage.tokens_cached = 5 usage.tokens_reasoning = 4
finish 0 finish = tool_calls
end
)");
}

TEST(AnthropicStream, Oddities) {
  struct Case {
    const char* rule;
    std::string bytes;
    const char* ends;  // how the events end
  };
  constexpr std::string_view text =
      R"({"type":"content_block_start","index":0,"content_block":{"type":"text","text":"a"}})";
  const Case cases[] = {
      {"cut off: no end", frames({start, text}),
       "block_start 0.0 kind = text\ndelta 0.0 kind = text text = \"a\"\n"},
      {"a block that never closes", frames({start, text, stop}),
       "block_stop 0.0 kind = text\nend\n"},
      {"a block that opens again", frames({text, text}),
       "block_stop 0.0 kind = text\nblock_start 0.1 kind = text\ndelta 0.1 kind = text text = "
       "\"a\"\n"},
      {"no blank line at the end", frames({start}) + R"(data: {"type":"message_stop"})", "\nend\n"},
      {"data before event, CRLF", "data: {}\r\nevent: ping\r\n\r\n", "ping\n"},
      {"nothing behind the end", frames({stop, text}), "end\n"},
      {"[DONE] of a proxy", frames({stop}) + "data: [DONE]\n\n", "end\n"},
      {"an error",
       frames({R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})"}),
       "error message = \"Overloaded\" type = \"overloaded_error\"\n"},
      {"an error of a proxy", "data: {\"error\":{\"message\":\"no\"}}\n\n",
       "error message = \"no\"\n"},
      {"a second message_start counts on",
       frames({start,
               R"({"type":"message_start","message":{"id":"msg_2","usage":{"input_tokens":40}}})"}),
       "\nusage usage.tokens_in = 45 usage.tokens_out = 1 usage.tokens_cached = 5\n"},
      {"a refusal says why",
       frames(
           {R"({"type":"message_delta","delta":{"stop_reason":"refusal","stop_details":{"type":"refusal","explanation":"no"}},"usage":null})",
            stop}),
       "finish 0 finish = content_filter explanation = \"no\"\nend\n"},
      {"a delta of no block is passed over",
       frames(
           {R"({"type":"content_block_delta","index":4,"delta":{"type":"text_delta","text":"a"}})",
            stop}),
       "end\n"},
      {"comments and empty events", ": hello\n\nevent: x\n\n\ndata:\n\n" + frames({stop}), "end\n"},
      {"an input that comes with the call",
       frames(
           {R"({"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"i","name":"f","input":{"a":1}}})"}),
       "delta 0.0 kind = tool_call text = \"{\\\"a\\\":1}\"\n"},
      {"encrypted thoughts",
       frames(
           {R"({"type":"content_block_start","index":0,"content_block":{"type":"redacted_thinking","data":"d"}})"}),
       "signature 0.0 kind = redacted_thinking signature.value = \"d\" signature.house = "
       "\"anthropic\"\n"},
      {"a delta that is a text alone", "event: content_block_delta\ndata: \"x\"\n\n",
       "failed: an event is not an object"},
      {"not JSON", "data: <html>\n\n", "failed: an event is not JSON: expected a value"},
      {"cut off within an event", frames({stop}).substr(0, 40),
       "failed: an event is not JSON: the text ends within a string"},
  };
  for (const Case& c : cases) {
    const std::string said = read(c.bytes);
    EXPECT_TRUE(said.ends_with(c.ends)) << c.rule << "\n" << said;
  }
}

// What a writer makes of these events.
std::string write(std::initializer_list<StreamEvent> events, AnswerContext context = {}) {
  context.request_id = "r1";
  context.model = "alias";
  context.pad = false;
  const auto writer = codec().stream_writer(context);
  std::string out;
  for (const StreamEvent& event : events) writer->write(event, out);
  return out;
}

StreamEvent of(EventKind kind, std::uint32_t block = 0, BlockKind block_kind = BlockKind::text,
               std::string_view text = {}) {
  StreamEvent out;
  out.kind = kind;
  out.block = block;
  out.block_kind = block_kind;
  out.text = text;
  return out;
}
StreamEvent opens(std::uint32_t block, std::string_view id) {
  StreamEvent out = of(EventKind::block_start, block, BlockKind::tool_call);
  out.id = id;
  out.name = "f";
  return out;
}
StreamEvent finishes(FinishReason reason) {
  StreamEvent out = of(EventKind::finish);
  out.finish = reason;
  return out;
}
StreamEvent counts(std::int64_t in, std::int64_t out_tokens) {
  StreamEvent out = of(EventKind::usage);
  out.usage.tokens_in = in;
  out.usage.tokens_out = out_tokens;
  return out;
}

TEST(AnthropicStream, IsWrittenInTheOrderThatClientsExpect) {
  constexpr auto call = BlockKind::tool_call;
  // Two calls that are open at once; usage behind the finish, as OpenAI has it.
  const std::string said =
      write({of(EventKind::start), of(EventKind::block_start),
             of(EventKind::delta, 0, BlockKind::text, "a\"b"), of(EventKind::block_stop),
             opens(1, "call_1"), of(EventKind::delta, 1, call, "{\"a\""), opens(2, ""),
             of(EventKind::delta, 2, call, "{}"), of(EventKind::delta, 1, call, ":1}"),
             of(EventKind::block_stop, 2, call), of(EventKind::block_stop, 1, call),
             finishes(FinishReason::stop), counts(30, 12), of(EventKind::end)});
  EXPECT_EQ(said, R"(event: message_start
data: {"type":"message_start","message":{"id":"msg_r1","type":"message","role":"assistant","model":"alias","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":0,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a\"b"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"call_1","name":"f","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a\""}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":":1}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

event: content_block_start
data: {"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_r1_2","name":"f","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":2}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"input_tokens":30,"output_tokens":12}}

event: message_stop
data: {"type":"message_stop"}

)");
}

TEST(AnthropicStream, WrittenOddities) {
  struct Case {
    const char* rule;
    std::string said;
    const char* has;
  };
  StreamEvent signature = of(EventKind::signature, 0, BlockKind::thinking);
  signature.signature = {"enc", "openai", "rs_1"};
  StreamEvent redacted = of(EventKind::signature, 0, BlockKind::redacted_thinking);
  redacted.signature = {"d", "anthropic", {}};
  StreamEvent mark = of(EventKind::signature, 0, BlockKind::tool_call);
  mark.signature = {"g", "google", {}};
  StreamEvent failed = of(EventKind::error);
  failed.error_message = "busy";
  failed.error_type = "overloaded_error";
  const Case cases[] = {
      {"counters that come first are in message_start",
       write({of(EventKind::start), counts(30, 1), of(EventKind::block_start)}),
       R"("usage":{"input_tokens":30,"output_tokens":1}}})"},
      {"counters that never come are guessed",
       write({of(EventKind::start), of(EventKind::block_start),
              of(EventKind::delta, 0, BlockKind::text, "12345678"), of(EventKind::block_stop),
              finishes(FinishReason::length), of(EventKind::end)}),
       R"({"stop_reason":"max_tokens","stop_sequence":null},"usage":{"input_tokens":0,"output_tokens":2}})"},
      {"a signature of another house is wrapped, right before the stop",
       write({of(EventKind::block_start, 0, BlockKind::thinking), signature,
              of(EventKind::delta, 0, BlockKind::thinking, "hm"),
              of(EventKind::block_stop, 0, BlockKind::thinking)}),
       "\"thinking\":\"hm\"}}\n\nevent: content_block_delta\ndata: "
       R"({"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"hf1:openai:rs_1:enc"}})"
       "\n\nevent: content_block_stop"},
      {"encrypted thoughts come in one piece",
       write({of(EventKind::block_start, 0, BlockKind::redacted_thinking), redacted,
              of(EventKind::block_stop, 0, BlockKind::redacted_thinking)}),
       R"("content_block":{"type":"redacted_thinking","data":"d"}})"},
      {"a call's signature stands behind it",
       write({opens(0, "c"), mark, of(EventKind::block_stop, 0, BlockKind::tool_call)}),
       "data: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: content_block_start\ndata: "
       R"({"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"hf1:google::g"}})"},
      {"an error ends it", write({failed, of(EventKind::block_start)}),
       "event: error\ndata: "
       R"({"type":"error","error":{"type":"overloaded_error","message":"busy"},"request_id":"r1"})"
       "\n\n"},
      {"a refusal",
       write({of(EventKind::block_start, 0, BlockKind::refusal),
              of(EventKind::delta, 0, BlockKind::refusal, "no"),
              of(EventKind::block_stop, 0, BlockKind::refusal), finishes(FinishReason::stop),
              of(EventKind::end)}),
       R"("stop_reason":"refusal","stop_sequence":null,"stop_details":{"type":"refusal","category":null,"explanation":"no"})"},
      {"an answer without content", write({of(EventKind::start), of(EventKind::end)}),
       R"("stop_reason":"end_turn")"},
      {"blocks that were never closed are",
       write({of(EventKind::block_start), opens(1, "c"), of(EventKind::end)}),
       R"(data: {"type":"content_block_stop","index":1})"},
  };
  for (const Case& c : cases)
    EXPECT_NE(c.said.find(c.has), std::string::npos) << c.rule << "\n" << c.said;
}

TEST(AnthropicStream, AnEstimateStandsInForTheInput) {
  Request request;
  request.messages.emplace_back().content.emplace_back().text = "12345678";
  AnswerContext context;
  context.request = &request;
  const std::string said = write({of(EventKind::start), of(EventKind::block_start)}, context);
  EXPECT_NE(said.find(R"("input_tokens":6,)"), std::string::npos) << said;
}

TEST(AnthropicStream, PaddingHidesTheLengthAndNothingElse) {
  const auto lengths = [](std::uint64_t seed) {
    AnswerContext context;
    context.pad_seed = seed;
    const auto writer = codec().stream_writer(context);
    std::string out;
    writer->write(of(EventKind::block_start), out);
    std::string all;
    for (int i = 0; i < 8; ++i) {
      out.clear();
      writer->write(of(EventKind::delta, 0, BlockKind::text, "x"), out);
      EXPECT_TRUE(out.ends_with("}\n\n"));
      all += fmt::format("{} ", out.size());
    }
    return all;
  };
  EXPECT_EQ(lengths(5), lengths(5)) << "one seed, one history";
  EXPECT_NE(lengths(5), lengths(6));
}

TEST(AnthropicStream, KeepsAliveAndNothingBehindTheEnd) {
  const auto writer = codec().stream_writer({});
  std::string out;
  writer->keep_alive(out);
  EXPECT_EQ(out, "event: ping\ndata: {\"type\": \"ping\"}\n\n");
  writer->error({504, "late", {}, {}, FailureClass::deadline, {}}, out);
  EXPECT_TRUE(
      out.ends_with("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"timeout_error\","
                    "\"message\":\"late\"}}\n\n"));
  const std::size_t size = out.size();
  writer->keep_alive(out);
  writer->write(of(EventKind::end), out);
  EXPECT_EQ(out.size(), size);
}

}  // namespace
}  // namespace holdfast::dialect::anthropic

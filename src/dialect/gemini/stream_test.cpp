#include <gtest/gtest.h>

#include "base/limits.h"
#include "dialect/gemini/codec.h"
#include "dialect/test_support.h"

namespace holdfast::dialect::gemini {
namespace {

std::string read(std::string_view bytes, std::size_t chunk = 1) {
  const auto reader = codec().stream_reader();
  return test::read_stream(*reader, bytes, chunk);
}

TEST(GeminiStream, EventsOfChunks) {
  struct Case {
    const char* rule;
    std::string bytes;
    std::string_view events;
  };
  const Case cases[] = {
      {"text in pieces, usage with each, the last one ends it",
       "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hel\"}],\"role\":\"model\"},"
       "\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":5},\"modelVersion\":\"m\","
       "\"responseId\":\"r\"}\r\n\r\n"
       "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"l\\u00f6\"}]},\"finishReason\":"
       "\"STOP\",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":5,"
       "\"candidatesTokenCount\":2}}\r\n\r\n",
       "start id = \"r\" name = \"m\"\nblock_start 0.0 kind = text\n"
       "delta 0.0 kind = text text = \"Hel\"\nusage usage.tokens_in = 5 usage.tokens_out = 0\n"
       "delta 0.0 kind = text text = \"lö\"\nusage usage.tokens_in = 5 usage.tokens_out = 2\n"
       "block_stop 0.0 kind = text\nfinish 0 finish = stop\nend\n"},
      {"thoughts, a call with its signature, STOP; no blank line behind the last",
       "data: {\"responseId\":\"r\",\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hm\","
       "\"thought\":true},{\"functionCall\":{\"name\":\"f\",\"args\":{\"n\":1.0}},"
       "\"thoughtSignature\":\"YQ==\"},{\"functionCall\":{\"id\":\"x\",\"name\":\"g\"}}]},"
       "\"finishReason\":\"STOP\"}]}",
       "start id = \"r\"\nblock_start 0.0 kind = thinking\ndelta 0.0 kind = thinking text = "
       "\"hm\"\n"
       "block_stop 0.0 kind = thinking\n"
       "block_start 0.1 kind = tool_call id = \"call_r_0\" name = \"f\"\n"
       "delta 0.1 kind = tool_call text = \"{\\\"n\\\":1.0}\"\n"
       "signature 0.1 kind = tool_call signature.value = \"YQ==\" signature.house = \"google\"\n"
       "block_stop 0.1 kind = tool_call\n"
       "block_start 0.2 kind = tool_call id = \"x\" name = \"g\"\n"
       "delta 0.2 kind = tool_call text = \"{}\"\nblock_stop 0.2 kind = tool_call\n"
       "finish 0 finish = tool_calls\nend\n"},
      {"one array in pieces",
       "[{\n \"candidates\": [{\"content\": {\"parts\": [{\"text\": \"a]}\"}]}}]\n}\n,\r\n"
       "{\"candidates\":[{\"finishReason\":\"MAX_TOKENS\"}]}\n]\n",
       "start\nblock_start 0.0 kind = text\ndelta 0.0 kind = text text = \"a]}\"\n"
       "block_stop 0.0 kind = text\nfinish 0 finish = length\nend\n"},
      {"without a reason it was cut, and does not end",
       "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}\n\n",
       "start\nblock_start 0.0 kind = text\ndelta 0.0 kind = text text = \"a\"\n"},
      {"sources told twice count once; places before a later text are not its own",
       "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\u00fcber \"}]},"
       "\"groundingMetadata\":{\"groundingChunks\":[{\"web\":{\"uri\":\"https://a.example/\"}}],"
       "\"groundingSupports\":[{\"segment\":{\"endIndex\":2},\"groundingChunkIndices\":[0]}]}}]}"
       "\n\n"
       "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"id\":\"x\",\"name\":"
       "\"f\"}},{\"text\":\"\U0001F600!\"}]},\"finishReason\":\"STOP\","
       "\"groundingMetadata\":{\"groundingChunks\":[{\"web\":{\"uri\":\"https://a.example/\"}},"
       "{\"web\":{\"uri\":\"https://b.example/\",\"title\":\"B\"}}],\"groundingSupports\":["
       "{\"segment\":{\"endIndex\":2},\"groundingChunkIndices\":[0]},"
       "{\"segment\":{\"startIndex\":6,\"endIndex\":10},\"groundingChunkIndices\":[1,7]}]}}]}\n\n",
       "start\nblock_start 0.0 kind = text\ndelta 0.0 kind = text text = \"über \"\n"
       "citation 0.0 kind = text citation = url of 0 to 1 url \"https://a.example/\"\n"
       "block_stop 0.0 kind = text\nblock_start 0.1 kind = tool_call id = \"x\" name = \"f\"\n"
       "delta 0.1 kind = tool_call text = \"{}\"\nblock_stop 0.1 kind = tool_call\n"
       "block_start 0.2 kind = text\ndelta 0.2 kind = text text = \"😀!\"\n"
       "citation 0.2 kind = text citation = url of 0 to 1 url \"https://b.example/\" title \"B\"\n"
       "block_stop 0.2 kind = text\nfinish 0 finish = tool_calls\nend\n"},
      {"a reason with each chunk, as old models give it",
       "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"finishReason\":"
       "\"STOP\"}]}\n\ndata: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"b\"}]},"
       "\"finishReason\":\"STOP\"}]}\n\ndata: [DONE]\n\n",
       "start\nblock_start 0.0 kind = text\ndelta 0.0 kind = text text = \"a\"\n"
       "delta 0.0 kind = text text = \"b\"\nblock_stop 0.0 kind = text\nfinish 0 finish = stop\n"
       "end\n"},
      {"several candidates in turn",
       "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"index\":0},"
       "{\"content\":{\"parts\":[{\"text\":\"b\"}]},\"index\":1}]}\n\n"
       "data: {\"candidates\":[{\"finishReason\":\"STOP\",\"index\":0},{\"finishReason\":"
       "\"SAFETY\",\"finishMessage\":\"m\",\"index\":1}]}\n\n",
       "start\nblock_start 0.0 kind = text\ndelta 0.0 kind = text text = \"a\"\n"
       "block_start 1.0 kind = text\ndelta 1.0 kind = text text = \"b\"\n"
       "block_stop 0.0 kind = text\nfinish 0 finish = stop\nblock_stop 1.0 kind = text\n"
       "finish 1 finish = content_filter explanation = \"m\"\nend\n"},
      {"a blocked prompt", "data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}\n\n",
       "start\nfinish 0 finish = content_filter explanation = \"the prompt was blocked: SAFETY\"\n"
       "end\n"},
      {"an error in mid-stream",
       "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}\n\n"
       "data: {\"error\":{\"code\":503,\"message\":\"broke\",\"status\":\"UNAVAILABLE\"}}\n\n",
       "start\nblock_start 0.0 kind = text\ndelta 0.0 kind = text text = \"a\"\n"
       "error message = \"broke\" type = \"UNAVAILABLE\" code = \"503\"\n"},
      {"an error instead of a stream, in its array of one",
       "[{\n  \"error\": {\"code\": 429, \"message\": \"slow\", \"status\": \"X\"}\n}]",
       "error message = \"slow\" type = \"X\" code = \"429\"\n"},
      {"a picture comes whole",
       "data: {\"candidates\":[{\"content\":{\"parts\":[{\"inlineData\":{\"mimeType\":"
       "\"image/png\",\"data\":\"_-8\"}}]},\"finishReason\":\"STOP\"}]}\n\n",
       "start\nblock_start 0.0 kind = image name = \"image/png\"\n"
       "delta 0.0 kind = image text = \"/+8=\"\nblock_stop 0.0 kind = image\n"
       "finish 0 finish = stop\nend\n"},
      {"comments, empty events and what is not known",
       ": hi\n\ndata:\n\ndata: {\"new\":1,\"candidates\":[{\"new\":[],\"content\":{\"parts\":["
       "{\"newPart\":{}},{\"text\":\"a\"}]},\"finishReason\":\"STOP\"}]}\n\n",
       "start\nblock_start 0.0 kind = text\ndelta 0.0 kind = text text = \"a\"\n"
       "block_stop 0.0 kind = text\nfinish 0 finish = stop\nend\n"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(read(c.bytes), c.events) << c.rule << ", byte by byte";
    EXPECT_EQ(read(c.bytes, c.bytes.size()), c.events) << c.rule;
  }
}

TEST(GeminiStream, WhatIsNoStreamFails) {
  struct Case {
    const char* rule;
    std::string_view bytes, detail;
  };
  constexpr Case cases[] = {
      {"not JSON", "data: {oops\n\n", "failed: an event is not JSON"},
      {"not an object", "data: 7\n\n", "failed: an event is not an object"},
      {"an array that ends within", "[{\"a\":1}, {\"b\":", "failed: the stream ends within"},
      {"something between", "[{} oops {}]", "failed: the stream is neither"},
      {"arguments in pieces",
       "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":"
       "{\"name\":\"f\",\"willContinue\":true}}]}}]}\n\n",
       "failed: a call in pieces"},
      {"an index out of range", "data: {\"candidates\":[{\"index\":-1}]}\n\n",
       "failed: a candidate's index"},
  };
  for (const Case& c : cases)
    EXPECT_NE(read(c.bytes).find(c.detail), std::string::npos) << c.rule << "\n" << read(c.bytes);
  const auto reader = codec().stream_reader();
  std::vector<StreamEvent> events;
  const std::string piece(1U << 20U, 'a');
  Result<void> fed = reader->feed("[{\"a\":\"", events);
  for (std::size_t sent = 0; fed && sent < 2 * limits::response_buffer_bytes; sent += piece.size())
    fed = reader->feed(piece, events);
  EXPECT_FALSE(fed) << "an event beyond the limit";
}

StreamEvent event(EventKind kind, std::uint32_t block = 0, BlockKind of = BlockKind::text) {
  StreamEvent out;
  out.kind = kind;
  out.block = block;
  out.block_kind = of;
  return out;
}
StreamEvent delta(std::uint32_t block, BlockKind kind, std::string_view text) {
  StreamEvent out = event(EventKind::delta, block, kind);
  out.text = text;
  return out;
}

std::vector<StreamEvent> two_calls() {
  StreamEvent first = event(EventKind::block_start, 1, BlockKind::tool_call);
  first.id = "a", first.name = "f";
  StreamEvent second = event(EventKind::block_start, 2, BlockKind::tool_call);
  second.id = "b", second.name = "g";
  StreamEvent finish = event(EventKind::finish), usage = event(EventKind::usage);
  finish.finish = FinishReason::tool_calls;
  usage.usage.tokens_in = 1;
  usage.usage.tokens_out = 2;
  return {event(EventKind::start),
          event(EventKind::block_start),
          delta(0, BlockKind::text, "x\n"),
          event(EventKind::block_stop),
          first,
          delta(1, BlockKind::tool_call, "{\"n\""),
          second,
          delta(2, BlockKind::tool_call, "{}"),
          delta(1, BlockKind::tool_call, ":1.0}"),
          event(EventKind::block_stop, 1, BlockKind::tool_call),
          event(EventKind::block_stop, 2, BlockKind::tool_call),
          finish,
          usage,
          event(EventKind::end)};
}

std::string write(const std::vector<StreamEvent>& events, bool array, bool pad = false) {
  AnswerContext context;
  context.model = "m";
  context.request_id = "r";
  context.pad = pad;
  context.pad_seed = 7;
  context.json_array = array;
  const auto writer = codec().stream_writer(context);
  std::string out;
  for (const StreamEvent& each : events) writer->write(each, out);
  return out;
}

TEST(GeminiStreamWriter, CallsComeWholeAndTheReasonWithTheUsage) {
  const std::string tail = R"(,"modelVersion":"m","responseId":"r"})";
  const std::vector<std::string> chunks = {
      R"({"candidates":[{"content":{"parts":[{"text":"x\n"}],"role":"model"},"index":0}])" + tail,
      R"({"candidates":[{"content":{"parts":[{"functionCall":{"id":"a","name":"f","args":{"n":1.0}}}],"role":"model"},"index":0}])" +
          tail,
      R"({"candidates":[{"content":{"parts":[{"functionCall":{"id":"b","name":"g","args":{}}}],"role":"model"},"index":0}])" +
          tail,
      R"({"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":2,"totalTokenCount":3})" +
          tail,
  };
  std::string sse, array;
  for (const std::string& chunk : chunks) {
    sse += "data: " + chunk + "\r\n\r\n";
    array += (array.empty() ? "[" : ",\r\n") + chunk;
  }
  EXPECT_EQ(write(two_calls(), false), sse);
  EXPECT_EQ(write(two_calls(), true), array + "]");
}

TEST(GeminiStreamWriter, PaddingHidesLengthsAndChangesNothing) {
  const std::string plain = write(two_calls(), false), padded = write(two_calls(), false, true);
  EXPECT_GT(padded.size(), plain.size());
  EXPECT_EQ(read(padded), read(plain));
  EXPECT_EQ(padded, write(two_calls(), false, true)) << "the same seed gives the same bytes";
}

TEST(GeminiStreamWriter, SignaturesOfOtherHousesTravelInAnEnvelope) {
  StreamEvent open = event(EventKind::block_start, 0, BlockKind::thinking);
  StreamEvent sign = event(EventKind::signature, 0, BlockKind::thinking);
  sign.signature = {"s", "anthropic", {}};
  const std::string out = write({open, delta(0, BlockKind::thinking, "hm"), sign}, false);
  EXPECT_NE(out.find(R"({"text":"hm","thought":true})"), std::string::npos) << out;
  EXPECT_NE(out.find(R"({"text":"","thought":true,"thoughtSignature":"aGYx)"), std::string::npos)
      << out;
}

TEST(GeminiStreamWriter, AnErrorEndsTheStreamOnce) {
  for (const bool array : {false, true}) {
    AnswerContext context;
    context.json_array = array;
    const auto writer = codec().stream_writer(context);
    std::string out;
    ErrorReport report;
    report.status = 503;
    report.message = "gone";
    writer->error(report, out);
    const std::string body = R"({"error":{"code":503,"message":"gone","status":"UNAVAILABLE"}})";
    EXPECT_EQ(out, array ? "[" + body + "]" : "data: " + body + "\r\n\r\n");
    writer->write(event(EventKind::end), out);
    EXPECT_EQ(out.find("candidates"), std::string::npos);
    EXPECT_EQ(read(out), "error message = \"gone\" type = \"UNAVAILABLE\" code = \"503\"\n");
  }
}

TEST(GeminiStreamWriter, KeepsAliveWithABlankLine) {
  const auto writer = codec().stream_writer({});
  std::string out;
  writer->keep_alive(out);
  EXPECT_EQ(out, "\r\n") << "SDKs parse comments as data";
}

}  // namespace
}  // namespace holdfast::dialect::gemini

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <set>
#include <sstream>

#include "dialect/bedrock/codec.h"
#include "dialect/test_support.h"
#include "net/event_stream.h"

namespace holdfast::dialect::bedrock {
namespace {

using net::EventStreamHeader;

void append_event(std::string& out, std::string_view event, std::string_view payload) {
  const EventStreamHeader headers[] = {{":event-type", event}, {":message-type", "event"}};
  net::append_event_stream_message(out, headers, payload);
}

struct Sent {
  std::string_view event, payload;
};

std::string stream_of(std::initializer_list<Sent> events) {
  std::string out;
  for (const Sent& each : events) append_event(out, each.event, each.payload);
  return out;
}

// The same at any size of pieces.
std::string read(std::string_view bytes) {
  const auto whole = codec().stream_reader();
  const std::string said = test::read_stream(*whole, bytes, bytes.size());
  for (const std::size_t chunk : {1U, 2U, 7U, 64U}) {
    const auto cut = codec().stream_reader();
    EXPECT_EQ(test::read_stream(*cut, bytes, chunk), said) << chunk;
  }
  return said;
}

TEST(BedrockStream, HoldsTheSharedVectors) {
  std::ifstream file(HF_SOURCE_DIR "/../shared/data/aws/eventstream-vectors.json");
  if (!file)
    GTEST_SKIP() << "the shared vectors (../shared/data/aws/eventstream-vectors.json) are not here";
  std::stringstream text;
  text << file.rdbuf();
  const auto authored = boost::json::parse(text.str()).at("authored");
  const auto bytes = [&authored](const char* name) {
    const std::string_view hex = authored.at(name).at("encoded_hex").as_string();
    std::string out;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
      out.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
    return out;
  };
  EXPECT_EQ(read(bytes("converse_stream_text_then_tool")),
            "start\n"
            "block_start 0.0 kind = text\n"
            "delta 0.0 kind = text text = \"Hel\"\n"
            "delta 0.0 kind = text text = \"lo\"\n"
            "block_stop 0.0 kind = text\n"
            "block_start 0.1 kind = tool_call id = \"tooluse_1\" name = \"f\"\n"
            "delta 0.1 kind = tool_call text = \"{\\\"a\\\"\"\n"
            "delta 0.1 kind = tool_call text = \":1}\"\n"
            "block_stop 0.1 kind = tool_call\n"
            "finish 0 finish = tool_calls\n"
            "usage usage.tokens_in = 5 usage.tokens_out = 7\n"
            "end\n");
  EXPECT_EQ(read(bytes("exception_frame")),
            "error message = \"Too many requests\" type = \"throttlingException\"\n");
}

TEST(BedrockStream, IsRead) {
  struct Case {
    const char* rule;
    std::string bytes;
    std::string want;  // how it begins
  };
  constexpr Sent text = {"contentBlockDelta",
                         R"({"contentBlockIndex":0,"delta":{"text":"a\n"},"p":"abc"})"};
  constexpr Sent stop = {"messageStop", R"({"stopReason":"end_turn"})"};
  constexpr Sent usage = {"metadata", R"({"usage":{"inputTokens":1,"outputTokens":2}})"};
  const std::string open = "block_start 0.0 kind = text\ndelta 0.0 kind = text text = \"a\\n\"\n";
  const std::string closed = "block_stop 0.0 kind = text\nfinish 0 finish = stop\n";
  const std::string used = "usage usage.tokens_in = 1 usage.tokens_out = 2\n";
  std::string fault;
  const EventStreamHeader error[] = {
      {":message-type", "error"}, {":error-code", "InternalError"}, {":error-message", "gone"}};
  net::append_event_stream_message(fault, error, {});
  std::string bad_crc = stream_of({text});
  bad_crc.back() = static_cast<char>(bad_crc.back() + 1);
  std::string exception;
  const EventStreamHeader thrown[] = {{":message-type", "exception"},
                                      {":exception-type", "modelStreamErrorException"}};
  net::append_event_stream_message(exception, thrown, R"({"originalMessage":"slow"})");
  const std::string whole = stream_of({text, stop, usage});
  const Case cases[] = {
      {"a block that never closes is closed", whole, open + closed + used + "end\n"},
      {"metadata that never comes", stream_of({text, stop}), open + closed + "end\n"},
      {"metadata ahead of its time", stream_of({text, usage, stop}),
       open + used + closed + "end\n"},
      {"no messageStop: no end", stream_of({text}), open},
      {"cut within a message", whole.substr(0, stream_of({text}).size() + 5),
       open + "failed: the event stream was cut within a message"},
      {"an error of the framing", fault, "error message = \"gone\" code = \"InternalError\"\n"},
      {"a wrong CRC", bad_crc, "failed: an event-stream message has a wrong CRC"},
      {"thoughts",
       stream_of(
           {{"contentBlockDelta",
             R"({"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"t"}}})"},
            {"contentBlockDelta",
             R"({"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"s"}}})"},
            {"contentBlockStop", R"({"contentBlockIndex":0})"},
            {"contentBlockDelta",
             R"({"contentBlockIndex":1,"delta":{"reasoningContent":{"redactedContent":"AAAA"}}})"},
            {"contentBlockStop", R"({"contentBlockIndex":1})"}}),
       "block_start 0.0 kind = thinking\ndelta 0.0 kind = thinking text = \"t\"\n"
       "signature 0.0 kind = thinking signature.value = \"s\"\nblock_stop 0.0 kind = thinking\n"
       "block_start 0.1 kind = redacted_thinking\n"
       "signature 0.1 kind = redacted_thinking signature.value = \"AAAA\"\n"
       "block_stop 0.1 kind = redacted_thinking\n"},
      {"what is not known is skipped",
       stream_of({{"somethingNew", "no JSON"},
                  {"contentBlockStart",
                   R"({"contentBlockIndex":0,"start":{"toolResult":{"toolUseId":"x"}}})"},
                  {"contentBlockDelta",
                   R"({"contentBlockIndex":0,"delta":{"toolResult":[{"text":"x"}]}})"},
                  {"contentBlockStop", R"({"contentBlockIndex":0})"},
                  {"contentBlockStart",
                   R"({"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"x","name":"search",)"
                   R"("type":"server_tool_use"}}})"},
                  {"contentBlockDelta",
                   R"({"contentBlockIndex":1,"delta":{"toolUse":{"input":"{}"}}})"}}),
       ""},
      {"two calls at once",
       stream_of(
           {{"contentBlockStart",
             R"({"contentBlockIndex":3,"start":{"toolUse":{"toolUseId":"1","name":"f"}}})"},
            {"contentBlockStart",
             R"({"contentBlockIndex":4,"start":{"toolUse":{"toolUseId":"2","name":"g"}}})"},
            {"contentBlockDelta", R"({"contentBlockIndex":3,"delta":{"toolUse":{"input":"{"}}})"},
            {"contentBlockDelta", R"({"contentBlockIndex":4,"delta":{"toolUse":{"input":"["}}})"},
            {"messageStop", R"({"stopReason":"tool_use"})"}}),
       "block_start 0.0 kind = tool_call id = \"1\" name = \"f\"\n"
       "block_start 0.1 kind = tool_call id = \"2\" name = \"g\"\n"
       "delta 0.0 kind = tool_call text = \"{\"\ndelta 0.1 kind = tool_call text = \"[\"\n"
       "block_stop 0.0 kind = tool_call\nblock_stop 0.1 kind = tool_call\n"
       "finish 0 finish = tool_calls\nend\n"},
      {"which stop sequence it was",
       stream_of({{"messageStop", R"({"stopReason":"stop_sequence",)"
                                  R"("additionalModelResponseFields":{"stop_sequence":"END"}})"}}),
       "finish 0 finish = stop_sequence stop_sequence = \"END\"\nend\n"},
      {"nothing follows an exception", exception + whole,
       "error message = \"slow\" type = \"modelStreamErrorException\"\n"},
      {"a payload that is no JSON", stream_of({text, {"messageStop", "<html>"}}),
       open + "failed: the payload of messageStop is not JSON: "},
  };
  for (const Case& c : cases) {
    const std::string said = read(c.bytes);
    EXPECT_TRUE(c.want.empty() ? said.empty() : said.starts_with(c.want)) << c.rule << "\n" << said;
  }
}

// What a client gets, one message a line.
struct Client {
  explicit Client(bool pad = false, std::uint64_t seed = 1) {
    AnswerContext context;
    context.pad = pad;
    context.pad_seed = seed;
    writer = codec().stream_writer(context);
  }
  void event(EventKind kind, std::uint32_t block = 0, BlockKind of = BlockKind::text,
             std::string_view text = {}) {
    StreamEvent event;
    event.kind = kind;
    event.block = block;
    event.block_kind = of;
    event.text = text;
    event.id = kind == EventKind::block_start && of == BlockKind::tool_call ? "c1" : "";
    event.name = event.id.empty() ? "" : "f";
    writer->write(event, bytes);
  }
  void finish(FinishReason reason) {
    StreamEvent event;
    event.kind = EventKind::finish;
    event.finish = reason;
    writer->write(event, bytes);
  }
  void sign(std::uint32_t block, BlockKind of, Signature signature) {
    StreamEvent event;
    event.kind = EventKind::signature;
    event.block = block;
    event.block_kind = of;
    event.signature = signature;
    writer->write(event, bytes);
  }
  std::string said() const {
    net::EventStreamDecoder decoder;
    std::vector<net::EventStreamMessage> messages;
    EXPECT_TRUE(decoder.feed(bytes, messages));
    EXPECT_FALSE(decoder.within_message());
    std::string out;
    for (const auto& message : messages) {
      const std::string_view type = message.text(":message-type");
      out.append(message.text(type == "event" ? ":event-type" : ":exception-type"));
      out.append(" ").append(message.payload).append("\n");
      EXPECT_EQ(message.text(":content-type"), "application/json");
    }
    return out;
  }
  std::unique_ptr<StreamWriter> writer;
  std::string bytes;
};

constexpr const char* closing =
    "messageStop {\"stopReason\":\"end_turn\"}\n"
    "metadata {\"usage\":{\"inputTokens\":0,\"outputTokens\":0,\"totalTokens\":0},"
    "\"metrics\":{\"latencyMs\":0}}\n";

TEST(BedrockStream, ComesInTheOrderThatSdksExpect) {
  Client client;
  client.event(EventKind::start);
  client.event(EventKind::ping);
  client.event(EventKind::block_start, 0, BlockKind::thinking);
  client.event(EventKind::delta, 0, BlockKind::thinking, "hm");
  client.sign(0, BlockKind::thinking, {"sig", "openai", "rs"});
  client.event(EventKind::block_stop, 0);
  client.event(EventKind::block_start, 1);
  client.event(EventKind::delta, 1, BlockKind::text, "a\"");
  client.event(EventKind::block_stop, 1);
  client.event(EventKind::block_start, 2, BlockKind::tool_call);
  client.event(EventKind::delta, 2, BlockKind::tool_call, "{}");
  client.event(EventKind::block_stop, 2);
  client.finish(FinishReason::stop);
  StreamEvent usage;
  usage.kind = EventKind::usage;
  usage.usage.tokens_in = 105;
  usage.usage.tokens_cached = 100;
  usage.usage.tokens_out = 7;
  client.writer->write(usage, client.bytes);
  client.event(EventKind::end);
  client.event(EventKind::delta, 1, BlockKind::text, "late");
  EXPECT_EQ(client.said(),
            R"(messageStart {"role":"assistant"}
contentBlockDelta {"delta":{"reasoningContent":{"text":"hm"}},"contentBlockIndex":0}
contentBlockDelta {"delta":{"reasoningContent":{"signature":"hf1:openai:rs:sig"}},"contentBlockIndex":0}
contentBlockStop {"contentBlockIndex":0}
contentBlockDelta {"delta":{"text":"a\""},"contentBlockIndex":1}
contentBlockStop {"contentBlockIndex":1}
contentBlockStart {"start":{"toolUse":{"toolUseId":"c1","name":"f"}},"contentBlockIndex":2}
contentBlockDelta {"delta":{"toolUse":{"input":"{}"}},"contentBlockIndex":2}
contentBlockStop {"contentBlockIndex":2}
messageStop {"stopReason":"tool_use"}
metadata {"usage":{"inputTokens":5,"outputTokens":7,"totalTokens":112,"cacheReadInputTokens":100},"metrics":{"latencyMs":0}}
)");
}

TEST(BedrockStream, BlocksDoNotOverlap) {
  Client client;
  client.event(EventKind::start);
  for (const std::uint32_t block : {0U, 1U})
    client.event(EventKind::block_start, block, BlockKind::tool_call);
  client.event(EventKind::delta, 1, BlockKind::tool_call, "[1");
  client.event(EventKind::delta, 0, BlockKind::tool_call, "{");
  client.event(EventKind::delta, 1, BlockKind::tool_call, "]");
  client.event(EventKind::block_stop, 1);
  client.event(EventKind::delta, 0, BlockKind::tool_call, "}");
  client.event(EventKind::block_stop, 0);
  EXPECT_EQ(client.said(),
            R"(messageStart {"role":"assistant"}
contentBlockStart {"start":{"toolUse":{"toolUseId":"c1","name":"f"}},"contentBlockIndex":0}
contentBlockDelta {"delta":{"toolUse":{"input":"{"}},"contentBlockIndex":0}
contentBlockDelta {"delta":{"toolUse":{"input":"}"}},"contentBlockIndex":0}
contentBlockStop {"contentBlockIndex":0}
contentBlockStart {"start":{"toolUse":{"toolUseId":"c1","name":"f"}},"contentBlockIndex":1}
contentBlockDelta {"delta":{"toolUse":{"input":"[1]"}},"contentBlockIndex":1}
contentBlockStop {"contentBlockIndex":1}
)");
}

TEST(BedrockStream, WhatWaitsKeepsItsSignature) {
  Client client;
  client.event(EventKind::start);
  for (const std::uint32_t block : {0U, 1U, 2U, 3U})
    client.event(EventKind::block_start, block, BlockKind::thinking);
  client.event(EventKind::delta, 0, BlockKind::thinking, "a");
  for (const std::uint32_t block : {1U, 2U, 3U})
    client.sign(block, BlockKind::thinking, {"s", "bedrock", {}});
  client.event(EventKind::end);
  EXPECT_EQ(client.said(), std::string(R"(messageStart {"role":"assistant"}
contentBlockDelta {"delta":{"reasoningContent":{"text":"a"}},"contentBlockIndex":0}
contentBlockStop {"contentBlockIndex":0}
contentBlockDelta {"delta":{"reasoningContent":{"text":""}},"contentBlockIndex":1}
contentBlockDelta {"delta":{"reasoningContent":{"signature":"s"}},"contentBlockIndex":1}
contentBlockStop {"contentBlockIndex":1}
contentBlockDelta {"delta":{"reasoningContent":{"text":""}},"contentBlockIndex":2}
contentBlockDelta {"delta":{"reasoningContent":{"signature":"s"}},"contentBlockIndex":2}
contentBlockStop {"contentBlockIndex":2}
contentBlockDelta {"delta":{"reasoningContent":{"text":""}},"contentBlockIndex":3}
contentBlockDelta {"delta":{"reasoningContent":{"signature":"s"}},"contentBlockIndex":3}
contentBlockStop {"contentBlockIndex":3}
)") + closing);
}

TEST(BedrockStream, WhatConverseLacksIsLeftOutOrCarriedBeside) {
  Client client;
  client.event(EventKind::start);
  client.event(EventKind::block_start, 0);  // a text that stays empty
  client.event(EventKind::block_stop, 0);
  client.event(EventKind::block_start, 1, BlockKind::audio);
  client.event(EventKind::delta, 1, BlockKind::audio, "AAAA");
  client.event(EventKind::block_stop, 1);
  client.event(EventKind::block_start, 2, BlockKind::tool_call);
  client.sign(2, BlockKind::tool_call, {"sig", "google", {}});
  client.event(EventKind::block_stop, 2);
  EXPECT_EQ(client.said(),
            R"(messageStart {"role":"assistant"}
contentBlockStart {"start":{"toolUse":{"toolUseId":"c1","name":"f"}},"contentBlockIndex":0}
contentBlockDelta {"delta":{"toolUse":{"input":"{}"}},"contentBlockIndex":0}
contentBlockStop {"contentBlockIndex":0}
contentBlockDelta {"delta":{"reasoningContent":{"text":""}},"contentBlockIndex":1}
contentBlockDelta {"delta":{"reasoningContent":{"signature":"hf1:google:previous:sig"}},"contentBlockIndex":1}
contentBlockStop {"contentBlockIndex":1}
)");
}

TEST(BedrockStream, EndsWithAnExceptionWhenItBreaks) {
  struct Case {
    const char* rule;
    int status;
    FailureClass failure;
    const char* want;
  };
  constexpr Case cases[] = {
      {"the upstream broke", 502, FailureClass::cut_stream, "modelStreamErrorException"},
      {"a limit", 429, FailureClass::rate_limited, "throttlingException"},
      {"overload", 529, FailureClass::none, "serviceUnavailableException"},
      {"the request", 400, FailureClass::none, "validationException"},
      {"us", 500, FailureClass::none, "internalServerException"},
  };
  for (const Case& c : cases) {
    Client client;
    client.event(EventKind::start);
    ErrorReport report;
    report.status = c.status;
    report.failure = c.failure;
    report.message = "x";
    client.writer->error(report, client.bytes);
    client.event(EventKind::end);
    client.writer->keep_alive(client.bytes);
    EXPECT_EQ(client.said(), fmt::format("messageStart {{\"role\":\"assistant\"}}\n"
                                         "{} {{\"message\":\"x\"}}\n",
                                         c.want))
        << c.rule;
  }
}

TEST(BedrockStream, KeepsAliveWithWhatSdksSkip) {
  Client client;
  client.event(EventKind::start);
  client.writer->keep_alive(client.bytes);
  client.event(EventKind::end);
  EXPECT_EQ(client.said(),
            std::string("messageStart {\"role\":\"assistant\"}\nping {}\n") + closing);
}

TEST(BedrockStream, PadsEachEvent) {
  Client client(true);
  client.event(EventKind::start);
  client.event(EventKind::block_start);
  std::size_t sizes[64] = {};
  std::size_t before = client.bytes.size();
  for (std::size_t& size : sizes) {
    client.event(EventKind::delta, 0, BlockKind::text, "word");
    size = client.bytes.size() - before;
    before = client.bytes.size();
  }
  EXPECT_GT(std::set<std::size_t>(std::begin(sizes), std::end(sizes)).size(), 8U);
  Client same(true), other(true, 2);
  for (Client* each : {&same, &other}) {
    each->event(EventKind::start);
    each->event(EventKind::block_start);
    for (std::size_t i = 0; i < std::size(sizes); ++i)
      each->event(EventKind::delta, 0, BlockKind::text, "word");
  }
  EXPECT_EQ(same.bytes, client.bytes) << "the same seed";
  EXPECT_NE(other.bytes, client.bytes) << "another";
}

}  // namespace
}  // namespace holdfast::dialect::bedrock

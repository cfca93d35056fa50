// Some upstreams cite a text only when it is complete: by an event of its own behind the text's
// end, or with the last piece of the answer, when a call stands between.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dialect/anthropic/codec.h"
#include "dialect/bedrock/codec.h"
#include "dialect/citation.h"
#include "dialect/cohere/codec.h"
#include "dialect/gemini/codec.h"
#include "dialect/openai/codec.h"
#include "dialect/openai_responses/codec.h"

namespace holdfast::dialect {
namespace {

constexpr std::string_view chat_stream =
    R"(data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"Rome. "}}]}

data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":"{}"}}]}}]}

data: {"choices":[{"index":0,"delta":{"annotations":[{"type":"url_citation","url_citation":{"url":"https://late.example/","title":"Late","start_index":0,"end_index":4}}]},"finish_reason":"tool_calls"}]}

data: [DONE]

)";
constexpr std::string_view gemini_stream =
    R"(data: {"candidates":[{"content":{"parts":[{"text":"Rome. "}]},"index":0}]}

data: {"candidates":[{"content":{"parts":[{"functionCall":{"id":"call_1","name":"f","args":{}}}]},"index":0}]}

data: {"candidates":[{"finishReason":"STOP","index":0,"groundingMetadata":{"groundingChunks":[{"web":{"uri":"https://late.example/","title":"Late"}}],"groundingSupports":[{"segment":{"endIndex":4},"groundingChunkIndices":[0]}]}}]}

)";
constexpr std::string_view responses_stream =
    R"(data: {"type":"response.created","response":{"id":"r","model":"m"}}

data: {"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"Rome. "}

data: {"type":"response.content_part.done","output_index":0,"content_index":0,"part":{"type":"output_text","text":"Rome. "}}

data: {"type":"response.output_text.annotation.added","output_index":0,"content_index":0,"annotation":{"type":"url_citation","url":"https://late.example/","title":"Late","start_index":0,"end_index":4}}

data: {"type":"response.completed","response":{"id":"r","status":"completed"}}

)";
// A look-alike that tells them with the whole alone.
constexpr std::string_view whole_stream =
    R"(data: {"type":"response.created","response":{"id":"r","model":"m"}}

data: {"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"Rome. "}

data: {"type":"response.output_item.done","output_index":0,"item":{"type":"message","content":[{"type":"output_text","text":"Rome. "}]}}

data: {"type":"response.completed","response":{"id":"r","status":"completed","output":[{"type":"message","content":[{"type":"output_text","text":"Rome. ","annotations":[{"type":"url_citation","url":"https://late.example/","title":"Late","start_index":0,"end_index":4}]}]}]}}

)";
// What clients are told of Cohere's sources is their place in the text.
constexpr std::string_view cohere_stream =
    R"(data: {"type":"message-start","id":"c"}

data: {"type":"content-start","index":0,"delta":{"message":{"content":{"type":"text","text":""}}}}

data: {"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"Rome. "}}}}

data: {"type":"content-end","index":0}

data: {"type":"citation-start","index":0,"delta":{"message":{"citations":{"start":0,"end":4,"text":"Rome","sources":[{"type":"document","id":"d","document":{"url":"https://late.example/","title":"Late"}}]}}}}

data: {"type":"message-end","delta":{"finish_reason":"COMPLETE"}}

)";

std::vector<StreamEvent> read(StreamReader& reader, std::string_view bytes) {
  std::vector<StreamEvent> out;
  EXPECT_TRUE(reader.feed(bytes, out));
  return out;
}

std::string told(const Codec& upstream, std::string_view bytes, const Codec& client) {
  const auto reader = upstream.stream_reader();
  AnswerContext context;
  context.request_id = "r";
  context.model = "m";
  context.pad = false;
  const auto writer = client.stream_writer(context);
  std::string out;
  for (const StreamEvent& event : read(*reader, bytes)) writer->write(event, out);
  std::vector<StreamEvent> rest;
  EXPECT_TRUE(reader->finish(rest));
  for (const StreamEvent& event : rest) writer->write(event, out);
  return out;
}

struct Upstream {
  const char* name;
  const Codec& codec;
  std::string_view bytes;
  bool before_another;  // block begins, or none does
};
const Upstream upstreams[] = {
    {"annotations behind a call", openai::codec(), chat_stream, false},
    {"groundingMetadata behind a call", gemini::codec(), gemini_stream, false},
    {"annotation.added behind the part's end", openai_responses::codec(), responses_stream, true},
    {"annotations in the whole alone", openai_responses::codec(), whole_stream, true},
    {"citation-start behind content-end", cohere::codec(), cohere_stream, true},
};

TEST(LateCitation, IsToldWhereItsPieceIs) {
  struct Client {
    const Codec& codec;
    std::string_view says;
  };
  const Client clients[] = {
      {openai::codec(),
       R"("delta":{"annotations":[{"type":"url_citation","url_citation":{"url":"https://late.example/","title":"Late","start_index":0,"end_index":4}}]})"},
      {openai_responses::codec(),
       R"("annotation_index":0,"annotation":{"type":"url_citation","url":"https://late.example/","title":"Late","start_index":0,"end_index":4})"},
      {gemini::codec(), R"("groundingSupports":[{"segment":{"startIndex":0,"endIndex":4},)"},
  };
  for (const Upstream& upstream : upstreams)
    for (const Client& client : clients) {
      const std::string out = told(upstream.codec, upstream.bytes, client.codec);
      EXPECT_NE(out.find(client.says), std::string::npos) << upstream.name << "\n" << out;
    }
}

TEST(LateCitation, IsInTheWholeResponse) {
  for (const Upstream& upstream : upstreams) {
    const std::string out = told(upstream.codec, upstream.bytes, openai_responses::codec());
    const auto completed = out.rfind("event: response.completed");
    ASSERT_NE(completed, std::string::npos) << upstream.name << "\n" << out;
    EXPECT_NE(out.find("https://late.example/", completed), std::string::npos)
        << upstream.name << "\n"
        << out;
  }
}

// Their blocks do not overlap, and a citation lies within its block: the end of a text waits for
// what comes next. Behind another block there is no place for it, and that is said.
TEST(LateCitation, HoldsTheEndOfATextBackForDialectsThatCiteWithinBlocks) {
  for (const Upstream& upstream : upstreams) {
    const std::string messages = told(upstream.codec, upstream.bytes, anthropic::codec());
    const auto cited = messages.find("citations_delta");
    EXPECT_EQ(cited != std::string::npos, upstream.before_another) << upstream.name << "\n"
                                                                   << messages;
    if (upstream.before_another) EXPECT_LT(cited, messages.find("event: content_block_stop"));
    EXPECT_NE(messages.find("event: message_stop"), std::string::npos) << upstream.name;
    EXPECT_EQ(messages.find(": x-holdfast-dropped: citations\n\nevent: message_stop") !=
                  std::string::npos,
              !upstream.before_another)
        << messages;
    const std::string converse = told(upstream.codec, upstream.bytes, bedrock::codec());
    const auto web = converse.find("https://late.example/");
    EXPECT_EQ(web != std::string::npos, upstream.before_another) << upstream.name;
    if (upstream.before_another) EXPECT_LT(web, converse.find("contentBlockStop"));
    EXPECT_NE(converse.find("messageStop"), std::string::npos) << upstream.name;
    const auto untold = converse.find(R"({"members":"citations"})");
    EXPECT_EQ(untold != std::string::npos, !upstream.before_another) << upstream.name;
    if (!upstream.before_another) EXPECT_LT(converse.find("x-holdfast-dropped"), untold);
  }
}

StreamEvent event(EventKind kind, std::uint32_t block, BlockKind of = BlockKind::text) {
  StreamEvent out;
  out.kind = kind;
  out.block = block;
  out.block_kind = of;
  return out;
}

// Only the end waits: what was said has gone out, and so does a block that begins.
TEST(LateCitation, DelaysNoContent) {
  const auto writer = anthropic::codec().stream_writer({});
  StreamEvent says = event(EventKind::delta, 0);
  says.text = "Rome.";
  std::string out;
  writer->write(event(EventKind::start, 0), out);
  writer->write(event(EventKind::block_start, 0), out);
  writer->write(says, out);
  EXPECT_NE(out.find("Rome."), std::string::npos);
  writer->write(event(EventKind::block_stop, 0), out);
  EXPECT_EQ(out.find("content_block_stop"), std::string::npos);
  writer->write(event(EventKind::block_start, 1, BlockKind::tool_call), out);
  EXPECT_NE(out.find("content_block_stop"), std::string::npos);
  EXPECT_NE(out.find("tool_use"), std::string::npos);
}

// However many come behind the end of their text, each is said once, the whole answer has them, and
// there are not more than most_citations of one text.
TEST(LateCitation, IsBoundedOnceItsTextHasEnded) {
  for (const Codec* codec : {&openai_responses::codec(), &gemini::codec()}) {
    const auto writer = codec->stream_writer({});
    std::string out;
    StreamEvent says = event(EventKind::delta, 0);
    says.text = "Rome.";
    Citation citation;
    citation.url = "https://late.example/";
    citation.from = 0;
    citation.to = 4;
    StreamEvent cites = event(EventKind::citation, 0);
    cites.citation = &citation;
    writer->write(event(EventKind::start, 0), out);
    writer->write(event(EventKind::block_start, 0), out);
    writer->write(says, out);
    writer->write(event(EventKind::block_stop, 0), out);
    writer->write(event(EventKind::block_start, 1, BlockKind::tool_call), out);
    writer->write(event(EventKind::block_stop, 1, BlockKind::tool_call), out);
    const auto times = [&out](std::string_view what) {
      std::size_t count = 0;
      for (auto at = out.find(what); at != std::string::npos; at = out.find(what, at + 1)) ++count;
      return count;
    };
    for (std::size_t i = 0; i < most_citations + 10; ++i) writer->write(cites, out);
    if (codec == &openai_responses::codec())
      EXPECT_EQ(times("response.output_text.annotation.added\n"), most_citations);
    out.clear();
    StreamEvent finish = event(EventKind::finish, 0);
    finish.finish = FinishReason::stop;
    writer->write(finish, out);
    writer->write(event(EventKind::end, 0), out);
    const bool responses = codec == &openai_responses::codec();
    EXPECT_EQ(times(responses ? R"("type":"url_citation")" : R"("segment":)"), most_citations);
  }
}

}  // namespace
}  // namespace holdfast::dialect

#include "gateway/continued_stream.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <vector>

#include "base/limits.h"

namespace holdfast::gateway {
namespace {

using dialect::BlockKind;
using dialect::EventKind;
using dialect::StreamEvent;

// Writes down what a client's writer would be told.
struct Recorder final : dialect::StreamWriter {
  void write(const StreamEvent& event, std::string& out) override {
    switch (event.kind) {
      case EventKind::start:
        out += "start ";
        break;
      case EventKind::block_start:
        out += fmt::format("{}( ", event.block);
        break;
      case EventKind::delta:
        out += fmt::format("{}:[{}] ", event.block, event.text);
        break;
      case EventKind::block_stop:
        out += fmt::format("){} ", event.block);
        break;
      case EventKind::finish:
        out += "finish ";
        break;
      case EventKind::usage:
        out += fmt::format("usage={}/{}/{} ", event.usage.tokens_in, event.usage.tokens_out,
                           event.usage.continuations);
        break;
      case EventKind::signature:
        out += fmt::format("{}! ", event.block);
        break;
      case EventKind::citation:
        out += fmt::format("{}^ ", event.block);
        break;
      case EventKind::ping:
        out += "ping ";
        break;
      case EventKind::error:
        break;
      case EventKind::end:
        out += "end";
        break;
    }
  }
  void keep_alive(std::string& out) override { out += "ping "; }
  void error(const dialect::ErrorReport& /*report*/, std::string& out) override { out += "error"; }
};

StreamEvent event(EventKind kind, std::uint32_t block = 0, BlockKind of = BlockKind::text,
                  std::string_view text = {}) {
  StreamEvent out;
  out.kind = kind;
  out.block = block;
  out.block_kind = of;
  out.text = text;
  return out;
}
StreamEvent opens(std::uint32_t block, BlockKind of = BlockKind::text) {
  return event(EventKind::block_start, block, of);
}
StreamEvent says(std::uint32_t block, std::string_view text, BlockKind of = BlockKind::text) {
  return event(EventKind::delta, block, of, text);
}
StreamEvent stops(std::uint32_t block) { return event(EventKind::block_stop, block); }
StreamEvent counts(std::int64_t in, std::int64_t out) {
  StreamEvent usage = event(EventKind::usage);
  usage.usage.tokens_in = in;
  usage.usage.tokens_out = out;
  return usage;
}

constexpr std::int64_t prompt_tokens = 7;

struct Stream {
  ContinuedStream stream;
  std::string out;
  explicit Stream(bool signs = false)
      : stream(std::make_unique<Recorder>(), signs, prompt_tokens) {}
  Stream& write(const std::vector<StreamEvent>& events) {
    for (const StreamEvent& one : events) stream.write(one, out);
    return *this;
  }
};

void go_on(Stream& broken, Asking asking) {
  broken.stream.break_off();
  broken.stream.next_is_asked(asking);
}

const StreamEvent start = event(EventKind::start), finish = event(EventKind::finish),
                  end = event(EventKind::end);

TEST(ContinuedStream, IsOneAnswer) {
  Stream one;
  one.write({start, opens(0), says(0, "Hello "), says(0, "wor")});
  ASSERT_EQ(one.stream.mending(), Mending::go_on);
  go_on(one, Asking::prefill);
  one.write({start, counts(9, -1), opens(0), says(0, "ld"), stops(0), counts(9, 2), finish, end});
  EXPECT_EQ(one.out, "start 0( 0:[Hello ] 0:[wor] 0:[ld] )0 finish usage=16/5/1 end");
  EXPECT_EQ(one.stream.text(), "Hello world");
}

TEST(ContinuedStream, LeavesOutWhatIsSaidAgain) {
  Stream one;
  one.write({start, opens(0), says(0, "The capital of Italy is")});
  go_on(one, Asking::told);
  one.write(
      {start, opens(0), says(0, "The capital of"), says(0, " Italy is Rome"), stops(0), finish});
  EXPECT_EQ(one.out, "start 0( 0:[The capital of Italy is] 0:[ Rome] )0 finish ");
}

TEST(ContinuedStream, KeepsThoughtsAboutGoingOnToItself) {
  Stream one;
  one.write({start, opens(0, BlockKind::thinking), says(0, "Hm", BlockKind::thinking), stops(0),
             opens(1), says(1, "Hello ")});
  go_on(one, Asking::prefill);
  one.write({start, opens(0, BlockKind::thinking), says(0, "Go on?", BlockKind::thinking), stops(0),
             opens(1), says(1, "world"), stops(1), finish});
  EXPECT_EQ(one.out, "start 0( 0:[Hm] )0 1( 1:[Hello ] 1:[world] )1 finish ");
}

TEST(ContinuedStream, ACallAfterTheSeamEndsTheTextFirst) {
  Stream one;
  one.write({start, opens(0), says(0, "Let me look. ")});
  go_on(one, Asking::prefill);
  one.write({start, opens(0, BlockKind::tool_call), says(0, "{}", BlockKind::tool_call), stops(0),
             finish});
  EXPECT_EQ(one.out, "start 0( 0:[Let me look. ] )0 1( 1:[{}] )1 finish ");
}

TEST(ContinuedStream, AnAttemptWithoutAWordLeavesNoTrace) {
  Stream one;
  one.write({start, opens(0), says(0, "Hello ")});
  go_on(one, Asking::prefill);
  const std::string before = one.out;
  one.write({start, counts(9, 1), opens(0)});
  one.stream.forget_attempt();
  EXPECT_EQ(one.out, before);
  ASSERT_EQ(one.stream.mending(), Mending::go_on);
  one.stream.next_is_asked(Asking::prefill);
  one.write({start, opens(0), says(0, "world"), stops(0), finish, end});
  EXPECT_EQ(one.out, before + "0:[world] )0 finish usage=7/2/1 end");
}

TEST(ContinuedStream, SaysNothingOfAnAttemptBeforeItsFirstWord) {
  Stream one;
  one.write({start, opens(0), says(0, "The capital of Italy is")});
  go_on(one, Asking::told);
  const std::string before = one.out;
  const StreamEvent ping = event(EventKind::ping);
  one.write({start, ping, opens(0), says(0, "capital of"), ping});
  EXPECT_EQ(one.out, before);
  one.write({says(0, " Italy is Rome"), ping});
  EXPECT_EQ(one.out, before + "0:[ Rome] ping ");
}

TEST(ContinuedStream, KeepsCitationsWhereTheirPlacesAre) {
  Stream one;
  const StreamEvent cites = event(EventKind::citation, 0);
  one.write({start, opens(0), says(0, "Rome is old. "), cites});
  go_on(one, Asking::prefill);
  one.write({start, opens(0), says(0, "And large."), cites, stops(0), finish});
  EXPECT_EQ(one.out, "start 0( 0:[Rome is old. ] 0^ 0:[And large.] )0 finish ");
}

TEST(ContinuedStream, PassesTheCitationsOfATextThatHasEnded) {
  Stream one;
  const StreamEvent cites = event(EventKind::citation, 0);
  one.write({start, opens(0), says(0, "Rome."), stops(0), cites});
  go_on(one, Asking::told);
  const std::string before = one.out;
  one.write({start, opens(0), says(0, "Rome."), stops(0), cites, finish});
  EXPECT_EQ(before, "start 0( 0:[Rome.] )0 0^ ");
  EXPECT_EQ(one.out.find('^', before.size()), std::string::npos) << one.out;
}

TEST(ContinuedStream, HasNoUseForAnotherAnswer) {
  Stream one;
  std::string text;
  for (int i = 100; text.size() < 2 * Seam::restart_bytes; ++i) text += std::to_string(i);
  one.write({start, opens(0), says(0, text)});
  go_on(one, Asking::told);
  const std::string before = one.out;
  one.write({start, opens(0), says(0, text.substr(0, Seam::restart_bytes) + "b"), says(0, "c"),
             stops(0), finish, end});
  EXPECT_EQ(one.out, before);
  EXPECT_TRUE(one.stream.started_over());
  EXPECT_FALSE(one.stream.unusable().empty());
  ASSERT_EQ(one.stream.mending(), Mending::go_on);
  one.stream.next_is_asked(Asking::prefill);
  EXPECT_TRUE(one.stream.unusable().empty());
  one.write({start, opens(0), says(0, "!"), stops(0), finish, end});
  EXPECT_EQ(one.out, before + "0:[!] )0 finish usage=7/33/1 end");
}

// Its text ends before the call, which is then no longer one to be gone on with.
TEST(ContinuedStream, HalfACallAfterTheSeamCannotBeMended) {
  Stream one;
  one.write({start, opens(0), says(0, "Let me look. ")});
  go_on(one, Asking::prefill);
  one.write({start, opens(0, BlockKind::tool_call), says(0, "{", BlockKind::tool_call)});
  one.stream.forget_attempt();
  EXPECT_EQ(one.stream.mending(), Mending::none);
}

TEST(ContinuedStream, WhiteSpaceThatWasAllComesOnce) {
  Stream one;
  one.write({start, opens(0), says(0, "\n\n")});
  ASSERT_EQ(one.stream.mending(), Mending::restart);
  go_on(one, Asking::told);
  one.write({start, opens(0), says(0, "\n\nHello"), stops(0), finish});
  EXPECT_EQ(one.out, "start 0( 0:[\n\n] 0:[Hello] )0 finish ");
}

// The second break is mended as the first was.
TEST(ContinuedStream, MayBreakAgain) {
  Stream one;
  one.write({start, opens(0), says(0, "one "), counts(7, 1)});
  go_on(one, Asking::prefill);
  one.write({start, opens(0), says(0, "two ")});
  ASSERT_EQ(one.stream.mending(), Mending::go_on);
  go_on(one, Asking::prefill);
  one.write(
      {start, counts(8, -1), opens(0), says(0, "three"), stops(0), counts(8, 1), finish, end});
  EXPECT_EQ(one.out, "start 0( 0:[one ] usage=7/1/0 0:[two ] 0:[three] )0 finish usage=22/3/2 end");
}

TEST(ContinuedStream, OnlyThoughtsAreThoughtAgain) {
  Stream one;
  one.write({start, opens(0, BlockKind::thinking), says(0, "Hm", BlockKind::thinking)});
  ASSERT_EQ(one.stream.mending(), Mending::restart);
  go_on(one, Asking::told);
  one.write({start, opens(0, BlockKind::thinking), says(0, "So", BlockKind::thinking), stops(0),
             opens(1), says(1, "Hi"), stops(1), finish});
  EXPECT_EQ(one.out, "start 0( 0:[Hm] )0 1( 1:[So] )1 2( 2:[Hi] )2 finish ");
}

TEST(ContinuedStream, SaysWhatCanBeMended) {
  struct Case {
    const char* rule;
    std::vector<StreamEvent> told;
    bool signs;
    Mending want;
  };
  const Case cases[] = {
      {"text", {start, opens(0), says(0, "a")}, true, Mending::go_on},
      {"text whose block has ended",
       {start, opens(0), says(0, "a"), stops(0)},
       true,
       Mending::go_on},
      {"white space alone", {start, opens(0), says(0, " \n")}, true, Mending::restart},
      {"a call",
       {start, opens(0), says(0, "a"), opens(1, BlockKind::tool_call)},
       false,
       Mending::none},
      {"a refusal",
       {start, opens(0, BlockKind::refusal), says(0, "no", BlockKind::refusal)},
       false,
       Mending::none},
      {"half a thought that goes back signed",
       {start, opens(0, BlockKind::thinking), says(0, "a", BlockKind::thinking)},
       true,
       Mending::none},
      {"a whole one",
       {start, opens(0, BlockKind::thinking), says(0, "a", BlockKind::thinking), stops(0)},
       true,
       Mending::restart},
      {"all of it", {start, opens(0), says(0, "a"), stops(0), finish}, false, Mending::complete},
  };
  for (const Case& c : cases) {
    Stream one(c.signs);
    one.write(c.told);
    EXPECT_EQ(one.stream.mending(), c.want) << c.rule;
  }
}

TEST(ContinuedStream, KeepsNoMoreTextThanItsLimit) {
  Stream one;
  one.write({start, opens(0)});
  const std::string piece(std::size_t{64} * 1024, 'a');
  for (int i = 0; i < 40; ++i) one.write({says(0, piece)});
  EXPECT_EQ(one.stream.mending(), Mending::none);
  EXPECT_LE(one.stream.text().size(), limits::continued_bytes + 2 * piece.size());
}

TEST(ContinuedStream, ClosesWhatOnlyLackedItsEnd) {
  Stream one;
  one.write({start, opens(0), says(0, "a"), stops(0), finish});
  one.stream.close(one.out);
  one.stream.close(one.out);
  EXPECT_EQ(one.out, "start 0( 0:[a] )0 finish usage=7/1/0 end");
}

}  // namespace
}  // namespace holdfast::gateway

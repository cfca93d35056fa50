#include "gateway/hedge.h"

#include <gtest/gtest.h>

namespace holdfast::gateway {
namespace {

using records::bit, records::Feature;

Incoming conversation() {
  Incoming incoming;
  incoming.canonical = std::make_unique<dialect::Request>();
  return incoming;
}

TEST(Repeatable, IsWhatNeitherActsNorIsKept) {
  struct Case {
    const char* rule;
    bool want;
    void (*make)(Incoming&);
  };
  const Case cases[] = {
      {"a conversation", true, [](Incoming&) {}},
      {"bytes that pass unread", true, [](Incoming& i) { i.canonical.reset(); }},
      {"tools that the client runs", true, [](Incoming& i) { i.canonical->tools.emplace_back(); }},
      {"tools that the provider may run", false,
       [](Incoming& i) { i.canonical->tools.emplace_back().native.emplace(); }},
      {"servers that the provider calls", false,
       [](Incoming& i) {
         i.canonical->extras.push_back({dialect::Dialect::anthropic, "mcp_servers", "[]"});
       }},
      {"a machine that the provider keeps", false,
       [](Incoming& i) {
         i.canonical->extras.push_back({dialect::Dialect::anthropic, "container", R"("c")"});
       }},
      {"a search", false, [](Incoming& i) { i.features |= bit(Feature::web_search); }},
      {"a completion that is to be kept", false,
       [](Incoming& i) { i.features |= bit(Feature::stored); }},
      {"a response that is to be kept", false, [](Incoming& i) { i.kept.said.store = true; }},
      {"a response that is not to be", true, [](Incoming& i) { i.kept.said.store = false; }},
      {"a response that says nothing, which its provider keeps", false,
       [](Incoming& i) { i.front.dialect = dialect::Dialect::openai_responses; }},
      {"one that is not to be kept", true,
       [](Incoming& i) {
         i.front.dialect = dialect::Dialect::openai_responses;
         i.kept.said.store = false;
       }},
      {"a conversation that the provider keeps", false,
       [](Incoming& i) { i.kept.said.conversation = "conv_1"; }},
      {"vectors", true, [](Incoming& i) { i.front.operation = Operation::embeddings; }},
      {"an order of texts", true, [](Incoming& i) { i.front.operation = Operation::rerank; }},
      {"pictures and sound", false, [](Incoming& i) { i.front.operation = Operation::media; }},
      {"a count, which is free", false,
       [](Incoming& i) { i.front.operation = Operation::count_tokens; }},
  };
  for (const Case& c : cases) {
    Incoming incoming = conversation();
    c.make(incoming);
    EXPECT_EQ(repeatable(incoming), c.want) << c.rule;
  }
}

TEST(Contest, IsWonByTheFirstThatClaims) {
  Contest contest;
  int first_ended = 0, hedge_ended = 0;
  Contest::Entrant first(contest, false);
  first.on_end([&first_ended] { ++first_ended; });
  EXPECT_FALSE(contest.claimed());
  {
    Contest::Entrant hedge(contest, true);
    hedge.on_end([&hedge_ended] { ++hedge_ended; });
    EXPECT_TRUE(hedge.claim());
    EXPECT_TRUE(first.lost());
    EXPECT_EQ(first_ended, 1);
    EXPECT_FALSE(first.claim()) << "the client has an owner";
    EXPECT_TRUE(hedge.claim()) << "which may say so again";
    hedge.lose();
    EXPECT_FALSE(hedge.lost()) << "and cannot lose any more";
    EXPECT_EQ(hedge_ended, 0);
  }
  EXPECT_FALSE(first.claim()) << "who has lost does not come back when the winner has ended";
}

TEST(Contest, EndsAllWhenTheClientLeaves) {
  Contest contest;
  int ended = 0;
  Contest::Entrant first(contest, false), hedge(contest, true);
  first.on_end([&ended] { ++ended; });
  hedge.on_end([&ended] { ++ended; });
  contest.end_all();
  EXPECT_EQ(ended, 2);
  EXPECT_FALSE(first.lost() || hedge.lost()) << "nobody has won";
}

}  // namespace
}  // namespace holdfast::gateway

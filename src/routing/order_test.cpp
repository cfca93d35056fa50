#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "routing/test_support.h"

namespace holdfast::routing {
namespace {

using namespace std::chrono_literals;

// Three targets a, b, c at positions 0, 1, 2, with what each entry says besides.
std::string three(const std::string& head, const char* a = "", const char* b = "",
                  const char* c = "") {
  std::string out = head + "\n    targets:\n";
  out += std::string("      - { provider: a, model: m") + a + " }\n";
  out += std::string("      - { provider: b, model: m") + b + " }\n";
  out += std::string("      - { provider: c, model: m") + c + " }\n";
  return out;
}

struct Orders : testing::Test, World {
  // How often each position comes first, of `draws` requests that differ in their ids.
  std::vector<double> shares(const Route& route, int draws, Facts facts = {}) {
    std::vector<double> first(route.leaves.size());
    for (int i = 0; i < draws; ++i) {
      const std::string id = "req_" + std::to_string(i);
      facts.request_id = id;
      first[order(route, facts).at(0)] += 1.0 / draws;
    }
    return first;
  }
  void pace(std::size_t target, int first_ms, int per_token_ms) {
    load->suppose(target, -1, first_ms * 1000.0, per_token_ms * 1000.0, clock.now());
  }
};

// Five standard deviations of a share: what a right policy misses once in two million runs, and
// with a seed never.
double bound(double share, int draws) { return 5 * std::sqrt(share * (1 - share) / draws); }

TEST_F(Orders, WeightsHold) {
  const Route route = route_of(three("    policy: weighted", ", weight: 7", ", weight: 2", ""));
  constexpr int draws = 20'000;
  const auto first = shares(route, draws);
  EXPECT_NEAR(first[0], 0.7, bound(0.7, draws));
  EXPECT_NEAR(first[1], 0.2, bound(0.2, draws));
  EXPECT_NEAR(first[2], 0.1, bound(0.1, draws));
}

TEST_F(Orders, WeightsHoldAmongThoseThatAreLeft) {
  const Route route = route_of(three("    policy: weighted", ", weight: 7", ", weight: 2", ""));
  fail(0, FailureClass::connect);
  constexpr int draws = 20'000;
  const auto first = shares(route, draws);
  EXPECT_EQ(first[0], 0);
  EXPECT_NEAR(first[1], 2.0 / 3, bound(2.0 / 3, draws));
}

TEST_F(Orders, AWeightOfNothingIsForTheDayThatTheOthersAreOut) {
  const Route route = route_of(three("    policy: weighted", "", "", ", weight: 0"));
  EXPECT_EQ(shares(route, 1000)[2], 0);
  fail(0, FailureClass::rate_limited, 60s);
  fail(1, FailureClass::rate_limited, 60s);
  EXPECT_EQ(order(route), (Positions{2}));
}

TEST_F(Orders, TurnsGoRoundThoseThatAreWell) {
  const Route route = route_of(three("    policy: round_robin"));
  EXPECT_EQ(order(route), (Positions{0, 1, 2}));
  EXPECT_EQ(order(route), (Positions{1, 2, 0}));
  EXPECT_EQ(order(route), (Positions{2, 0, 1}));
  EXPECT_EQ(order(route), (Positions{0, 1, 2}));
  fail(1, FailureClass::connect);
  std::map<std::size_t, int> first;
  for (int i = 0; i < 100; ++i) ++first[order(route).front()];
  EXPECT_EQ(first, (std::map<std::size_t, int>{{0, 50}, {2, 50}}))
      << "who is out does not double its neighbour";
}

TEST_F(Orders, TheFasterOfTwoIsFirst) {
  const Route route = route_of(three("    policy: least_latency"));
  pace(0, 900, 10);
  pace(1, 200, 10);
  pace(2, 400, 10);
  constexpr int draws = 6'000;
  const auto first = shares(route, draws);
  EXPECT_EQ(first[0], 0) << "the slowest loses every pair";
  EXPECT_NEAR(first[1], 2.0 / 3, bound(2.0 / 3, draws)) << "the fastest wins those that it is in";
  EXPECT_NEAR(first[2], 1.0 / 3, bound(1.0 / 3, draws));
}

TEST_F(Orders, WhatIsExpectedDecidesWhoIsFaster) {
  const Route route = route_of(R"(    policy: least_latency
    targets:
      - { provider: a, model: m }
      - { provider: b, model: m }
)");
  pace(0, 100, 20);  // quick to begin
  pace(1, 1000, 2);  // quick to go on
  Facts facts;
  facts.max_tokens = 5;
  EXPECT_EQ(order(route, facts), (Positions{0, 1}));
  facts.max_tokens = 4000;
  EXPECT_EQ(order(route, facts), (Positions{1, 0}));
}

TEST_F(Orders, WhoeverIsNotWellWinsNoComparison) {
  const Route route = route_of(three("    policy: least_latency"));
  pace(0, 1, 0);
  pace(1, 300, 0);
  pace(2, 200, 0);
  fail(0, FailureClass::connect);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(order(route), (Positions{2, 1, 0}));
}

TEST_F(Orders, TheCheapestComesFirstAndTheUnpricedLast) {
  Route route = route_of(three("    policy: least_cost"));
  route.leaves[0].price = {.input = 2'500'000, .output = 10'000'000};
  route.leaves[2].price = {.input = 5'000'000, .output = 5'000'000};
  Facts facts;
  facts.tokens_in = 100;
  facts.max_tokens = 200;
  EXPECT_EQ(order(route, facts), (Positions{2, 0, 1}));
  facts.tokens_in = 10'000;
  EXPECT_EQ(order(route, facts), (Positions{0, 2, 1}));
  facts.tokens_in = std::int64_t{1} << 40U;
  route.leaves[0].price.input = std::int64_t{1} << 60U;
  EXPECT_EQ(order(route, facts), (Positions{2, 0, 1})) << "no cost is too large to compare";
}

TEST_F(Orders, TheLeastBusyComesFirst) {
  const Route route = route_of(three("    policy: least_busy"));
  const InFlight one(*load, 0);
  const InFlight two(*load, 0);
  const InFlight third(*load, 2);
  EXPECT_EQ(order(route), (Positions{1, 2, 0}));
  fail(1, FailureClass::connect);
  EXPECT_EQ(order(route), (Positions{2, 0, 1}));
}

TEST_F(Orders, AmongTheEquallyBusyNoneIsAlwaysFirst) {
  const Route route = route_of(three("    policy: least_busy"));
  for (const double share : shares(route, 3'000)) EXPECT_NEAR(share, 1.0 / 3, 0.05);
}

TEST_F(Orders, StickyMovesOnlyThoseWhoseTargetLeft) {
  const Route route = route_of(three("    policy: sticky\n    on: user"));
  constexpr std::uint64_t users = 6'000;
  std::vector<Positions> before;
  std::vector<int> count(3);
  Facts facts;
  for (facts.user = 1; facts.user <= users; ++facts.user) {
    before.push_back(order(route, facts));
    EXPECT_EQ(order(route, facts), before.back()) << "always the same";
    ++count[before.back().front()];
  }
  for (const int one : count) EXPECT_NEAR(one / double{users}, 1.0 / 3, bound(1.0 / 3, users));
  const Route without = route_of(R"(    policy: sticky
    on: user
    targets:
      - { provider: a, model: m }
      - { provider: c, model: m }
)");
  constexpr std::size_t stays[] = {0, 2};  // positions of before
  for (facts.user = 1; facts.user <= users; ++facts.user) {
    const Positions& was = before[facts.user - 1];
    const std::size_t now = stays[order(without, facts).front()];
    EXPECT_EQ(now, was.front() == 1 ? was[1] : was.front());
  }
}

TEST_F(Orders, StickyHoldsItsWeights) {
  const Route route = route_of(three("    policy: sticky\n    on: request", ", weight: 3", "", ""));
  constexpr int draws = 20'000;
  const auto first = shares(route, draws);
  EXPECT_NEAR(first[0], 0.6, bound(0.6, draws));
  EXPECT_NEAR(first[1], 0.2, bound(0.2, draws));
}

TEST_F(Orders, WhoSaysNothingIsSpread) {
  const Route route = route_of(three("    policy: sticky\n    on: user"));
  for (const double share : shares(route, 3'000)) EXPECT_NEAR(share, 1.0 / 3, 0.05);
}

TEST_F(Orders, StickyGoesByWhatItIsTold) {
  struct Case {
    const char* on;
    void (*say)(Facts&, const std::string&, net::HeaderFields&);
  };
  const Case cases[] = {
      {"user", [](Facts& f, const std::string& s, auto&) { f.user = stable_hash(s); }},
      {"conversation",
       [](Facts& f, const std::string& s, auto&) { f.conversation = stable_hash(s); }},
      {"prefix", [](Facts& f, const std::string& s, auto&) { f.prefix = stable_hash(s); }},
      {"key", [](Facts& f, const std::string& s, auto&) { f.key = s; }},
      {"request", [](Facts& f, const std::string& s, auto&) { f.request_id = s; }},
      {"header:x-session", [](Facts&, const std::string& s,
                              auto& headers) { headers.fields.push_back({"X-Session", s}); }},
  };
  for (const Case& c : cases) {
    const Route route = route_of(three(std::string("    policy: sticky\n    on: ") + c.on));
    std::set<std::size_t> seen;
    for (int i = 0; i < 40; ++i) {
      const std::string text = "who" + std::to_string(i);
      net::HeaderFields headers;
      Facts facts;
      facts.headers = &headers;
      c.say(facts, text, headers);
      const Positions first = order(route, facts);
      EXPECT_EQ(order(route, facts), first) << c.on;
      seen.insert(first.front());
    }
    EXPECT_EQ(seen.size(), 3U) << c.on << ": different ones go to different targets";
  }
}

TEST_F(Orders, ConditionsLeaveOut) {
  const Route route = route_of(
      three("    policy: conditional", ", when: \"team == 'x'\"", ", when: \"tokens > 100\"", ""));
  EXPECT_EQ(route.needs, bit(Need::size));
  Facts facts;
  EXPECT_EQ(order(route, facts), (Positions{2}));
  facts.team = "x";
  EXPECT_EQ(order(route, facts), (Positions{0, 2}));
  facts.tokens_in = 101;
  EXPECT_EQ(order(route, facts), (Positions{0, 1, 2}));
  fail(0, FailureClass::connect);
  fail(1, FailureClass::connect);
  fail(2, FailureClass::connect);
  facts.tokens_in = 1;
  EXPECT_EQ(order(route, facts), (Positions{0, 2})) << "not even as the last resort";
}

TEST_F(Orders, SplitsHoldAndStay) {
  const auto text = [](const char* old_part, const char* new_part) {
    return std::string("    policy: split\n    on: user\n    targets:\n") +
           "      - { provider: a, model: m, percent: " + old_part + " }\n" +
           "      - { provider: b, model: m, percent: " + new_part + " }\n";
  };
  const Route five = route_of(text("95", "5"));
  const Route more = route_of(text("79.5", "20.5"));
  constexpr std::uint64_t users = 20'000;
  int in_five = 0;
  int in_more = 0;
  Facts facts;
  for (std::uint64_t i = 0; i < users; ++i) {
    facts.user = stable_hash(std::to_string(i));
    const bool canary = order(five, facts).front() == 1;
    const bool later = order(more, facts).front() == 1;
    EXPECT_TRUE(!canary || later) << "who is in the canary stays in it while it grows";
    EXPECT_EQ(order(five, facts).size(), 2U) << "the other part is the fallback";
    in_five += canary ? 1 : 0;
    in_more += later ? 1 : 0;
  }
  EXPECT_NEAR(in_five / double{users}, 0.05, bound(0.05, users));
  EXPECT_NEAR(in_more / double{users}, 0.205, bound(0.205, users));
}

TEST_F(Orders, GroupsStandWhereTheirBestTargetWould) {
  Route route = route_of(R"(    policy: least_cost
    targets:
      - { provider: a, model: m }
      - policy: failover
        targets:
          - { provider: b, model: m }
          - { provider: c, model: m }
      - { provider: d, model: m }
)");
  route.leaves[0].price = {.input = 20, .output = 20};
  route.leaves[1].price = {.input = 30, .output = 30};
  route.leaves[2].price = {.input = 10, .output = 10};
  route.leaves[3].price = {.input = 15, .output = 15};
  EXPECT_EQ(order(route), (Positions{1, 2, 3, 0}));
  fail(2, FailureClass::connect);
  EXPECT_EQ(order(route), (Positions{3, 0, 1, 2})) << "by those in it that are well";
}

TEST_F(Orders, RegionsAreKeptUnderEveryPolicy) {
  const Route route = route_of(three("    regions: [eu]"));
  EXPECT_EQ(order(route), (Positions{0, 2}));
  fail(0, FailureClass::connect);
  fail(2, FailureClass::connect);
  EXPECT_EQ(order(route), (Positions{0, 2})) << "not even as the last resort";
  const std::vector<std::string> west = {"eu-west"};
  Facts facts;
  facts.regions = west;
  EXPECT_EQ(order(route, facts), (Positions{0})) << "the key's are kept besides";
  const std::vector<std::string> asia = {"asia"};
  facts.regions = asia;
  EXPECT_TRUE(plan(route, facts).nobody_permitted());
  EXPECT_EQ(plan(route, facts).passed_over(0, clock.now()), PassedOver::region);
}

TEST(Regions, AreWholeWords) {
  const std::vector<std::string> eu = {"eu"};
  EXPECT_TRUE(in_regions("eu", eu));
  EXPECT_TRUE(in_regions("eu-west", eu));
  EXPECT_FALSE(in_regions("europe", eu));
  EXPECT_FALSE(in_regions("", eu)) << "what is not said is nowhere";
  EXPECT_TRUE(in_regions("", {}));
}

}  // namespace
}  // namespace holdfast::routing

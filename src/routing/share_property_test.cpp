// Who gets how much, in trees drawn at random from fixed seeds: weights and percentages hold, and
// whoever is sticky stays.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "routing/test_support.h"

namespace holdfast::routing {
namespace {

using namespace std::chrono_literals;
using Shares = std::array<double, limits::targets_per_model>;  // by position

// Groups of `policies` in each other, with weights (some are 0) and percentages.
class ShareTree {
 public:
  ShareTree(Random& random, std::vector<Policy> policies)
      : random_(random), policies_(std::move(policies)) {}

  Route make() {
    const std::size_t targets = 2 + random_.below(8);
    for (std::size_t i = 0; i < targets; ++i) {
      Leaf leaf;
      leaf.index = static_cast<std::uint16_t>(i);
      route_.leaves.push_back(leaf);
    }
    route_.permitted = route_.all();
    route_.nodes.emplace_back();
    fill(0, targets, 1);
    return std::move(route_);
  }

 private:
  // Puts `count` targets below the group at `at`.
  void fill(std::size_t at, std::size_t count, int depth) {
    Node group;
    group.policy = policies_[random_.below(policies_.size())];
    group.on = On::user;
    group.salt = random_.next();
    group.weight = route_.nodes[at].weight;
    group.percent = route_.nodes[at].percent;
    group.id = random_.next();
    std::uint32_t percent_left = 10'000, weights = 0;
    while (count > 0) {
      const std::size_t here = depth < 3 ? 1 + random_.below(count) : 1;
      const std::size_t place = route_.nodes.size();
      Node& node = route_.nodes.emplace_back();
      node.id = random_.next();
      node.weight = static_cast<std::uint32_t>(random_.below(5));
      if (here == count && weights + node.weight == 0) node.weight = 1;
      weights += node.weight;
      node.percent = here == count ? percent_left
                                   : static_cast<std::uint32_t>(random_.below(percent_left + 1));
      percent_left -= node.percent;
      if (here == 1) {
        node.leaf = static_cast<std::uint8_t>(next_);
        node.leaves = 1U << next_++;
      } else {
        fill(place, here, depth + 1);
      }
      group.leaves |= route_.nodes[place].leaves;
      group.children.push_back(static_cast<std::uint8_t>(place));
      count -= here;
    }
    route_.nodes[at] = std::move(group);
  }

  Random& random_;
  std::vector<Policy> policies_;
  Route route_;
  std::size_t next_ = 0;
};

// Adds what the targets below `at` are due of `share` while only those of `well` serve: found by
// the words of the documentation, without the code under test.
void add_due(const Route& route, std::size_t at, std::uint32_t well, double share, Shares& due) {
  const Node& node = route.nodes[at];
  if (node.leaf != Node::no_leaf) {
    due.at(node.leaf) += share;
    return;
  }
  const auto serves = [&](std::uint8_t child) { return (route.nodes[child].leaves & well) != 0; };
  std::vector<std::uint8_t> left;
  for (const std::uint8_t child : node.children)
    if (serves(child)) left.push_back(child);
  if (node.policy == Policy::split) {  // the part of what is out goes to the first of the others
    for (const std::uint8_t child : node.children)
      add_due(route, serves(child) ? child : left.front(), well,
              share * route.nodes[child].percent / 10'000, due);
    return;
  }
  const double weights = std::accumulate(
      left.begin(), left.end(), 0.0,
      [&](double sum, std::uint8_t child) { return sum + route.nodes[child].weight; });
  if (weights == 0) return add_due(route, left.front(), well, share, due);
  for (const std::uint8_t child : left)
    if (route.nodes[child].weight > 0)
      add_due(route, child, well, share * route.nodes[child].weight / weights, due);
}

// How far a share of `draws` may be from `due` by chance: five standard deviations.
double bound(double due, int draws) { return 5 * std::sqrt(due * (1 - due) / draws) + 1.0 / draws; }

std::size_t answers(World& world, const Route& route, std::uint64_t user) {
  Facts facts;
  facts.user = user;
  return world.order(route, facts).front();
}

TEST(EveryShare, HoldsWhoeverIsOut) {
  constexpr int draws = 2'000;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    Random random(seed);
    World world;
    const Route route = ShareTree(random, {Policy::weighted, Policy::sticky, Policy::split}).make();
    std::uint32_t well = route.all();
    for (std::size_t i = 0; i < route.leaves.size(); ++i)
      if (seed % 2 == 0 && random.below(3) == 0 && (well & ~(1U << i)) != 0) {
        world.fail(i, FailureClass::rate_limited, 60s);
        well &= ~(1U << i);
      }
    Shares due{}, got{};
    add_due(route, 0, well, 1, due);
    for (int i = 0; i < draws; ++i) got.at(answers(world, route, random.next())) += 1.0 / draws;
    for (std::size_t i = 0; i < route.leaves.size(); ++i)
      ASSERT_NEAR(got.at(i), due.at(i), bound(due.at(i), draws)) << "seed " << seed << " at " << i;
  }
}

TEST(EverySticky, MovesTheCallersOfWhoeverIsOutAndNoOther) {
  constexpr int callers = 1'000;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Random random(seed);
    World world;
    const Route route = ShareTree(random, {Policy::sticky}).make();
    std::vector<std::uint64_t> users;
    std::vector<std::size_t> before;
    for (int i = 0; i < callers; ++i) {
      users.push_back(random.next());
      before.push_back(answers(world, route, users.back()));
    }
    const std::size_t leaver = random.below(route.leaves.size());
    world.fail(leaver, FailureClass::rate_limited, 60s);
    Shares due{};
    add_due(route, 0, route.all(), 1, due);
    int moved = 0;
    for (std::size_t i = 0; i < users.size(); ++i) {
      const std::size_t after = answers(world, route, users[i]);
      ASSERT_NE(after, leaver) << "seed " << seed;
      ASSERT_EQ(after == before[i], before[i] != leaver) << "seed " << seed << " caller " << i;
      if (after != before[i]) ++moved;
    }
    ASSERT_NEAR(moved / double{callers}, due.at(leaver), bound(due.at(leaver), callers))
        << "seed " << seed;
    world.clock.advance(61s);
    for (std::size_t i = 0; i < users.size(); ++i)
      ASSERT_EQ(answers(world, route, users[i]), before[i]) << "seed " << seed << ": back again";
  }
}

// What leaves the configuration takes its own callers with it; who comes takes from all.
TEST(EverySticky, AListThatChangesMovesOnlyTheShareThatItMust) {
  constexpr int callers = 2'000;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Random random(seed);
    World world;
    const std::size_t targets = 2 + random.below(6);
    const std::size_t leaver = random.below(targets);
    std::string all = "    policy: sticky\n    on: user\n    targets:\n";
    std::string without = all;
    int weights = 0, weight_of_leaver = 0;
    for (std::size_t i = 0; i < targets; ++i) {
      const int weight = 1 + static_cast<int>(random.below(4));
      const std::string line = fmt::format("      - {{ provider: {}, model: m{}, weight: {} }}\n",
                                           "abcd"[i % 4], i, weight);
      all += line;
      weights += weight;
      if (i == leaver)
        weight_of_leaver = weight;
      else
        without += line;
    }
    const Route before = route_of(all), after = route_of(without);
    int moved = 0;
    for (int i = 0; i < callers; ++i) {
      const std::uint64_t user = random.next();
      const std::size_t was = answers(world, before, user);
      const std::size_t is = answers(world, after, user);
      if (was == leaver)
        ++moved;
      else
        ASSERT_EQ(is, was > leaver ? was - 1 : was) << "seed " << seed;
    }
    const double due = weight_of_leaver / static_cast<double>(weights);
    ASSERT_NEAR(moved / double{callers}, due, bound(due, callers)) << "seed " << seed;
  }
}

// A group in a group too: who stays at a target that stays, and how many come.
TEST(EverySticky, AGroupThatLosesATargetKeepsItsCallers) {
  constexpr int callers = 4'000;
  struct Case {
    const char* rule;
    std::string_view inner;  // policy of the groups
    std::size_t leaver;      // of a b c d
    double most;             // share that may move
  };
  // The group has weight 2 of 3. Of a group that chooses its own way, the callers of a third of its
  // targets are asked again which group is theirs; a third of those come to another, and as many
  // come back.
  const Case cases[] = {
      {"the same caller: its callers, and those that come in their place", "sticky, on: user", 1,
       2.0 / 3 / 3 * (1 + 1.0 / 3)},
      {"by another caller", "sticky, on: key", 1, 2.0 / 3 / 3 * (1 + 2.0 / 3)},
      {"an order: the spare had no callers", "failover", 2, 2.0 / 3 / 3 * 2 / 3},
      {"an order: the first had all of them", "failover", 0, 2.0 / 3 * (1 + 1.0 / 3 / 3)},
  };
  for (const Case& c : cases) {
    const auto tree = [&](std::size_t without) {
      std::string text = fmt::format(
          "    policy: sticky\n    on: user\n    targets:\n"
          "      - {{ policy: {}, weight: 2, targets: [",
          c.inner);
      for (std::size_t i = 0; i < 3; ++i)
        if (i != without) text += fmt::format("{{ provider: {}, model: m }}, ", "abc"[i]);
      return route_of(text + "] }\n      - { provider: d, model: m }\n");
    };
    World world;
    Random random(7);
    const Route before = tree(9), after = tree(c.leaver);
    int moved = 0;
    std::array<int, 2> at_other{};
    for (int i = 0; i < callers; ++i) {
      Facts facts;
      const std::string key = fmt::format("key-{}", i);
      facts.user = random.next();
      facts.key = key;
      const std::size_t was = world.order(before, facts).front();
      std::size_t is = world.order(after, facts).front();
      if (is >= c.leaver) ++is;  // as places were before
      if (was != is) ++moved;
      if (was == 3) ++at_other[0];
      if (is == 3) ++at_other[1];
      if (c.inner == "sticky, on: user" && was != is)
        ASSERT_TRUE(was == c.leaver || was == 3) << c.rule << ": its target has stayed";
    }
    EXPECT_LE(moved / double{callers}, c.most + bound(c.most, callers)) << c.rule;
    EXPECT_GE(moved / double{callers}, c.leaver == 2 ? 0.01 : 2.0 / 9 - 0.03) << c.rule;
    for (const int count : at_other)
      EXPECT_NEAR(count / double{callers}, 1.0 / 3, bound(1.0 / 3, callers)) << c.rule;
  }
}

}  // namespace
}  // namespace holdfast::routing

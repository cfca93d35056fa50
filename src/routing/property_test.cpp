// What holds for every tree, every health and every request, drawn at random from fixed seeds.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "routing/test_support.h"

namespace holdfast::routing {
namespace {

using namespace std::chrono_literals;

class TreeMaker {
 public:
  explicit TreeMaker(Random& random) : random_(random) {}

  Route make() {
    Route route;
    const std::size_t targets = 1 + random_.below(limits::targets_per_model);
    for (std::size_t i = 0; i < targets; ++i) {
      Leaf leaf;
      leaf.index = static_cast<std::uint16_t>(i);
      leaf.provider = static_cast<std::uint16_t>(random_.below(4));
      leaf.region = random_.below(2) == 0 ? "eu-west" : "us";
      leaf.context_window = static_cast<std::int64_t>(random_.below(3)) * 8'000;
      if (random_.below(2) == 0) leaf.price = {.input = pick(100), .output = pick(100)};
      route.leaves.push_back(leaf);
      if (random_.below(5) != 0) route.permitted |= 1U << i;
    }
    route.last_resort = random_.below(4) != 0;
    route.next_on_content_filter = random_.below(2) == 0;
    route.nodes.emplace_back();
    std::size_t next = 0;
    fill(route, 0, targets, next, 1);
    return route;
  }

 private:
  std::int64_t pick(std::uint64_t below) { return static_cast<std::int64_t>(random_.below(below)); }

  // Puts `count` targets below the group at `at`, some in groups of their own.
  void fill(Route& route, std::size_t at, std::size_t count, std::size_t& next, int depth) {
    Node group;
    group.policy = static_cast<Policy>(random_.below(policy_count));
    group.on = static_cast<On>(random_.below(5));
    group.turn = std::make_shared<std::atomic<std::uint32_t>>(0);
    group.salt = random_.next();
    group.weight = route.nodes[at].weight;
    group.percent = route.nodes[at].percent;
    group.when = route.nodes[at].when;
    std::uint32_t percent_left = 10'000;
    while (count > 0) {
      const std::size_t place = route.nodes.size();
      Node node;
      node.id = random_.next();
      node.weight = static_cast<std::uint32_t>(random_.below(4));
      const std::size_t here = depth < 4 ? 1 + random_.below(count) : 1;
      node.percent = here == count ? percent_left
                                   : static_cast<std::uint32_t>(random_.below(percent_left + 1));
      percent_left -= node.percent;
      if (group.policy == Policy::conditional && random_.below(3) == 0)
        node.when = *Expression::compile(random_.below(2) == 0 ? "team == 'x'" : "tokens > 500");
      if (here == 1) {
        node.leaf = static_cast<std::uint8_t>(next);
        node.leaves = 1U << next++;
        route.nodes.push_back(node);
      } else {
        route.nodes.push_back(node);
        fill(route, place, here, next, depth + 1);
      }
      group.leaves |= route.nodes[place].leaves;
      group.children.push_back(static_cast<std::uint8_t>(place));
      count -= here;
    }
    route.nodes[at] = std::move(group);
  }

  Random& random_;
};

// The positions under no condition that does not hold, found without the code under test.
std::uint32_t allowed_by_conditions(const Route& route, std::size_t at, const Facts& facts) {
  const Node& node = route.nodes[at];
  if (node.leaf != Node::no_leaf) return node.leaves;
  std::uint32_t bits = 0;
  for (const std::uint8_t child : node.children) {
    const auto& when = route.nodes[child].when;
    const bool fails = node.policy == Policy::conditional && when && !when->holds(facts);
    if (!fails) bits |= allowed_by_conditions(route, child, facts);
  }
  return bits;
}

std::uint32_t bits_of(const Positions& positions) {
  std::uint32_t bits = 0;
  for (const std::size_t one : positions) bits |= 1U << one;
  return bits;
}

// One drawn case: a tree, the health of its targets, a request.
struct Drawn {
  explicit Drawn(std::uint64_t seed) : random(seed) {
    route = TreeMaker(random).make();
    for (std::size_t i = 0; i < route.leaves.size(); ++i) {
      const std::uint64_t state = random.below(6);
      if (state == 0) world.fail(i, FailureClass::connect);
      if (state == 1) world.fail(i, FailureClass::rate_limited, 60s);
      world.load->suppose(i, static_cast<std::int64_t>(random.below(5)),
                          static_cast<double>(random.below(1000)), 1, world.clock.now());
      if (state > 1) well |= 1U << i;
    }
    facts.tokens_in = static_cast<std::int64_t>(random.below(1000));
    facts.team = random.below(2) == 0 ? "x" : "y";
    facts.request_id = "req";
    facts.user = random.next();
    if (random.below(2) == 0) facts.regions = eu;
    fit.fitting = static_cast<std::uint32_t>(random.next()) | well;
    fit.lossy = static_cast<std::uint32_t>(random.next());
    for (std::size_t i = 0; i < route.leaves.size(); ++i) {
      const bool in =
          (route.permitted & (1U << i)) != 0 && in_regions(route.leaves[i].region, facts.regions);
      if (in) may |= 1U << i;
    }
    may &= fit.fitting & allowed_by_conditions(route, 0, facts);
  }
  const std::vector<std::string> eu = {"eu"};
  Random random;
  World world;
  Route route;
  Facts facts;
  Fit fit;
  std::uint32_t well = 0;
  std::uint32_t may = 0;  // who may answer at all
};

constexpr std::uint64_t cases = 20'000;

TEST(EveryTree, GivesOutEachTargetThatMayAnswerOnceAndNoOther) {
  for (std::uint64_t seed = 0; seed < cases; ++seed) {
    Drawn drawn(seed);
    const Positions order = drawn.world.order(drawn.route, drawn.facts, drawn.fit);
    const std::uint32_t given = bits_of(order);
    ASSERT_EQ(std::set(order.begin(), order.end()).size(), order.size()) << "seed " << seed;
    ASSERT_EQ(given & ~drawn.may, 0U) << "seed " << seed << ": one that may not answer";
    ASSERT_EQ(drawn.may & drawn.well & ~given, 0U) << "seed " << seed << ": one was left out";
  }
}

TEST(EveryTree, TriesTheWellBeforeTheLastResort) {
  for (std::uint64_t seed = 0; seed < cases; ++seed) {
    Drawn drawn(seed);
    bool open = false;
    for (const std::size_t one : drawn.world.order(drawn.route, drawn.facts, drawn.fit)) {
      const bool well = (drawn.well & (1U << one)) != 0;
      ASSERT_FALSE(open && well) << "seed " << seed;
      open = open || !well;
    }
  }
}

TEST(EveryTree, NamesAReasonForEveryTargetThatIsNotTried) {
  for (std::uint64_t seed = 0; seed < cases; ++seed) {
    Drawn drawn(seed);
    Plan plan = drawn.world.plan(drawn.route, drawn.facts, drawn.fit);
    const MonoTime now = drawn.world.clock.now();
    std::uint32_t given = 0;
    while (const auto position = plan.next(now)) given |= 1U << *position;
    for (std::size_t i = 0; i < drawn.route.leaves.size(); ++i) {
      const bool tried = (given & (1U << i)) != 0;
      ASSERT_EQ(plan.passed_over(i, now) == PassedOver::no, tried)
          << "seed " << seed << " at " << i;
    }
  }
}

TEST(EveryTree, HoldsWhateverFails) {
  for (std::uint64_t seed = 0; seed < cases; ++seed) {
    Drawn drawn(seed);
    Plan plan = drawn.world.plan(drawn.route, drawn.facts, drawn.fit);
    const MonoTime now = drawn.world.clock.now();
    std::uint32_t given = 0;
    while (const auto position = plan.next(now)) {
      ASSERT_EQ(given & (1U << *position), 0U) << "seed " << seed;
      given |= 1U << *position;
      const auto failure = static_cast<FailureClass>(drawn.random.below(failure_class_count));
      drawn.world.fail(*position, failure);
      if (plan.failed(*position, {.failure = failure}) == Next::give_up) break;
    }
    ASSERT_EQ(given & ~drawn.may, 0U) << "seed " << seed;
  }
}

TEST(EveryTree, RepeatsItselfFromItsSeed) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Drawn one(seed);
    Drawn two(seed);
    ASSERT_EQ(one.world.order(one.route, one.facts, one.fit),
              two.world.order(two.route, two.facts, two.fit));
  }
}

}  // namespace
}  // namespace holdfast::routing

// What the decision of who answers costs: a plan made and its first target taken. Fails if one
// allocates, since that is promised.
#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>

#include "routing/plan.h"

namespace {
std::atomic<std::uint64_t> allocations{0};
}  // namespace

void* operator new(std::size_t bytes) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* const memory = std::malloc(bytes)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {
using namespace holdfast;
using namespace holdfast::routing;

// A group of `targets` under `policy`.
Route flat(Policy policy, std::size_t targets) {
  Route route;
  Node root;
  root.policy = policy;
  root.on = On::user;
  root.turn = std::make_shared<std::atomic<std::uint32_t>>(0);
  route.nodes.push_back(root);
  for (std::size_t i = 0; i < targets; ++i) {
    Leaf leaf;
    leaf.index = static_cast<std::uint16_t>(i);
    leaf.price = {.input = static_cast<std::int64_t>(100 - i), .output = 5};
    route.leaves.push_back(leaf);
    Node node;
    node.leaf = static_cast<std::uint8_t>(i);
    node.leaves = 1U << i;
    node.id = mix(i + 1);
    node.percent = static_cast<std::uint32_t>(10'000 / targets);
    if (policy == Policy::conditional)
      node.when = *Expression::compile("team == \"support\" and tokens > 8000 or not images");
    route.nodes[0].children.push_back(static_cast<std::uint8_t>(route.nodes.size()));
    route.nodes[0].leaves |= node.leaves;
    route.nodes.push_back(node);
  }
  route.permitted = route.all();
  return route;
}

void decide(benchmark::State& state, Policy policy) {
  const Route route = flat(policy, static_cast<std::size_t>(state.range(0)));
  const auto health = std::make_unique<HealthTable>();
  const auto load = std::make_unique<LoadTable>();
  const MonoTime now = system_clock().now();
  for (std::size_t i = 0; i < route.leaves.size(); ++i) load->suppose(i, 1, 1000, 10, now);
  Random random(7);
  Facts facts;
  facts.team = "support";
  facts.tokens_in = 9000;
  facts.user = 42;
  const std::uint64_t before = allocations.load();
  for (auto _ : state) {
    Plan plan(route, facts, {}, *health, *load, random, now);
    benchmark::DoNotOptimize(plan.next(now));
  }
  if (allocations.load() != before) state.SkipWithError("a decision has allocated");
}
BENCHMARK_CAPTURE(decide, failover, Policy::failover)->Arg(3)->Arg(16);
BENCHMARK_CAPTURE(decide, weighted, Policy::weighted)->Arg(3)->Arg(16);
BENCHMARK_CAPTURE(decide, round_robin, Policy::round_robin)->Arg(3)->Arg(16);
BENCHMARK_CAPTURE(decide, least_latency, Policy::least_latency)->Arg(3)->Arg(16);
BENCHMARK_CAPTURE(decide, least_cost, Policy::least_cost)->Arg(3)->Arg(16);
BENCHMARK_CAPTURE(decide, least_busy, Policy::least_busy)->Arg(3)->Arg(16);
BENCHMARK_CAPTURE(decide, sticky, Policy::sticky)->Arg(3)->Arg(16);
BENCHMARK_CAPTURE(decide, conditional, Policy::conditional)->Arg(3)->Arg(16);
BENCHMARK_CAPTURE(decide, split, Policy::split)->Arg(3)->Arg(16);
}  // namespace

BENCHMARK_MAIN();

#include "routing/explain.h"

#include <fmt/format.h>

namespace holdfast::routing {
namespace {

PassedOver reason_of(std::uint32_t bit, std::uint32_t permitted, std::uint32_t ordered,
                     BreakerState state, bool last_resort) {
  if ((permitted & bit) == 0) return PassedOver::region;
  if ((ordered & bit) == 0) return PassedOver::condition;
  switch (state) {
    case BreakerState::cooling:
      return PassedOver::cooling;
    case BreakerState::open:
      return last_resort ? PassedOver::no : PassedOver::open;
    case BreakerState::maintenance:
      return PassedOver::maintenance;
    case BreakerState::closed:
    case BreakerState::half_open:
      return PassedOver::no;
  }
  return PassedOver::no;
}

}  // namespace

Explanation explain(const Route& route, const Facts& facts, const HealthTable& health,
                    const LoadTable& load, Random& random, MonoTime now) {
  Explanation out;
  const std::uint32_t may = permitted(route, facts);
  const Moment moment{.health = health, .load = load, .random = random, .now = now, .dry = true};
  const Order order = arrange(route, facts, may, moment, &out.decisions);
  for (std::size_t i = 0; i < route.leaves.size(); ++i)
    out.passed_over.push_back(reason_of(1U << i, may, order.bits(),
                                        health.view(route.leaves[i].index, now).state,
                                        route.last_resort));
  for (const bool last : {false, true})
    for (const std::uint8_t position : order.all()) {
      const BreakerState state = health.view(route.leaves[position].index, now).state;
      if (out.passed_over[position] == PassedOver::no && (state == BreakerState::open) == last)
        out.order.push_back({position, last});
    }
  return out;
}

std::string path_of(const Route& route, std::size_t node, std::string_view model) {
  if (node == 0) return std::string(model);
  for (std::size_t at = 0; at < route.nodes.size(); ++at) {
    const auto& children = route.nodes[at].children;
    for (std::size_t i = 0; i < children.size(); ++i)
      if (children[i] == node) return fmt::format("{}.targets[{}]", path_of(route, at, model), i);
  }
  return std::string(model);
}

}  // namespace holdfast::routing

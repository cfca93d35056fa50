#include "routing/policy.h"

#include <algorithm>
#include <array>

namespace holdfast::routing {
namespace {
constexpr std::array<std::string_view, policy_count> policy_names = {
    "failover",   "weighted", "round_robin", "least_latency", "least_cost",
    "least_busy", "sticky",   "conditional", "split"};
constexpr std::array<std::string_view, 6> on_names = {"request", "user", "conversation",
                                                      "prefix",  "key",  "header"};

std::uint32_t needs_of(const Node& node) {
  switch (node.policy) {
    case Policy::least_latency:
    case Policy::least_cost:
      return bit(Need::size);
    case Policy::sticky:
    case Policy::split:
      switch (node.on) {
        case On::user:
          return bit(Need::user);
        case On::conversation:
          return bit(Need::conversation);
        case On::prefix:
          return bit(Need::prefix);
        case On::request:
        case On::key:
        case On::header:
          return 0;
      }
      return 0;
    case Policy::failover:
    case Policy::weighted:
    case Policy::round_robin:
    case Policy::least_busy:
    case Policy::conditional:
      return 0;
  }
  return 0;
}
}  // namespace

std::string_view to_string(Policy policy) { return policy_names[static_cast<std::size_t>(policy)]; }
std::string_view to_string(On on) { return on_names[static_cast<std::size_t>(on)]; }

bool in_regions(std::string_view region, std::span<const std::string> allowed) {
  return allowed.empty() || std::ranges::any_of(allowed, [region](const std::string& one) {
           return region.starts_with(one) &&
                  (region.size() == one.size() || region[one.size()] == '-');
         });
}

std::uint32_t needs_of(std::span<const Node> nodes) {
  std::uint32_t needs = 0;
  for (const Node& node : nodes) {
    if (node.when) needs |= node.when->needs();
    if (node.leaf == Node::no_leaf) needs |= needs_of(node);
  }
  return needs;
}

}  // namespace holdfast::routing

#include "simulation/permission.h"

#include <algorithm>

namespace holdfast::simulation {
namespace {
constexpr std::int64_t second_us = 1'000'000;  // a decision may fall behind the turn of an hour

bool lies_in(std::string_view region, std::span<const std::string> regions) {
  if (regions.empty()) return true;
  return std::ranges::any_of(regions, [&](const std::string& one) {
    return region == one || region.starts_with(one + "-");
  });
}

routing::Facts facts_of(const routing::Model& model, const Asker& asker) {
  routing::Facts facts;
  facts.model = model.name;
  facts.stream = asker.stream;
  facts.features = asker.features;
  if (asker.stream) facts.features |= records::bit(records::Feature::stream);
  if (asker.key == nullptr) return facts;
  facts.key = asker.key->name;
  facts.team = asker.key->team;
  facts.service = asker.key->service;
  facts.service_class = asker.key->service_class;
  facts.sensitivity = asker.key->sensitivity;
  facts.region = asker.key->region;
  return facts;
}

bool is_known(const routing::Expression& when) {
  std::vector<std::string> headers;
  when.add_headers(headers);
  return when.needs() == 0 && headers.empty();
}

// The positions under no condition that fails.
//   unknown   what a condition that cannot be known here is taken for
std::uint32_t open_positions(const routing::Route& route, std::size_t at,
                             const routing::Facts& facts, bool unknown) {
  const routing::Node& node = route.nodes[at];
  if (node.leaf != routing::Node::no_leaf) return 1U << node.leaf;
  std::uint32_t bits = 0;
  for (const std::uint8_t child : node.children) {
    const auto& when = route.nodes[child].when;
    const bool asks = node.policy == routing::Policy::conditional && when.has_value();
    const bool holds = !asks || (is_known(*when) ? when->holds(facts) : unknown);
    if (holds) bits |= open_positions(route, child, facts, unknown);
  }
  return bits;
}
bool may_go_to(std::string_view region, const Asker& asker) {
  const bool by_key = asker.key == nullptr || lies_in(region, asker.key->regions);
  return by_key && lies_in(region, asker.regions);
}
}  // namespace

std::uint32_t permitted_copies(const routing::Model& model, const Asker& asker,
                               std::int64_t wall_us) {
  routing::Facts now = facts_of(model, asker);
  now.wall_us = wall_us;
  routing::Facts soon = now;
  soon.wall_us += second_us;
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < model.shadows.size(); ++i) {
    const routing::ShadowRule& rule = model.shadows[i].rule;
    const bool holds =
        !rule.when || !is_known(*rule.when) || rule.when->holds(now) || rule.when->holds(soon);
    if (holds && may_go_to(rule.region, asker)) bits |= 1U << i;
  }
  return bits;
}

Permitted permitted_targets(const routing::Model& model, const Asker& asker, std::int64_t wall_us) {
  std::uint32_t here = 0;
  for (std::size_t i = 0; i < model.route.leaves.size(); ++i) {
    if (may_go_to(model.route.leaves[i].region, asker)) here |= 1U << i;
  }
  routing::Facts now = facts_of(model, asker);
  now.wall_us = wall_us;
  routing::Facts soon = now;
  soon.wall_us += second_us;
  const bool plain = (asker.features & ~records::bit(records::Feature::stream)) == 0;
  return {.may = here & (open_positions(model.route, 0, now, true) |
                         open_positions(model.route, 0, soon, true)),
          .must = !plain ? 0U
                         : here & open_positions(model.route, 0, now, false) &
                               open_positions(model.route, 0, soon, false)};
}

}  // namespace holdfast::simulation

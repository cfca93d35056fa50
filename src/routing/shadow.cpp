#include "routing/shadow.h"

#include "routing/settings.h"

namespace holdfast::routing {
namespace {
constexpr std::uint32_t hundred_percent = 10'000;  // in hundredths
}

bool in_share(const ShadowRule& rule, std::string_view request_id) {
  return mix(stable_hash(request_id) ^ rule.salt) % hundred_percent < rule.share;
}

bool in_regions_of(const ShadowRule& rule, std::span<const std::string> of_key) {
  return rule.permitted && in_regions(rule.region, of_key);
}

PassedOver forbids(const ShadowRule& rule, const Facts& facts) {
  if (!in_regions_of(rule, facts.regions)) return PassedOver::region;
  return rule.when && !rule.when->holds(facts) ? PassedOver::condition : PassedOver::no;
}

std::vector<ShadowRule> shadow_rules(const ModelSettings& model) {
  std::vector<ShadowRule> rules;
  for (const ShadowSettings& one : model.shadows) {
    ShadowRule rule;
    rule.share = one.share;
    rule.salt = mix(
        stable_hash(one.target.model, stable_hash(one.target.provider, stable_hash(model.name))));
    rule.region = one.target.region;
    rule.permitted = in_regions(rule.region, model.regions);
    rule.when = one.when;
    rules.push_back(std::move(rule));
  }
  return rules;
}

}  // namespace holdfast::routing

// A target that is judged before anybody sees its answers: it gets copies of a share of a model's
// requests, and what it answers is recorded and thrown away (docs/adr/0025).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "routing/plan.h"

namespace holdfast::limits {
inline constexpr std::size_t shadows_per_model = 4;
}  // namespace holdfast::limits

namespace holdfast::routing {

struct ModelSettings;

// By what a model's shadow is given a copy.
struct ShadowRule {
  std::uint32_t share = 0;         // of the requests, in hundredths of a percent; 1..10000
  std::uint64_t salt = 0;          // the same as long as its model and its target are the same
  std::string region;              // its provider's; empty: not said
  bool permitted = true;           // it lies in the regions of the model
  std::optional<Expression> when;  // nothing: always
  std::uint32_t needs() const { return when ? when->needs() : 0; }  // bits of Need
};

// Whether the request falls into the share: the same for the same id, and nothing is drawn from
// anybody's random numbers, so that who answers is the same with and without shadows.
bool in_share(const ShadowRule& rule, std::string_view request_id);

// Why a copy must not go to it whatever the share: PassedOver::region, ::condition, or ::no.
//   facts   of the request, with those that rule.needs() names
PassedOver forbids(const ShadowRule& rule, const Facts& facts);
// The first half of it, for which no fact has to be found.
bool in_regions_of(const ShadowRule& rule, std::span<const std::string> of_key);

// The rules of the model's shadows, in their order.
std::vector<ShadowRule> shadow_rules(const ModelSettings& model);

}  // namespace holdfast::routing

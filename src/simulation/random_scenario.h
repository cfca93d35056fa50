// Traffic and faults drawn from a seed.
#pragma once
#include "simulation/faults.h"

namespace holdfast::simulation {

// A short history with up to four faults among `providers`, of any kind, alone or shared by all
// that have an owner, a host, a region or a key in common; sometimes with a full disk and with
// clients that leave. The same arguments give the same scenario.
Scenario random_scenario(const std::vector<ProviderFacts>& providers, std::uint64_t seed);

}  // namespace holdfast::simulation

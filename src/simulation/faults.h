// Faults in their place: which provider has which when, and what it is like then.
#pragma once
#include <vector>

#include "routing/snapshot.h"
#include "simulation/scenario.h"
#include "simulation/upstream.h"

namespace holdfast::simulation {

// Where a provider of the snapshot is, for faults that several share.
struct ProviderFacts {
  std::string name, owner, host, region;
  std::string key_group;  // providers that share a credential have the same; empty: it has none
};

// A stretch of time in which a provider has a fault.
struct Window {
  Duration from{}, until{};
  Fault fault;
  int of = 0;  // its place among the scenario's faults
};
using Windows = std::vector<Window>;  // of one provider

// The windows of each provider.
//   errors   configuration: a fault names nobody
Result<std::vector<Windows>> place_faults(const std::vector<Fault>& faults,
                                          const std::vector<ProviderFacts>& providers,
                                          const routing::Model& model);

// What a provider with these faults is like at `when`.
Condition condition_at(const Windows& windows, Duration when);
// The times at which that changes, in order.
std::vector<Duration> turning_points(const Windows& windows);

}  // namespace holdfast::simulation

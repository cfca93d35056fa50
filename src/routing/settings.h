// A logical model as its operator configured it: `models.NAME`.
#pragma once
#include <chrono>
#include <span>
#include <string>
#include <vector>

#include "provider/settings.h"

namespace holdfast::routing {

struct TargetSettings {
  std::string provider;      // a name under `providers`
  std::string model;         // what the provider calls it
  std::string vector_space;  // embeddings fail over only between targets that share it; empty: none
  provider::Timeouts timeouts;  // the provider's, with the target's own put over them
};

enum class Policy { failover };  // failover: targets are tried in their order

struct ModelSettings {
  std::string name;  // what applications ask for
  Policy policy = Policy::failover;
  std::vector<TargetSettings> targets;               // in the order in which they are tried
  std::chrono::milliseconds deadline{600'000};       // of a request, over all its attempts
  std::chrono::milliseconds hold_keepalive{15'000};  // then the head and comments go out
};

// Reads `models` of the top level; their targets name `providers`.
void read_settings(config::Section& top, std::span<const provider::Settings> providers,
                   std::vector<ModelSettings>& into);

}  // namespace holdfast::routing

// A logical model as its operator configured it: `models.NAME`.
#pragma once
#include <chrono>
#include <span>
#include <string>
#include <vector>

#include "provider/settings.h"

namespace holdfast::routing {

// What a target asks instead of the client: the same prompt rarely suits two models.
struct Overrides {
  std::string system;       // replaces the system prompt; empty: the client's
  std::string temperature;  // as spelled; empty: the client's
  std::string effort;       // reasoning effort; empty: the client's
  int max_tokens = 0;       // 0: the client's
  bool any() const {
    return !system.empty() || !temperature.empty() || !effort.empty() || max_tokens > 0;
  }
};

struct TargetSettings {
  std::string provider;      // a name under `providers`
  std::string model;         // what the provider calls it
  std::string vector_space;  // embeddings fail over only between targets that share it; empty: none
  provider::Timeouts timeouts;  // the provider's, with the target's own put over them
  Overrides overrides;
};

enum class Policy { failover };  // failover: targets are tried in their order

struct ModelSettings {
  std::string name;  // what applications ask for
  Policy policy = Policy::failover;
  std::vector<TargetSettings> targets;               // in the order in which they are tried
  std::chrono::milliseconds deadline{600'000};       // of a request, over all its attempts
  std::chrono::milliseconds hold_keepalive{15'000};  // then the head and comments go out
  bool lossy = false;       // lossy: allow -- what a target cannot express is dropped and named
  bool pad_streams = true;  // translated events hide their lengths
};

// Reads `models` of the top level; their targets name `providers`.
void read_settings(config::Section& top, std::span<const provider::Settings> providers,
                   std::vector<ModelSettings>& into);

}  // namespace holdfast::routing

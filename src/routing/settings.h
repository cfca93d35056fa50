// A logical model as its operator configured it: `models.NAME`.
#pragma once
#include <chrono>
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

struct ModelSettings {
  std::string name;                                  // what applications ask for
  std::vector<TargetSettings> targets;               // in the order in which they are tried
  std::chrono::milliseconds deadline{600'000};       // of a request, over all its attempts
  std::chrono::milliseconds hold_keepalive{15'000};  // then the head and comments go out
};

}  // namespace holdfast::routing

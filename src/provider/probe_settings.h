// How targets that are out are tried without a client's request: `providers.NAME.probe`.
#pragma once
#include <chrono>

namespace holdfast::config {
class Section;
}

namespace holdfast::provider {

enum class ProbeKind {
  none,        // clients' requests are the only ones that try
  models,      // the list of models: free; tells whether it can be reached and takes the key
  completion,  // an answer of one token: costs a little; tells whether it answers
};

struct ProbeSettings {
  ProbeKind kind = ProbeKind::models;  // free, and asked only of a target that is out
  // From one to the next, spread by a fifth so that targets take turns; sooner when the breaker's
  // time is over, which is when a request would try.
  std::chrono::milliseconds every{30'000};
  std::chrono::milliseconds timeout{5'000};
  int per_day = 200;  // most completions of all its targets; at 30 s that is an outage of 100 min
};

// Reads `probe` of a provider that is not local.
void read_probe(config::Section& section, ProbeSettings& into);

}  // namespace holdfast::provider

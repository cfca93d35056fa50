// What is watched and who is told: `alerts`.
#pragma once
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "control/alert/burn_rate.h"
#include "net/origin.h"

namespace holdfast::config {
class Section;
}

namespace holdfast::control::alert {

struct WebhookSettings {
  std::string name;
  net::BaseUrl url;
  Secret secret;  // signs what is sent
  bool private_network = false;
};

enum class Kind : std::uint8_t {
  burn_rate,    // an objective's budget burns too fast
  error_rate,   // too large a share failed
  latency,      // too large a share was slower than a bound
  spend,        // too much money in a window
  spend_spike,  // many times more than usual
};
std::string_view to_string(Kind kind);

// What a rule is about. Empty names: everything. A provider stands alone.
struct Scope {
  std::string provider;        // the attempts at its targets
  std::string model, service;  // the applications' requests: by logical model, by the key's service
};

struct Rule {
  std::string name;
  Kind kind = Kind::error_rate;
  Severity severity = Severity::ticket;  // burn_rate has one for each pair of windows
  Scope scope;
  std::vector<std::string> notify;  // webhooks
  int at_least = 10;                // fewer events in the (short) window say nothing
  // burn_rate
  double objective = 0.999;
  std::chrono::days period{30};
  // the others
  std::chrono::milliseconds over{300'000};
  double above = 0;                                // a share, 0..1
  std::chrono::milliseconds slower_than{};         // a bound of the histograms' buckets
  std::uint64_t above_nano_usd = 0;                // spend; spend_spike: at least so much
  double times = 3;                                // spend_spike
  std::chrono::milliseconds baseline{86'400'000};  // spend_spike
};

struct Settings {
  std::vector<WebhookSettings> webhooks;
  std::vector<Rule> rules;  // in the file's order
};

// What rules may name.
struct Names {
  std::vector<std::string_view> providers, models, services;
};

// Reads `alerts` of the top level.
void read_settings(config::Section& top, const Names& names, Settings& into);

}  // namespace holdfast::control::alert

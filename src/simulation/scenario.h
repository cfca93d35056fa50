// What happens in a simulation: the traffic, and what goes wrong when.
#pragma once
#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "config/problem.h"
#include "simulation/script.h"

namespace holdfast::config {
struct Document;
}

namespace holdfast::simulation {

// What goes wrong with a provider. Spelled as in scenario files.
enum class FaultKind : std::uint8_t {
  outage,       // connections are refused, those that are open are reset
  unreachable,  // no connection is ever made, those that are open are reset
  brown_out,    // `share` of the requests get 503, the others take `factor` times as long
  slow,         // everything takes `factor` times as long
  stall,        // `share` of the answers stop in the middle and say nothing more
  cut,          // `share` of the answers are cut off in the middle
  revoked,      // every request gets 401
  quota,        // every request gets 429 with a Retry-After
  flapping,     // outage and well by turns, each for half of `period`
};
std::string_view to_string(FaultKind kind);

struct Fault {
  FaultKind kind = FaultKind::outage;
  // Whose: any that is set picks the providers that have it; all empty: the one that is asked
  // first, the first target of the model.
  std::string provider, owner, host, region, credential;
  bool everything = false;                        // all providers
  std::chrono::milliseconds at{0}, lasts{0};      // from the beginning of the simulation
  int share_percent = 50;                         // of requests: brown_out, stall, cut
  int factor = 5;                                 // brown_out, slow
  std::chrono::milliseconds period{10'000};       // flapping
  std::chrono::milliseconds retry_after{10'000};  // quota
};

inline constexpr std::chrono::hours longest_simulation{24};

// At random times, or what is on record.
struct Traffic {
  int requests_per_second = 50;
  int stream_percent = 50;
  int leave_percent = 0;  // clients that give up before their answer is complete
  int tokens = 40;        // of an answer, about
  std::string recorded;   // a file with records, see records/past.h; empty: random times
  std::optional<std::int64_t> from_us, until_us;  // which of them; nothing: all
  int speed = 1;                                  // so many times as fast as it was
};

// How providers behave while nothing is wrong with them.
struct Service {
  std::chrono::milliseconds first_content{200};  // about
  std::chrono::milliseconds between_tokens{10};
  std::chrono::milliseconds latency{10};  // one way
};

struct Scenario {
  std::string name;
  std::string about;
  std::chrono::milliseconds lasts{120'000};
  std::string model;  // that clients ask for; empty: the configuration's first
  Traffic traffic;
  std::shared_ptr<const Script> script;  // what is sent in place of random traffic; null: that
  Service service;
  std::vector<Fault> faults;
  // The journal's disk is full; nothing for never.
  std::chrono::milliseconds disk_full_at{0}, disk_full_lasts{0};
};

// The scenarios that come with the program.
const std::vector<Scenario>& built_in_scenarios();
const Scenario* find_scenario(std::string_view name);  // null: there is none

// Reads a scenario file.
//   errors   everything that is wrong with it, by place
std::expected<Scenario, std::vector<config::Problem>> read_scenario(
    const config::Document& document);
// What may stand in one, in Markdown.
std::string scenario_reference();

}  // namespace holdfast::simulation

// One history of a configuration: the gateway that ships, between virtual clients and virtual
// providers, on virtual time. The same seed gives the same history, bit for bit.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "simulation/disk.h"
#include "simulation/faults.h"
#include "simulation/history.h"
#include "simulation/permission.h"
#include "simulation/scenario.h"

namespace holdfast::simulation {

// Who takes part.
struct Stage {
  std::shared_ptr<const routing::Snapshot> snapshot;  // no two providers share an origin
  std::vector<ProviderFacts> providers;               // as in the snapshot, in its order
  std::string client_key;                             // of the client; empty: none is needed
  // Of clients that a script names; who is not here comes with `client_key`.
  std::map<std::string, std::string, std::less<>> named_keys;
  // Where the requests of each model may be answered; none or empty: anywhere.
  std::map<std::string, std::vector<std::string>, std::less<>> regions;
};

// What is counted, by the gateway's counters and by its journal.
struct Meters {
  std::uint64_t attempts_counted = 0, attempts_recorded = 0, attempts_ended = 0;
  std::uint64_t tokens_out_counted = 0, tokens_out_recorded = 0, tokens_in_recorded = 0;
  std::uint64_t requests_counted = 0, failovers = 0;
  std::uint64_t hedges = 0, hedges_won = 0, hedges_refused = 0;
  std::uint64_t copies_counted = 0, copies_recorded = 0, copies_ended = 0, copies_dropped = 0;
  std::uint64_t records_lost = 0;
  bool journal_damaged = false;
};

// What is left when all requests have ended and everybody has hung up: nothing.
struct Left {
  // That the gateway takes for being under way.
  std::int64_t requests = 0, streams = 0, attempts = 0, copies = 0;
  std::size_t client_connections = 0, upstream_connections = 0;
  std::int64_t memory = 0;  // that requests are charged with
  bool timers = false;
  std::uint64_t bugs = 0;  // exceptions within the gateway
  bool anything() const {
    return memory != 0 || requests != 0 || streams != 0 || attempts != 0 || copies != 0 ||
           client_connections != 0 || upstream_connections != 0 || timers || bugs != 0;
  }
};

// A target's breaker has come to another state.
struct BreakerTurn {
  MonoTime at{};
  std::size_t target = 0;  // position in the model
  routing::BreakerState state = routing::BreakerState::closed;
};

// A course of events: one history, and what is known of it.
struct Course {
  std::uint64_t seed = 0;
  Scenario scenario;
  std::vector<std::string> targets;   // of the model: "provider/model"
  std::vector<int> target_providers;  // their providers' numbers
  std::vector<int> trial_providers;   // the numbers of its shadows' providers
  std::vector<std::string> providers;
  std::vector<Windows> windows;  // by provider
  Duration deadline{};           // of a request
  bool in_order = true;          // the first target is asked first, the others after it
  History history;
  std::vector<BreakerTurn> breakers;                   // looked at every 10 ms
  std::vector<std::uint16_t> attempts;                 // that the journal has of each request
  std::vector<RecordedAttempt> recorded;               // without the copies
  std::vector<Permitted> permitted;                    // by request
  std::vector<std::uint32_t> copies_permitted;         // likewise: bits of the model's shadows
  std::vector<std::chrono::milliseconds> slow_starts;  // of the targets, as configured
  // That requests are charged with, each and all together: the most of looks every 10 ms.
  std::int64_t most_memory_each = 0, most_memory = 0;
  Meters meters;
  Left left;
  std::uint64_t jumps = 0;  // of virtual time
};

// Runs `scenario`. Blocks.
//   errors   configuration: no such model, a fault that hits nobody, a provider whose dialect has
//            no virtual provider
Result<Course> simulate(const Stage& stage, const Scenario& scenario, std::uint64_t seed);

}  // namespace holdfast::simulation

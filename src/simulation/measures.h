// What an operator wants to know of a history, computed from what clients and providers saw.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "simulation/simulation.h"

namespace holdfast::simulation {

struct FaultMeasures {  // of one fault of the scenario
  std::string whose;    // providers
  std::optional<Duration>
      detected;                    // from its begin until a breaker opened or a target cooled down
  std::optional<Duration> normal;  // from its begin until p99 stayed normal while it lasted
  std::optional<Duration> back;    // from its end until the providers answered again
  std::uint64_t errors = 0;        // of requests that were sent while it lasted, broken ones too
};

struct Slice {  // of the history, by when requests were sent
  Duration from{}, until{};
  std::uint64_t requests = 0, errors = 0;
  std::vector<std::uint64_t> answered;  // by provider
  std::optional<Duration> p99;          // until the first content of those that were answered
};

struct Measures {
  std::uint64_t requests = 0;
  std::uint64_t whole = 0;                     // answered completely
  std::uint64_t errors = 0;                    // told that there is no answer
  std::uint64_t broken = 0;                    // begun, and then cut or ended by an error event
  std::uint64_t left = 0;                      // given up by the client
  std::map<std::string, std::uint64_t> kinds;  // of errors and broken ones: "status 503", "cut"
  std::uint64_t attempts = 0;
  // Attempts for each request that was sent while every target was away; nothing: none was.
  std::optional<double> amplification;
  std::optional<Duration> usual_p99;  // before the first fault, or of everything without one
  std::vector<FaultMeasures> faults;  // in the scenario's order
  std::vector<Slice> slices;          // ten
};

Measures measure(const Course& course);

}  // namespace holdfast::simulation

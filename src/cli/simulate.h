// `holdfast simulate`.
#pragma once
#include <cstdint>
#include <string>

#include "cli/command.h"

namespace holdfast::cli {

struct SimulateOptions {
  std::string config_path;
  std::string scenario = "outage";  // a name, or the path of a file
  std::uint64_t seed = 1;
  std::uint64_t seeds = 1;  // how many, one after the other
  bool list = false;        // only name the scenarios
};

// Runs the configuration's gateway between virtual clients and virtual providers.
// Exit codes: 0; 1: the configuration, the scenario or an option is wrong; 2: a rule that must hold
// in every history is broken.
Outcome simulate(const SimulateOptions& options, bool json, std::size_t columns);

}  // namespace holdfast::cli

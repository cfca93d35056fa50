// The recorded traffic of a scenario, made ready for `holdfast simulate`.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "server/settings.h"
#include "simulation/scenario.h"

namespace holdfast::cli {

// What is sent in place of random traffic.
struct Recorded {
  std::map<std::string, simulation::Script, std::less<>> scripts;  // by model
  std::vector<std::string> warnings;  // of what cannot be sent as it was
};

// Reads the file that `scenario` names; of the scenario's model alone, where it names one.
//   errors   configuration: as records::read_past; a model on record that the configuration has
//            not; no request for the scenario's model; too long
//            io
Result<Recorded> read_recorded(const simulation::Scenario& scenario,
                               const server::Settings& settings);

}  // namespace holdfast::cli

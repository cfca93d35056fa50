// The report of one simulation, or of many, for a terminal of 80 columns and as JSON.
#pragma once
#include <span>
#include <string>

#include "simulation/measures.h"

namespace holdfast::simulation {

// What was seen under one seed.
struct Seen {
  std::uint64_t seed = 0, hash = 0;
  std::uint64_t tokens_in = 0, tokens_out = 0;  // as its records have them
  Measures measures;
  std::vector<std::string> broken;  // invariants
};

std::string write_report(const Course& course, const Seen& seen);
// Of several seeds of one scenario, at least one.
std::string write_summary(const Scenario& scenario, std::span<const Seen> all);
// One line: {"scenario": ..., "runs": [...]}, times in milliseconds.
std::string write_json(const Course& last, std::span<const Seen> all);

}  // namespace holdfast::simulation

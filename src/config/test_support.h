// What the tests of configurations share: an environment of their own, problems as lines.
#pragma once
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "config/document.h"

namespace holdfast::config {

inline Environment environment_of(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

inline std::vector<std::string> lines_of(std::span<const Problem> problems) {
  std::vector<std::string> lines;
  for (const Problem& problem : problems) lines.push_back(to_string(problem));
  return lines;
}

}  // namespace holdfast::config

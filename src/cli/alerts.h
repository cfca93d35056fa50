// `holdfast alerts prometheus`.
#pragma once
#include <string>

#include "cli/command.h"

namespace holdfast::cli {

// The rules of the configuration at `path` (as check_config reads it) in Prometheus' words.
Outcome alert_rules(const std::string& path, std::size_t columns);

}  // namespace holdfast::cli

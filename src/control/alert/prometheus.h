// The rules for those who alert by Prometheus instead: the same conditions over the same counters.
#pragma once
#include <span>
#include <string>

#include "control/alert/settings.h"

namespace holdfast::control::alert {

// A rule file for Prometheus, in YAML, in the rules' order. Deterministic.
std::string prometheus_rules(std::span<const Rule> rules);

}  // namespace holdfast::control::alert

// Which of a pool's targets fails far more than the others. Pure arithmetic.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "routing/window.h"

namespace holdfast::routing {

// Envoy's outlier detection (its documentation, "Outlier detection", defaults as read 2026-11).
// It says nothing of pools below five: among N the furthest possible is sqrt(N-1) deviations from
// the mean, which for four is 1.73, less than its 1.9.
inline constexpr std::size_t outlier_least_hosts = 5;
inline constexpr std::uint32_t success_rate_least_requests = 100;
inline constexpr double success_rate_deviations = 1.9;
inline constexpr std::uint32_t failure_percentage_least_requests = 50;
inline constexpr int failure_percentage = 85;
inline constexpr std::size_t most_ejected_percent = 10;  // and always one

// The success rate below which a host is an outlier: the mean less 1.9 (population) deviations.
double success_rate_threshold(std::span<const double> rates);

// The targets to take out by Envoy's two rules, the worst first; at most `most`.
//   counts   of each target over the interval
std::vector<std::size_t> envoy_outliers(std::span<const WindowCounts> counts, std::size_t most);
// How many of a pool of `hosts` Envoy's rules may take out at one time.
std::size_t most_ejected(std::size_t hosts);

// For pools of two to four: the target that fails at least a tenth of its requests and three times
// as many as the best of the others, both of them with `least` requests or more.
inline constexpr int objective_failure_percent = 10;
inline constexpr std::uint64_t worse_than_best = 3;  // times
std::optional<std::size_t> small_pool_outlier(std::span<const WindowCounts> counts,
                                              std::uint32_t least);

}  // namespace holdfast::routing

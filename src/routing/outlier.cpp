#include "routing/outlier.h"

#include <algorithm>
#include <cmath>

namespace holdfast::routing {
namespace {

double failure_rate(const WindowCounts& counts) {
  return static_cast<double>(counts.failures) / counts.total;
}

}  // namespace

double success_rate_threshold(std::span<const double> rates) {
  if (rates.empty()) return 0;
  const auto count = static_cast<double>(rates.size());
  double sum = 0;
  for (const double rate : rates) sum += rate;
  const double mean = sum / count;
  double squares = 0;
  for (const double rate : rates) squares += (rate - mean) * (rate - mean);
  return mean - success_rate_deviations * std::sqrt(squares / count);
}

std::vector<std::size_t> envoy_outliers(std::span<const WindowCounts> counts, std::size_t most) {
  std::vector<double> rates;
  std::size_t busy = 0;  // enough requests for the percentage
  for (const WindowCounts& one : counts) {
    if (one.total >= success_rate_least_requests) rates.push_back(1 - failure_rate(one));
    if (one.total >= failure_percentage_least_requests) ++busy;
  }
  const bool by_rate = rates.size() >= outlier_least_hosts;
  const double threshold = by_rate ? success_rate_threshold(rates) : 0;
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const WindowCounts& one = counts[i];
    const bool far_below =
        by_rate && one.total >= success_rate_least_requests && 1 - failure_rate(one) < threshold;
    const bool mostly_fails =
        busy >= outlier_least_hosts &&
        one.failure_percent(failure_percentage_least_requests) >= failure_percentage;
    if (far_below || mostly_fails) out.push_back(i);
  }
  std::ranges::sort(out, [&](std::size_t a, std::size_t b) {
    const double of_a = failure_rate(counts[a]), of_b = failure_rate(counts[b]);
    return of_a != of_b ? of_a > of_b : a < b;
  });
  if (out.size() > most) out.resize(most);
  return out;
}

std::size_t most_ejected(std::size_t hosts) {
  return std::max<std::size_t>(1, hosts * most_ejected_percent / 100);
}

std::optional<std::size_t> small_pool_outlier(std::span<const WindowCounts> counts,
                                              std::uint32_t least) {
  const WindowCounts* best = nullptr;
  std::optional<std::size_t> worst;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i].total == 0 || counts[i].total < least) continue;
    if (best == nullptr || failure_rate(counts[i]) < failure_rate(*best)) best = &counts[i];
    if (!worst || failure_rate(counts[i]) > failure_rate(counts[*worst])) worst = i;
  }
  if (!worst || best == &counts[*worst]) return std::nullopt;
  const bool bad = counts[*worst].failure_percent(least) >= objective_failure_percent;
  const bool worse = std::uint64_t{counts[*worst].failures} * best->total >=
                     worse_than_best * std::uint64_t{best->failures} * counts[*worst].total;
  return bad && worse ? worst : std::nullopt;
}

}  // namespace holdfast::routing

#include "observe/quantile.h"

#include <numeric>

namespace holdfast::observe {

BucketCounts merge(const Registry& registry, std::span<const std::size_t> targets,
                   Histogram TargetCounters::* which) {
  BucketCounts counts{};
  for (const std::size_t target : targets)
    for (std::size_t i = 0; i < counts.size(); ++i)
      counts[i] += registry.sum_target(
          target, [=](const TargetCounters& one) { return (one.*which).bucket(i); });
  return counts;
}

std::uint64_t total(const BucketCounts& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

std::optional<std::int64_t> quantile_us(const BucketCounts& counts, double share) {
  const std::uint64_t all = total(counts);
  if (all == 0) return std::nullopt;
  double left = static_cast<double>(all) * share;
  for (std::size_t i = 0; i < bucket_bounds_us.size(); ++i) {
    const auto here = static_cast<double>(counts[i]);
    const auto low = static_cast<double>(i == 0 ? 0 : bucket_bounds_us[i - 1]);
    if (here > 0 && left <= here)
      return static_cast<std::int64_t>(low + (static_cast<double>(bucket_bounds_us[i]) - low) *
                                                 left / here);
    left -= here;
  }
  return bucket_bounds_us.back();
}

}  // namespace holdfast::observe

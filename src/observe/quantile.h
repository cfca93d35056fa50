// Shares of durations that many threads have counted.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "observe/registry.h"

namespace holdfast::observe {

// One more than there are bounds: the last has none.
using BucketCounts = std::array<std::uint64_t, bucket_bounds_us.size() + 1>;

// What `which` of the targets with these indexes holds, over all threads. Any thread.
BucketCounts merge(const Registry& registry, std::span<const std::size_t> targets,
                   Histogram TargetCounters::* which);
std::uint64_t total(const BucketCounts& counts);

// The duration that a share of what was counted did not exceed, in microseconds. Within a bucket
// all are taken to be spread evenly; beyond the last bound, the bound itself.
//   share     above 0, up to 1
//   nothing   nothing was counted
std::optional<std::int64_t> quantile_us(const BucketCounts& counts, double share);

}  // namespace holdfast::observe

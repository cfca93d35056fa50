// Verdicts that need the rest of the pool: a target is slow only if another is not, and an outlier
// only among others. Called once a second, off the requests' way.
#pragma once
#include <cstdint>
#include <span>

#include "routing/health.h"

namespace holdfast::routing {

// Takes out the targets of one model that are slow, or fail far more often than the others. One
// target that is well always stays.
//   targets   indices into the table, at most limits::targets_per_model
void judge_pool(HealthTable& health, std::span<const std::uint16_t> targets, MonoTime now);

}  // namespace holdfast::routing

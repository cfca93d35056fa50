// The order in which a request tries its targets.
#pragma once
#include <cstdint>
#include <optional>
#include <span>

#include "routing/health.h"

namespace holdfast::routing {

// What a failed attempt means for its request.
enum class Next : std::uint8_t {
  next_target,  // another target may answer
  same_target,  // the connection was stale: once more over a fresh one
  give_up,      // the fault is the caller's, or the caller has left
};

// What to do after `failure`, before content was committed.
//   stale   the connection had served before and failed before the first byte of an answer
Next after_failure(FailureClass failure, bool stale);

// Walks a model's targets for one request: those that are well in their order, then, as the last
// resort, those whose breaker is open. Targets that cool down (Retry-After) are never tried before
// their time. Holds at most limits::targets_per_model targets; each is given out once.
class Plan {
 public:
  // `targets` are indices into the table, in the configured order; they outlive the plan.
  Plan(std::span<const std::uint16_t> targets, HealthTable& health);

  // The position in `targets` to try now; nothing when none is left.
  std::optional<std::size_t> next(MonoTime now);
  // When the first of the targets that were passed over for cooling is back; nothing when none was.
  std::optional<MonoTime> soonest_cooled(MonoTime now) const;

 private:
  std::span<const std::uint16_t> targets_;
  HealthTable& health_;
  std::uint32_t tried_ = 0;  // bits by position
};

}  // namespace holdfast::routing

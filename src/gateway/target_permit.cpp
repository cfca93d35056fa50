#include "gateway/target_permit.h"

#include <algorithm>

#include "gateway/attempt.h"

namespace holdfast::gateway {
namespace {

// The client is told of the target that has room first.
void note_passed_over(RequestState& state, Refusal refusal) {
  const bool sooner =
      !state.passed_over || !state.passed_over->retry_after ||
      (refusal.retry_after && *refusal.retry_after < *state.passed_over->retry_after);
  if (sooner) state.passed_over = std::move(refusal);
}

}  // namespace

std::optional<TargetPermit> TargetPermit::take(RequestState& state, const Candidate& candidate) {
  TargetPermit permit;
  permit.estimate_ = state.limits.estimate();
  if (const routing::Limit* limit = candidate.target->provider->limit.get()) {
    auto taken = routing::LimitPermit::take(*limit, permit.estimate_, state.parts.clock.now());
    if (!taken) {
      state.parts.counters.limited(limit->scope, taken.error().kind);
      note_passed_over(state, limit_refusal(*limit, taken.error(), permit.estimate_));
      return std::nullopt;
    }
    permit.limit_ = std::move(*taken);
  }
  return permit;
}

void TargetPermit::settle(const Outcome& outcome, MonoTime now) {
  limit_.settle(tokens_of(outcome.usage, outcome.committed ? estimate_ : 0), now);
}

}  // namespace holdfast::gateway

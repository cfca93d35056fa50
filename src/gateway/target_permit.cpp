#include "gateway/target_permit.h"

#include <fmt/format.h>

#include <algorithm>

#include "gateway/attempt.h"
#include "gateway/waiting_room.h"

namespace holdfast::gateway {
namespace {

// The client is told of the target that has room first.
void note_passed_over(RequestState& state, Refusal refusal) {
  const bool sooner =
      !state.passed_over || !state.passed_over->retry_after ||
      (refusal.retry_after && *refusal.retry_after < *state.passed_over->retry_after);
  if (sooner) state.passed_over = std::move(refusal);
}

// What is told of an account whose provider says that nothing is left.
Refusal used_up(std::string_view provider, Duration wait) {
  Refusal refusal = refuse(429,
                           fmt::format("the provider {} says that its limit is used up: try again "
                                       "in {}",
                                       provider, reset_text(wait)),
                           error_type(429), "rate_limit_exceeded");
  refusal.retry_after =
      std::max(std::chrono::ceil<std::chrono::milliseconds>(wait), std::chrono::milliseconds(1));
  return refusal;
}

// Whether a target that failed so had more than it can do.
bool means_overload(FailureClass failure) {
  return failure == FailureClass::overloaded || failure == FailureClass::headers_timeout ||
         failure == FailureClass::first_content_timeout || failure == FailureClass::pings_only;
}

}  // namespace

std::optional<TargetPermit> TargetPermit::take(RequestState& state, const Candidate& candidate) {
  TargetPermit permit(state, candidate);
  const routing::Provider& provider = *candidate.target->provider;
  routing::CapacityTable& capacity = state.parts.capacity;
  const MonoTime now = state.parts.clock.now();
  if (provider.concurrency.most > 0) {
    const bool waited_for = state.place.held() && state.place.target() == candidate.index;
    permit.place_ = waited_for ? std::move(state.place)
                               : capacity.enter(candidate.index, provider.concurrency,
                                                state.service_class, false);
    if (!permit.place_.held()) {
      state.full.push_back({candidate.index, provider.concurrency});
      return std::nullopt;
    }
    if (state.place.held()) {  // of another target, which is not needed any more
      state.place = {};
      state.waiting.room_made();
    }
  }
  const std::int64_t tokens = state.limits.estimate();
  if (provider.limit) {
    auto taken = routing::LimitPermit::take(*provider.limit, tokens, now);
    if (!taken) {
      state.parts.counters.limited(provider.limit->scope, taken.error().kind);
      note_passed_over(state, limit_refusal(*provider.limit, taken.error(), tokens));
      return std::nullopt;
    }
    permit.limit_ = std::move(*taken);
  }
  if (const auto wait = capacity.quota(candidate.index).take(tokens, now)) {
    permit.limit_.undo(now);
    note_passed_over(state, used_up(provider.name, *wait));
    return std::nullopt;
  }
  return permit;
}

TargetPermit::~TargetPermit() {
  if (!place_.held()) return;
  {
    const routing::CapacityTable::Place freed = std::move(place_);
  }
  state_.waiting.room_made();
}

void TargetPermit::settle(const Outcome& outcome, MonoTime now) {
  if (!outcome.asked) {
    limit_.undo(now);
    state_.parts.capacity.quota(candidate_.index).give_back(state_.limits.estimate(), now);
    return;
  }
  limit_.settle(tokens_of(outcome.usage, outcome.committed ? state_.limits.estimate() : 0), now);
  if (place_.held() && means_overload(outcome.failure))
    state_.parts.capacity.concurrency(candidate_.index)
        .overloaded(candidate_.target->provider->concurrency, now);
}

void note_first_content(RequestState& state, const Candidate& candidate, std::int64_t took_us) {
  if (state.on_trial) return;
  const provider::ConcurrencyBounds& bounds = candidate.target->provider->concurrency;
  if (bounds.most > 0)
    state.parts.capacity.concurrency(candidate.index)
        .answered(bounds, std::chrono::microseconds(took_us), state.parts.clock.now());
}

}  // namespace holdfast::gateway

#include "routing/plan.h"

#include "base/check.h"

namespace holdfast::routing {

static_assert(limits::targets_per_model <= 32, "Plan keeps a bit per target");

Next after_failure(FailureClass failure, bool stale) {
  switch (failure) {
    case FailureClass::bad_request:
    case FailureClass::context_too_long:
    case FailureClass::content_filter:
    case FailureClass::client_left:
    case FailureClass::local:
      return Next::give_up;
    case FailureClass::reset:
      return stale ? Next::same_target : Next::next_target;
    default:
      return Next::next_target;
  }
}

Plan::Plan(std::span<const std::uint16_t> targets, HealthTable& health)
    : targets_(targets), health_(health) {
  HF_CHECK(targets.size() <= limits::targets_per_model);
}

std::optional<std::size_t> Plan::next(MonoTime now) {
  std::optional<std::size_t> last_resort;
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    if ((tried_ & (1U << i)) != 0) continue;
    const Admission admission = health_.admit(targets_[i], now);
    if (admission == Admission::yes || admission == Admission::probe) {
      tried_ |= 1U << i;
      return i;
    }
    if (admission == Admission::open && !last_resort) last_resort = i;
  }
  if (last_resort) tried_ |= 1U << *last_resort;
  return last_resort;
}

std::optional<MonoTime> Plan::soonest_cooled(MonoTime now) const {
  std::optional<MonoTime> soonest;
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    const HealthView view = health_.view(targets_[i], now);
    if (view.state == BreakerState::cooling && (!soonest || view.until < *soonest))
      soonest = view.until;
  }
  return soonest;
}

}  // namespace holdfast::routing

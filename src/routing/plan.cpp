#include "routing/plan.h"

#include <algorithm>
#include <array>

namespace holdfast::routing {
namespace {

static_assert(limits::targets_per_model <= 32, "a plan keeps a bit per target");

constexpr std::array<std::string_view, passed_over_count> reasons = {
    "no",      "region", "unfit",      "condition", "context_window", "same_provider",
    "cooling", "open",   "maintenance"};

// Those that lose nothing first, else as they stand.
void lossless_first(Order& order, std::uint32_t lossy) {
  if ((order.bits() & lossy) == 0) return;
  std::array<std::uint8_t, limits::targets_per_model> sorted{};
  std::size_t count = 0;
  for (const std::uint32_t wanted : {0U, 1U})
    for (const std::uint8_t position : order.all())
      if (((lossy >> position) & 1U) == wanted) sorted[count++] = position;
  order.positions = sorted;
}

}  // namespace

std::string_view to_string(PassedOver reason) { return reasons[static_cast<std::size_t>(reason)]; }

Next after_failure(FailureClass failure, bool stale) {
  switch (failure) {
    case FailureClass::bad_request:
    case FailureClass::context_too_long:
    case FailureClass::content_filter:
    case FailureClass::client_left:
    case FailureClass::local:
    case FailureClass::hedge_lost:
      return Next::give_up;
    case FailureClass::reset:
      return stale ? Next::same_target : Next::next_target;
    default:
      return Next::next_target;
  }
}

Plan::Plan(const Route& route, const Facts& facts, Fit fit, HealthTable& health,
           const LoadTable& load, Random& random, MonoTime now)
    : route_(route),
      health_(health),
      fit_(fit),
      permitted_(permitted(route, facts)),
      wait_by_(now + route.wait_for_cooling) {
  order_ = arrange(route, facts, permitted_ & fit.fitting, {health, load, random, now});
  lossless_first(order_, fit.lossy);
}

std::optional<std::size_t> Plan::next(MonoTime now) {
  std::optional<std::size_t> returning, open;
  const std::uint32_t out = tried_ | too_small_ | refusing_;
  for (const std::uint8_t position : order_.all()) {
    if ((out & (1U << position)) != 0) continue;
    switch (health_.admit(route_.leaves[position].index, now)) {
      case Admission::yes:
      case Admission::probe:
        tried_ |= 1U << position;
        last_resort_ = false;
        return position;
      case Admission::returning:
        if (!returning) returning = position;
        break;
      case Admission::open:
        if (!open) open = position;
        break;
      case Admission::cooling:
      case Admission::maintenance:
        break;
    }
  }
  if (returning) {  // it is well: sparing it must not cost a client its answer
    tried_ |= 1U << *returning;
    last_resort_ = false;
    return returning;
  }
  if (!route_.last_resort) return std::nullopt;
  if (open) tried_ |= 1U << *open;
  last_resort_ = open.has_value();
  return open;
}

std::optional<std::size_t> Plan::next_well(MonoTime now) {
  const std::uint32_t out = tried_ | too_small_ | refusing_;
  for (const std::uint8_t position : order_.all()) {
    if ((out & (1U << position)) != 0) continue;
    const std::uint16_t index = route_.leaves[position].index;
    const Admission admission = health_.admit(index, now);
    if (admission == Admission::yes) {
      tried_ |= 1U << position;
      return position;
    }
    if (admission == Admission::probe)
      health_.not_tried(index);  // its place to probe is free again
  }
  return std::nullopt;
}

Next Plan::failed(std::size_t position, const Failed& how) {
  const Leaf& failed = route_.leaves[position];
  const auto leave_out = [this](std::uint32_t& into, auto holds) {
    for (std::size_t i = 0; i < route_.leaves.size(); ++i)
      if (holds(route_.leaves[i])) into |= 1U << i;
    const std::uint32_t left = order_.bits() & ~(tried_ | too_small_ | refusing_);
    return left != 0 ? Next::next_target : Next::give_up;
  };
  if (how.failure == FailureClass::context_too_long) {
    // Where no window is declared none is known to be larger.
    if (failed.context_window == 0) return Next::give_up;
    return leave_out(
        too_small_, [&](const Leaf& leaf) { return leaf.context_window <= failed.context_window; });
  }
  if (how.failure == FailureClass::content_filter && route_.next_on_content_filter)
    return leave_out(refusing_, [&](const Leaf& leaf) { return leaf.provider == failed.provider; });
  if (how.another_credential &&
      (how.failure == FailureClass::revoked || how.failure == FailureClass::unpaid ||
       how.failure == FailureClass::rate_limited))
    return Next::same_target;
  return after_failure(how.failure, how.stale);
}

std::optional<MonoTime> Plan::soonest_cooled(MonoTime now) const {
  std::optional<MonoTime> soonest;
  for (const std::uint8_t position : order_.all()) {
    if (((too_small_ | refusing_) & (1U << position)) != 0) continue;
    const HealthView view = health_.view(route_.leaves[position].index, now);
    if (view.state == BreakerState::cooling && (!soonest || view.until < *soonest))
      soonest = view.until;
  }
  return soonest;
}

std::optional<MonoTime> Plan::wait_until(MonoTime now, MonoTime deadline) {
  const std::optional<MonoTime> soonest = soonest_cooled(now);
  if (!soonest || *soonest > wait_by_ || *soonest >= deadline) return std::nullopt;
  // Those that asked this very request to wait are asked again.
  for (const std::uint8_t position : order_.all())
    if (health_.view(route_.leaves[position].index, now).state == BreakerState::cooling)
      tried_ &= ~(1U << position);
  return soonest;
}

PassedOver Plan::passed_over(std::size_t position, MonoTime now) const {
  const std::uint32_t bit = 1U << position;
  if ((permitted_ & bit) == 0) return PassedOver::region;
  if ((fit_.fitting & bit) == 0) return PassedOver::unfit;
  if ((order_.bits() & bit) == 0) return PassedOver::condition;
  if ((tried_ & bit) != 0) return PassedOver::no;
  if ((too_small_ & bit) != 0) return PassedOver::context_window;
  if ((refusing_ & bit) != 0) return PassedOver::same_provider;
  switch (health_.view(route_.leaves[position].index, now).state) {
    case BreakerState::cooling:
      return PassedOver::cooling;
    case BreakerState::open:
      return PassedOver::open;
    case BreakerState::maintenance:
      return PassedOver::maintenance;
    case BreakerState::closed:
    case BreakerState::half_open:
      break;
  }
  return PassedOver::no;
}

}  // namespace holdfast::routing

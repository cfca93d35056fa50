#include "gateway/key_choice.h"

namespace holdfast::gateway {

static_assert(limits::credentials_per_provider <= 32, "a candidate keeps a bit per key");

KeyChoice choose_key(Candidate& candidate, routing::HealthTable& health, MonoTime now) {
  const auto& keys = candidate.target->provider->credentials;
  if (keys.empty()) return KeyChoice::chosen;
  std::optional<std::size_t> returning, last_resort;
  bool cooling = false;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if ((candidate.keys_tried & (1U << i)) != 0) continue;
    const routing::Admission admission = health.admit(keys[i].index, now);
    if (admission == routing::Admission::yes || admission == routing::Admission::probe) {
      candidate.key = &keys[i];
      candidate.keys_tried |= 1U << i;
      return KeyChoice::chosen;
    }
    if (admission == routing::Admission::returning && !returning) returning = i;
    if (admission == routing::Admission::open && !last_resort) last_resort = i;
    cooling = cooling || admission == routing::Admission::cooling;
  }
  // One that is known to be dead is no reason to let another target wait.
  const bool any = last_resort && candidate.keys_tried == 0 && !cooling;
  if (const auto chosen = returning || !any ? returning : last_resort) {
    candidate.key = &keys[*chosen];
    candidate.keys_tried |= 1U << *chosen;
    return KeyChoice::chosen;
  }
  return cooling ? KeyChoice::cooling : KeyChoice::none;
}

bool blames_key(FailureClass failure) {
  return failure == FailureClass::revoked || failure == FailureClass::unpaid ||
         failure == FailureClass::rate_limited;
}

std::optional<MonoTime> soonest_key(const routing::Provider& provider,
                                    const routing::HealthTable& health, MonoTime now) {
  std::optional<MonoTime> soonest;
  for (const routing::Credential& one : provider.credentials) {
    const routing::HealthView view = health.view(one.index, now);
    if (view.state == routing::BreakerState::cooling && (!soonest || view.until < *soonest))
      soonest = view.until;
  }
  return soonest;
}

}  // namespace holdfast::gateway

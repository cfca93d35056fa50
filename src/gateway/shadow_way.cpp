#include "gateway/shadow_way.h"

#include <utility>

#include "gateway/attempt.h"
#include "gateway/key_choice.h"
#include "routing/plan.h"

namespace holdfast::gateway {

std::optional<ShadowWay> ShadowWay::take(routing::HealthTable& health, Candidate& candidate,
                                         MonoTime now) {
  switch (health.admit(candidate.index, now)) {
    case routing::Admission::yes:
    case routing::Admission::probe:
      break;
    case routing::Admission::returning:
    case routing::Admission::open:
    case routing::Admission::cooling:
    case routing::Admission::maintenance:
      return std::nullopt;
  }
  ShadowWay way(health, candidate);
  if (choose_key(candidate, health, now) != KeyChoice::chosen) return std::nullopt;
  return way;
}

ShadowWay::ShadowWay(ShadowWay&& other) noexcept
    : health_(std::exchange(other.health_, nullptr)), candidate_(other.candidate_) {}

ShadowWay::~ShadowWay() {
  if (health_ == nullptr) return;
  health_->not_tried(candidate_->index);
  if (candidate_->key != nullptr) health_->not_tried(candidate_->key->index);
}

void ShadowWay::ended(const Outcome& outcome, MonoTime now, std::int64_t wall_us) {
  routing::HealthTable& health = *std::exchange(health_, nullptr);
  const auto note = [&](std::size_t index, bool blamed) {
    if (outcome.failure == FailureClass::none)
      health.succeeded(index, now);
    else if (blamed)
      health.failed(index, outcome.failure, outcome.status, now, wall_us, outcome.retry_after);
    else
      health.undecided(index);
  };
  const bool of_key = candidate_->key != nullptr && blames_key(outcome.failure);
  if (candidate_->key != nullptr) note(candidate_->key->index, of_key);
  note(candidate_->index,
       !of_key && routing::blames_target(outcome.failure) && !outcome.old_credential);
}

}  // namespace holdfast::gateway

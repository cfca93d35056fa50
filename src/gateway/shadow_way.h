// What the breakers of a target on trial and of its keys let through for one copy.
#pragma once
#include <optional>

#include "gateway/candidate.h"
#include "routing/health.h"

namespace holdfast::gateway {

struct Outcome;

// Used by one loop; what it is taken from outlives it. However the copy ends, by an exception too,
// no place to probe stays taken.
class ShadowWay {
 public:
  // Whether copies that went before have left the target well, and one of its keys, which
  // `candidate` has then.
  //   health    of copies
  //   nothing   they have not
  static std::optional<ShadowWay> take(routing::HealthTable& health, Candidate& candidate,
                                       MonoTime now);
  ShadowWay(ShadowWay&& other) noexcept;
  ShadowWay& operator=(ShadowWay&&) = delete;
  // A copy that was not sent says nothing.
  ~ShadowWay();
  // How the copy ended that was sent.
  void ended(const Outcome& outcome, MonoTime now, std::int64_t wall_us);

 private:
  ShadowWay(routing::HealthTable& health, const Candidate& candidate)
      : health_(&health), candidate_(&candidate) {}

  routing::HealthTable* health_;  // null: nothing is to be given back
  const Candidate* candidate_;
};

}  // namespace holdfast::gateway

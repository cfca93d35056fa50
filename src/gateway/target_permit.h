// Room for one attempt at a target; given back when the attempt has ended, however it did.
#pragma once
#include <optional>

#include "gateway/candidate.h"
#include "gateway/request_state.h"

namespace holdfast::gateway {

struct Outcome;

// Used by one loop; the request outlives it.
class TargetPermit {
 public:
  // Nothing when there is no room: the target is passed over, and the request's state notes why.
  static std::optional<TargetPermit> take(RequestState& state, const Candidate& candidate);
  TargetPermit(TargetPermit&&) = default;
  TargetPermit& operator=(TargetPermit&&) = delete;
  ~TargetPermit();
  // How the attempt ended; what was taken for one that was not made after all is given back.
  void settle(const Outcome& outcome, MonoTime now);

 private:
  TargetPermit(RequestState& state, const Candidate& candidate)
      : state_(state), candidate_(candidate) {}

  RequestState& state_;
  const Candidate& candidate_;
  routing::CapacityTable::Place place_;
  routing::LimitPermit limit_;  // of the provider
};

// The attempt at `candidate` has its first content: how long that took tells whether its target has
// room. That of a copy tells nothing: slow ones would narrow the way of the requests that the same
// target serves.
void note_first_content(RequestState& state, const Candidate& candidate, std::int64_t took_us);

}  // namespace holdfast::gateway

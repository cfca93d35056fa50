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
  // How the attempt ended.
  void settle(const Outcome& outcome, MonoTime now);

 private:
  routing::LimitPermit limit_;  // of the provider
  std::int64_t estimate_ = 0;   // tokens
};

}  // namespace holdfast::gateway

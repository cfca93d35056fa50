// Room for one copy at a target on trial: at most half of what its provider allows, so that real
// requests find the other half.
#pragma once
#include <optional>

#include "gateway/gateway.h"

namespace holdfast::gateway {

// Used by one loop; what it is taken from outlives it. Given back when the copy has ended.
class ShadowPermit {
 public:
  //   tokens   that the request is taken to have
  //   nothing   half of it is in use
  static std::optional<ShadowPermit> take(LoopParts& parts, WaitingRoom& waiting,
                                          const routing::Shadow& shadow, std::int64_t tokens);
  ShadowPermit(ShadowPermit&&) = default;
  ShadowPermit& operator=(ShadowPermit&&) = delete;
  ~ShadowPermit();
  // The copy was sent, and came to so many tokens.
  void settle(std::int64_t tokens, MonoTime now) { limit_.settle(tokens, now); }
  // It was not sent: all that was taken is given back.
  //   tokens   as for take()
  void undo(std::int64_t tokens, MonoTime now);

 private:
  ShadowPermit(WaitingRoom& waiting, routing::ProviderQuota& quota)
      : waiting_(&waiting), quota_(&quota) {}

  WaitingRoom* waiting_;
  routing::ProviderQuota* quota_;
  routing::CapacityTable::Place place_;
  routing::LimitPermit limit_;  // of the provider
};

}  // namespace holdfast::gateway

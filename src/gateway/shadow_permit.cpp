#include "gateway/shadow_permit.h"

#include "gateway/waiting_room.h"

namespace holdfast::gateway {
namespace {

// Whether half of `limit` is left once `more` has been taken of the `remaining`.
bool half_free(std::int64_t limit, std::int64_t remaining, std::int64_t more) {
  return 2 * (remaining - more) >= limit;
}

bool half_free(const routing::Limit& limit, std::int64_t tokens, MonoTime now) {
  const routing::LimitUse& use = *limit.use;
  const std::int64_t at_once = limit.rates.concurrent_requests;
  if (at_once > 0 && !half_free(at_once, at_once - use.under_way(), 1)) return false;
  const auto requests = use.requests(limit.rates, now);
  if (requests && !half_free(requests->limit, requests->remaining, 1)) return false;
  const auto left = use.tokens(limit.rates, now);
  return !left || half_free(left->limit, left->remaining, tokens);
}

// Where the provider tells no limit, half of what is left is taken for the other half.
bool half_free(const routing::LearnedLimit& learned, std::int64_t more, MonoTime now) {
  const auto view = learned.view(now);
  if (!view) return true;
  if (view->limit == 0) return view->remaining >= 2 * more;
  return half_free(view->limit, view->remaining, more);
}

}  // namespace

std::optional<ShadowPermit> ShadowPermit::take(LoopParts& parts, WaitingRoom& waiting,
                                               const routing::Shadow& shadow, std::int64_t tokens) {
  const routing::Provider& provider = *shadow.target.provider;
  const MonoTime now = parts.clock.now();
  routing::ProviderQuota& quota = parts.capacity.quota(shadow.index);
  if (!half_free(quota.requests, 1, now) || !half_free(quota.tokens, tokens, now))
    return std::nullopt;
  if (provider.limit && !half_free(*provider.limit, tokens, now)) return std::nullopt;
  ShadowPermit permit(waiting, quota);
  if (provider.concurrency.most > 0) {
    const routing::ConcurrencyLimit& used = parts.capacity.concurrency(shadow.index);
    const std::int64_t most = used.limit(provider.concurrency);
    if (!half_free(most, most - used.under_way(), 1)) return std::nullopt;
    permit.place_ =
        parts.capacity.enter(shadow.index, provider.concurrency, ServiceClass::experimental, false);
    if (!permit.place_.held()) return std::nullopt;
  }
  if (provider.limit) {
    auto taken = routing::LimitPermit::take(*provider.limit, tokens, now);
    if (!taken) return std::nullopt;
    permit.limit_ = std::move(*taken);
  }
  if (quota.take(tokens, now)) {
    permit.limit_.undo(now);
    return std::nullopt;
  }
  return permit;
}

void ShadowPermit::undo(std::int64_t tokens, MonoTime now) {
  limit_.undo(now);
  quota_->give_back(tokens, now);
}

ShadowPermit::~ShadowPermit() {
  if (!place_.held()) return;
  {
    const routing::CapacityTable::Place freed = std::move(place_);
  }
  waiting_->room_made();
}

}  // namespace holdfast::gateway

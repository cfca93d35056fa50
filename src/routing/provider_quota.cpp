#include "routing/provider_quota.h"

#include <algorithm>

namespace holdfast::routing {
namespace {
constexpr auto relaxed = std::memory_order_relaxed;
std::int64_t to_ns(MonoTime time) { return Duration(time.time_since_epoch()).count(); }
}  // namespace

std::optional<Rate> LearnedLimit::rate() const {
  const std::int64_t limit = limit_.load(relaxed);
  const std::int64_t interval = interval_ns_.load(relaxed);
  if (limit <= 0 || interval <= 0) return std::nullopt;
  return Rate{limit, Duration(interval)};
}

void LearnedLimit::told(const provider::RateLimit& limit, MonoTime now) {
  if (!limit.remaining || !limit.reset) return;
  const Duration reset = *limit.reset;
  const std::int64_t used = limit.limit ? *limit.limit - *limit.remaining : 0;
  if (!limit.limit || *limit.limit <= 0) {
    interval_ns_.store(0, relaxed);
    left_.store(*limit.remaining, relaxed);
    until_ns_.store(to_ns(now + reset), relaxed);
    return;
  }
  until_ns_.store(0, relaxed);
  if (used <= 0 || reset.count() < used) {  // all is there, or back at once
    gcra_.set_full_at(now);
    if (interval_ns_.load(relaxed) > 0) limit_.store(*limit.limit, relaxed);
    return;
  }
  limit_.store(*limit.limit, relaxed);
  interval_ns_.store(reset.count() / used, relaxed);
  gcra_.set_full_at(now + reset);
}

std::optional<Duration> LearnedLimit::take(std::int64_t quantity, MonoTime now) {
  if (const auto known = rate()) {
    // What is larger than the limit is the provider's to refuse.
    const GcraVerdict verdict = gcra_.take(*known, std::min(quantity, known->limit), now);
    return verdict.limited ? verdict.retry_after : std::nullopt;
  }
  const std::int64_t until = until_ns_.load(relaxed);
  if (until <= to_ns(now)) return std::nullopt;
  std::int64_t left = left_.load(relaxed);
  do {
    if (left < quantity) return Duration(until - to_ns(now));
  } while (!left_.compare_exchange_weak(left, left - quantity, relaxed));
  return std::nullopt;
}

void LearnedLimit::give_back(std::int64_t quantity, MonoTime now) {
  if (const auto known = rate())
    gcra_.settle(*known, -quantity, now);
  else
    left_.fetch_add(quantity, relaxed);
}

std::optional<LearnedLimit::View> LearnedLimit::view(MonoTime now) const {
  if (const auto known = rate()) {
    const GcraVerdict verdict = gcra_.peek(*known, now);
    if (verdict.reset_after.count() == 0) return std::nullopt;
    return View{known->limit, verdict.remaining, verdict.reset_after};
  }
  const std::int64_t until = until_ns_.load(relaxed);
  if (until <= to_ns(now)) return std::nullopt;
  return View{0, std::max<std::int64_t>(left_.load(relaxed), 0), Duration(until - to_ns(now))};
}

}  // namespace holdfast::routing

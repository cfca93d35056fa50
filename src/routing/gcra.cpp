#include "routing/gcra.h"

#include <algorithm>

namespace holdfast::routing {
namespace {

constexpr auto relaxed = std::memory_order_relaxed;
// No single settling moves the state further: a wrong count must not shut a limit for ever.
constexpr std::int64_t longest_ns = 24LL * 3'600 * 1'000'000'000;

std::int64_t to_ns(MonoTime time) { return Duration(time.time_since_epoch()).count(); }

// What stands against the rate when the bucket is full again at `full_at`.
GcraVerdict standing(const Rate& rate, std::int64_t full_at, std::int64_t now) {
  GcraVerdict out;
  const std::int64_t interval = rate.interval.count();
  const std::int64_t room = now + rate.limit * interval - full_at;
  out.remaining = std::clamp<std::int64_t>(room / interval, 0, rate.limit);
  out.reset_after = Duration(std::max<std::int64_t>(full_at - now, 0));
  return out;
}

}  // namespace

Result<Rate> make_rate(std::int64_t limit, Duration period) {
  if (limit < 1 || period.count() < 1)
    return fail(ErrorCode::invalid_request, "a rate of zero lets nothing pass");
  if (limit > period.count())
    return fail(ErrorCode::invalid_request, "more than one unit in a nanosecond");
  return Rate{limit, Duration((period.count() + limit - 1) / limit)};
}

GcraVerdict Gcra::take(const Rate& rate, std::int64_t quantity, MonoTime now) {
  const std::int64_t now_ns = to_ns(now);
  const std::int64_t interval = rate.interval.count();
  std::int64_t full_at = full_at_ns_.load(relaxed);
  if (quantity > rate.limit) {
    GcraVerdict never = standing(rate, full_at, now_ns);
    never.limited = true;
    return never;
  }
  while (true) {
    const std::int64_t next = std::max(now_ns, full_at) + quantity * interval;
    const std::int64_t allowed_at = next - rate.limit * interval;
    if (quantity > 0 && now_ns < allowed_at) {
      GcraVerdict refused = standing(rate, full_at, now_ns);
      refused.limited = true;
      refused.retry_after = Duration(allowed_at - now_ns);
      return refused;
    }
    if (quantity == 0 || full_at_ns_.compare_exchange_weak(full_at, next, relaxed))
      return standing(rate, next, now_ns);
  }
}

GcraVerdict Gcra::peek(const Rate& rate, MonoTime now) const {
  const std::int64_t now_ns = to_ns(now);
  return standing(rate, std::max(now_ns, full_at_ns_.load(relaxed)), now_ns);
}

void Gcra::set_full_at(MonoTime moment) { full_at_ns_.store(to_ns(moment), relaxed); }

void Gcra::settle(const Rate& rate, std::int64_t more, MonoTime now) {
  if (more == 0) return;
  const std::int64_t now_ns = to_ns(now);
  const std::int64_t most = longest_ns / rate.interval.count();
  const std::int64_t by = std::clamp(more, -most, most) * rate.interval.count();
  std::int64_t full_at = full_at_ns_.load(relaxed);
  while (!full_at_ns_.compare_exchange_weak(
      full_at, std::max(now_ns, std::max(now_ns, full_at) + by), relaxed)) {
  }
}

}  // namespace holdfast::routing

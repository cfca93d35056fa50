#include "routing/health.h"

#include <algorithm>

namespace holdfast::routing {
namespace {

using namespace std::chrono_literals;
constexpr std::uint32_t failures_to_open = 3;
constexpr Duration first_open = 1s;
constexpr Duration longest_open = 60s;
constexpr Duration operator_open = 30s;
constexpr Duration probe_time = 30s;  // then another request may probe
constexpr Duration unhinted_cooling = 1s;
constexpr auto relaxed = std::memory_order_relaxed;

std::int64_t to_ns(MonoTime time) { return Duration(time.time_since_epoch()).count(); }

enum class Verdict : std::uint8_t { none, count, open, open_for_operator, cool };

Verdict verdict_on(FailureClass failure) {
  switch (failure) {
    case FailureClass::none:
    case FailureClass::bad_request:
    case FailureClass::context_too_long:
    case FailureClass::content_filter:
    case FailureClass::client_left:
    case FailureClass::local:
    case FailureClass::over_budget:
      return Verdict::none;
    case FailureClass::dns:
    case FailureClass::connect:
    case FailureClass::connect_timeout:
    case FailureClass::tls:
      return Verdict::open;
    case FailureClass::revoked:
    case FailureClass::unpaid:
    case FailureClass::model_gone:
      return Verdict::open_for_operator;
    case FailureClass::rate_limited:
      return Verdict::cool;
    case FailureClass::reset:
    case FailureClass::headers_timeout:
    case FailureClass::first_content_timeout:
    case FailureClass::pings_only:
    case FailureClass::stall:
    case FailureClass::deadline:
    case FailureClass::request_timeout:
    case FailureClass::conflict:
    case FailureClass::overloaded:
    case FailureClass::server_error:
    case FailureClass::redirect:
    case FailureClass::malformed_head:
    case FailureClass::malformed_body:
    case FailureClass::error_in_body:
    case FailureClass::error_in_stream:
    case FailureClass::empty_stream:
    case FailureClass::cut_stream:
    case FailureClass::error_after_content:
    case FailureClass::truncated_body:
      return Verdict::count;
  }
  return Verdict::none;
}

}  // namespace

bool blames_target(FailureClass failure) { return verdict_on(failure) != Verdict::none; }

Admission HealthTable::admit(std::size_t target, MonoTime now) {
  Entry& entry = entries_[target];
  const std::int64_t now_ns = to_ns(now);
  if (entry.cooling_until.load(relaxed) > now_ns) return Admission::cooling;
  const std::int64_t open_until = entry.open_until.load(relaxed);
  if (open_until == 0) return Admission::yes;
  if (open_until > now_ns) return Admission::open;
  std::int64_t probe = entry.probe_until.load(relaxed);
  if (probe > now_ns) return Admission::open;
  const std::int64_t expires = now_ns + probe_time.count();
  return entry.probe_until.compare_exchange_strong(probe, expires, relaxed) ? Admission::probe
                                                                            : Admission::open;
}

void HealthTable::succeeded(std::size_t target) {
  Entry& entry = entries_[target];
  entry.attempts.fetch_add(1, relaxed);
  // Reading first keeps the line shared while all is well.
  if (entry.consecutive.load(relaxed) != 0) entry.consecutive.store(0, relaxed);
  if (entry.trips.load(relaxed) != 0) entry.trips.store(0, relaxed);
  if (entry.open_until.load(relaxed) != 0) entry.open_until.store(0, relaxed);
  if (entry.probe_until.load(relaxed) != 0) entry.probe_until.store(0, relaxed);
}

void HealthTable::undecided(std::size_t target) {
  entries_[target].attempts.fetch_add(1, relaxed);
  entries_[target].probe_until.store(0, relaxed);
}

void HealthTable::not_tried(std::size_t target) {
  if (entries_[target].probe_until.load(relaxed) != 0)
    entries_[target].probe_until.store(0, relaxed);
}

void HealthTable::failed(std::size_t target, FailureClass failure, std::uint16_t status,
                         MonoTime now, std::int64_t wall_us,
                         std::optional<std::chrono::milliseconds> retry_after) {
  const Verdict verdict = verdict_on(failure);
  if (verdict == Verdict::none) return undecided(target);
  Entry& entry = entries_[target];
  entry.attempts.fetch_add(1, relaxed);
  entry.failures.fetch_add(1, relaxed);
  entry.last_failure.store(failure, relaxed);
  entry.last_status.store(status, relaxed);
  entry.last_failure_us.store(wall_us, relaxed);
  const std::uint32_t consecutive = entry.consecutive.fetch_add(1, relaxed) + 1;

  if (verdict == Verdict::cool || retry_after) {
    const Duration wait = retry_after ? Duration(*retry_after) : unhinted_cooling;
    const std::int64_t until = to_ns(now + wait);
    if (until > entry.cooling_until.load(relaxed)) entry.cooling_until.store(until, relaxed);
  }
  if (verdict == Verdict::cool) return;
  const bool was_open = entry.open_until.load(relaxed) > to_ns(now);
  const bool probing = entry.probe_until.exchange(0, relaxed) != 0;
  const bool opens = verdict != Verdict::count || consecutive >= failures_to_open || probing;
  if (!opens || was_open) return;  // requests that were under way when it opened do not double it
  const std::uint32_t trips = std::min(entry.trips.fetch_add(1, relaxed), 10U);
  const Duration base = verdict == Verdict::open_for_operator ? operator_open : first_open;
  const Duration wait = std::min<Duration>(base * (std::int64_t{1} << trips), longest_open);
  entry.open_until.store(to_ns(now + wait), relaxed);
}

void HealthTable::credential_changed(std::size_t target, MonoTime now) {
  Entry& entry = entries_[target];
  std::int64_t open_until = entry.open_until.load(relaxed);
  if (open_until <= to_ns(now) || entry.trips.load(relaxed) != 1) return;
  if (entry.last_failure.load(relaxed) == FailureClass::revoked)
    entry.open_until.compare_exchange_strong(open_until, to_ns(now), relaxed);
}

HealthView HealthTable::view(std::size_t target, MonoTime now) const {
  const Entry& entry = entries_[target];
  const std::int64_t now_ns = to_ns(now);
  HealthView view;
  view.consecutive_failures = entry.consecutive.load(relaxed);
  view.last_failure = entry.last_failure.load(relaxed);
  view.last_failure_us = entry.last_failure_us.load(relaxed);
  view.last_status = entry.last_status.load(relaxed);
  view.attempts = entry.attempts.load(relaxed);
  view.failures = entry.failures.load(relaxed);
  const std::int64_t cooling = entry.cooling_until.load(relaxed);
  const std::int64_t open = entry.open_until.load(relaxed);
  if (cooling > now_ns) {
    view.state = BreakerState::cooling;
    view.until = MonoTime(Duration(cooling));
  } else if (open != 0) {
    view.state = open > now_ns ? BreakerState::open : BreakerState::half_open;
    view.until = MonoTime(Duration(open));
  }
  return view;
}

}  // namespace holdfast::routing

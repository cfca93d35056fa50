#include "routing/health.h"

#include <algorithm>

namespace holdfast::routing {
namespace {

using namespace std::chrono_literals;
constexpr Duration operator_open = 30s;    // a person must act; asking each second helps nobody
constexpr Duration comparison_open = 10s;  // Envoy's interval: long enough to be seen by all
constexpr Duration probe_time = 30s;       // then another request may probe
constexpr Duration unhinted_cooling = 1s;
constexpr std::uint32_t whole_share = 1000;  // a request's credit
constexpr std::uint32_t first_share = 100;
constexpr std::uint32_t most_doublings = 20;
constexpr std::int64_t least_tokens = 32;  // short answers take as long as that: their head counts
constexpr auto relaxed = std::memory_order_relaxed;
constexpr provider::HealthSettings usual_settings;

std::int64_t to_ns(MonoTime time) { return Duration(time.time_since_epoch()).count(); }

// Spread evenly over 64 bits (the finalizer of SplitMix64).
std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31U);
}

// A returning target's share of requests, in thousandths.
std::uint32_t share_of(std::int64_t from, std::int64_t until, std::int64_t now) {
  if (now >= until || until <= from) return whole_share;
  const double grown = static_cast<double>(now - from) / static_cast<double>(until - from);
  return std::max(first_share, static_cast<std::uint32_t>(grown * whole_share));
}

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
    case FailureClass::hedge_lost:
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

std::string_view to_string(BreakerState state) {
  switch (state) {
    case BreakerState::closed:
      return "closed";
    case BreakerState::open:
      return "open";
    case BreakerState::half_open:
      return "half_open";
    case BreakerState::cooling:
      return "cooling";
    case BreakerState::maintenance:
      return "maintenance";
  }
  return "closed";
}

std::string_view to_string(OpenedFor why) {
  switch (why) {
    case OpenedFor::none:
      return "none";
    case OpenedFor::failures:
      return "failures";
    case OpenedFor::verdict:
      return "verdict";
    case OpenedFor::error_rate:
      return "error_rate";
    case OpenedFor::slow:
      return "slow";
    case OpenedFor::outlier:
      return "outlier";
  }
  return "none";
}

const provider::HealthSettings& HealthTable::settings_of(std::size_t target) const {
  const auto* settings = entries_[target].settings.load(std::memory_order_acquire);
  return settings == nullptr ? usual_settings : *settings;
}

void HealthTable::configure(std::size_t target, const provider::HealthSettings& settings) {
  if (settings_of(target) == settings) return;
  const auto known =
      std::ranges::find_if(rules_, [&](const auto& one) { return *one == settings; });
  const provider::HealthSettings* kept = known == rules_.end() ? nullptr : known->get();
  if (kept == nullptr)
    kept = rules_.emplace_back(std::make_unique<const provider::HealthSettings>(settings)).get();
  entries_[target].window.clear();  // its buckets may have another length
  entries_[target].settings.store(kept, std::memory_order_release);
}

Admission HealthTable::admit(std::size_t target, MonoTime now) {
  Entry& entry = entries_[target];
  const std::int64_t now_ns = to_ns(now);
  if (entry.out_until.load(relaxed) > now_ns) return Admission::maintenance;
  if (entry.cooling_until.load(relaxed) > now_ns) return Admission::cooling;
  const std::int64_t open_until = entry.open_until.load(relaxed);
  if (open_until == 0) {
    const std::int64_t returning_until = entry.returning_until.load(relaxed);
    if (returning_until <= now_ns) return Admission::yes;
    // Each request adds the share to the credit; whoever fills it up is let in.
    const std::uint32_t share = share_of(entry.closed_at.load(relaxed), returning_until, now_ns);
    const std::uint32_t before = entry.credit.fetch_add(share, relaxed);
    return before / whole_share != (before + share) / whole_share ? Admission::yes
                                                                  : Admission::returning;
  }
  if (open_until > now_ns || entry.frozen.load(relaxed)) return Admission::open;
  std::int64_t probe = entry.probe_until.load(relaxed);
  if (probe > now_ns) return Admission::open;
  const std::int64_t expires = now_ns + probe_time.count();
  return entry.probe_until.compare_exchange_strong(probe, expires, relaxed) ? Admission::probe
                                                                            : Admission::open;
}

bool HealthTable::reserve_probe(std::size_t target, MonoTime now, MonoTime until) {
  Entry& entry = entries_[target];
  if (entry.open_until.load(relaxed) == 0 || entry.frozen.load(relaxed)) return false;
  if (entry.out_until.load(relaxed) > to_ns(now)) return false;
  entry.probe_until.store(to_ns(until), relaxed);
  return true;
}

void HealthTable::succeeded(std::size_t target, MonoTime now) {
  Entry& entry = entries_[target];
  const provider::HealthSettings& settings = settings_of(target);
  entry.attempts.fetch_add(1, relaxed);
  entry.window.add(now, settings.window, false);
  // Reading first keeps the line shared while all is well.
  if (entry.consecutive.load(relaxed) != 0) entry.consecutive.store(0, relaxed);
  if (entry.frozen.load(relaxed)) return;
  const std::int64_t open_until = entry.open_until.load(relaxed);
  if (open_until == 0) {
    if (entry.trips.load(relaxed) != 0 &&
        to_ns(now) - entry.closed_at.load(relaxed) >= Duration(settings.open_longest).count())
      entry.trips.store(0, relaxed);
    return;
  }
  const OpenedFor why = entry.opened_for.load(relaxed);
  const bool by_one_success = why == OpenedFor::failures || why == OpenedFor::verdict;
  // Some requests succeed at a target that fails many or is slow: they say nothing before its time.
  if (!by_one_success && open_until > to_ns(now)) return;
  if (why == OpenedFor::slow && entry.slow.last_was()) {
    entry.probe_until.store(0, relaxed);
    return open(target, why, comparison_open, now);
  }
  close(entry, now);
}

void HealthTable::close(Entry& entry, MonoTime now) {
  const provider::HealthSettings* own = entry.settings.load(std::memory_order_acquire);
  const Duration longest = own == nullptr ? usual_settings.slow_start : own->slow_start;
  const Duration out_for{to_ns(now) - entry.opened_at.load(relaxed)};
  entry.window.clear();  // what failed before must not open it again
  entry.slow.clear();
  entry.credential_retried.store(false, relaxed);
  entry.closed_at.store(to_ns(now), relaxed);
  entry.credit.store(whole_share - first_share, relaxed);  // the first request is let in
  entry.returning_until.store(to_ns(now + std::min(longest, out_for)), relaxed);
  entry.opened_for.store(OpenedFor::none, relaxed);
  entry.probe_until.store(0, relaxed);
  entry.open_until.store(0, relaxed);
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
  const provider::HealthSettings& settings = settings_of(target);
  entry.attempts.fetch_add(1, relaxed);
  entry.failures.fetch_add(1, relaxed);
  entry.last_failure.store(failure, relaxed);
  entry.last_status.store(status, relaxed);
  entry.last_failure_us.store(wall_us, relaxed);
  const auto consecutive = static_cast<int>(entry.consecutive.fetch_add(1, relaxed) + 1);
  const bool frozen = entry.frozen.load(relaxed);

  if (!frozen && (verdict == Verdict::cool || retry_after)) {
    const Duration wait = retry_after ? Duration(*retry_after) : unhinted_cooling;
    cool(target, now + wait);
  }
  if (verdict == Verdict::cool) {  // a limit that is kept is no failing of the target
    entry.probe_until.store(0, relaxed);
    return;
  }
  entry.window.add(now, settings.window, true);
  if (frozen) return;
  const bool probing = entry.probe_until.exchange(0, relaxed) != 0;
  // Requests that were under way when it opened do not double its time.
  if (entry.open_until.load(relaxed) > to_ns(now)) return;
  if (verdict == Verdict::open) return open(target, OpenedFor::verdict, settings.open_first, now);
  if (verdict == Verdict::open_for_operator)
    return open(target, OpenedFor::verdict, operator_open, now);
  if (probing || consecutive >= settings.failures)
    return open(target, OpenedFor::failures, settings.open_first, now);
  const WindowCounts recent = entry.window.counts(now, settings.window);
  const auto least = static_cast<std::uint32_t>(settings.min_requests);
  if (recent.failure_percent(least) >= settings.error_rate)
    open(target, OpenedFor::error_rate, settings.open_first, now);
}

void HealthTable::cool(std::size_t target, MonoTime until) {
  Entry& entry = entries_[target];
  if (to_ns(until) > entry.cooling_until.load(relaxed))
    entry.cooling_until.store(to_ns(until), relaxed);
}

void HealthTable::open(std::size_t target, OpenedFor why, Duration first, MonoTime now) {
  Entry& entry = entries_[target];
  const Duration longest = std::max<Duration>(settings_of(target).open_longest, first);
  const std::uint32_t trips = std::min(entry.trips.fetch_add(1, relaxed), most_doublings);
  Duration wait = std::min<Duration>(first * (std::int64_t{1} << trips), longest);
  if (seed_ != 0) {
    const std::uint64_t chance = mixed(seed_ ^ (std::uint64_t{target} << 32U) ^ trips);
    wait += Duration(
        static_cast<std::int64_t>(chance % (static_cast<std::uint64_t>(wait.count()) / 5 + 1)));
  }
  if (entry.open_until.load(relaxed) == 0) entry.opened_at.store(to_ns(now), relaxed);
  entry.opened_for.store(why, relaxed);
  entry.open_until.store(to_ns(now + wait), relaxed);
}

void HealthTable::eject(std::size_t target, OpenedFor why, MonoTime now) {
  Entry& entry = entries_[target];
  if (entry.frozen.load(relaxed) || entry.open_until.load(relaxed) != 0) return;
  open(target, why, comparison_open, now);
}

void HealthTable::took_first_content(std::size_t target, MonoTime now, std::int64_t took_us) {
  const provider::HealthSettings& settings = settings_of(target);
  Entry& entry = entries_[target];
  const SlowRule rule{settings.slow_factor, settings.slow_after};
  entry.slow.note(entry.first_content.note(now, took_us, 1, rule));
}

void HealthTable::took_whole(std::size_t target, MonoTime now, std::int64_t took_us,
                             std::int64_t tokens_out) {
  if (tokens_out <= 0) return;  // nothing to hold the time against
  Entry& entry = entries_[target];
  const SlowRule rule{settings_of(target).slow_factor, {}};
  const std::int64_t tokens = std::max(tokens_out, least_tokens);
  entry.slow.note(entry.per_token.note(now, took_us, tokens, rule));
}

void HealthTable::credential_changed(std::size_t target, MonoTime now) {
  Entry& entry = entries_[target];
  std::int64_t open_until = entry.open_until.load(relaxed);
  if (open_until <= to_ns(now) || entry.frozen.load(relaxed)) return;
  if (entry.last_failure.load(relaxed) != FailureClass::revoked) return;
  if (entry.credential_retried.exchange(true, relaxed)) return;
  entry.open_until.compare_exchange_strong(open_until, to_ns(now), relaxed);
}

void HealthTable::maintain(std::size_t target, std::optional<MonoTime> until) {
  entries_[target].out_until.store(until ? to_ns(*until) : 0, relaxed);
}

void HealthTable::freeze(std::size_t target, bool frozen) {
  entries_[target].frozen.store(frozen, relaxed);
}

HealthView HealthTable::view(std::size_t target, MonoTime now) const {
  const Entry& entry = entries_[target];
  const std::int64_t now_ns = to_ns(now);
  HealthView view;
  view.frozen = entry.frozen.load(relaxed);
  view.consecutive_failures = entry.consecutive.load(relaxed);
  view.last_failure = entry.last_failure.load(relaxed);
  view.last_failure_us = entry.last_failure_us.load(relaxed);
  view.last_status = entry.last_status.load(relaxed);
  view.attempts = entry.attempts.load(relaxed);
  view.failures = entry.failures.load(relaxed);
  view.recent = entry.window.counts(now, settings_of(target).window);
  view.slow = entry.slow.target_is_slow();
  view.usual_first_content_us = entry.first_content.usual_us();
  view.recent_first_content_us = entry.first_content.recent_us();
  view.usual_token_us = entry.per_token.usual_us();
  const std::int64_t out = entry.out_until.load(relaxed);
  const std::int64_t cooling = entry.cooling_until.load(relaxed);
  const std::int64_t open = entry.open_until.load(relaxed);
  if (out > now_ns) {
    view.state = BreakerState::maintenance;
    view.until = MonoTime(Duration(out));
  } else if (cooling > now_ns) {
    view.state = BreakerState::cooling;
    view.until = MonoTime(Duration(cooling));
  } else if (open != 0) {
    view.state = open > now_ns ? BreakerState::open : BreakerState::half_open;
    view.opened_for = entry.opened_for.load(relaxed);
    view.until = MonoTime(Duration(open));
  } else {
    const std::int64_t returning = entry.returning_until.load(relaxed);
    view.share_percent =
        static_cast<int>(share_of(entry.closed_at.load(relaxed), returning, now_ns) / 10);
  }
  return view;
}

}  // namespace holdfast::routing

#include "gateway/request_limits.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>

namespace holdfast::gateway {
namespace {

using routing::Limit;
using routing::LimitKind;
using routing::LimitScope;
using routing::Standing;
using std::chrono::milliseconds;

milliseconds rounded_up(Duration time) {
  return std::chrono::ceil<milliseconds>(std::max(time, Duration(0)));
}

std::int64_t most_of(const routing::LimitRates& rates, LimitKind kind) {
  switch (kind) {
    case LimitKind::requests_per_second:
      return rates.requests_per_second ? rates.requests_per_second->limit : 0;
    case LimitKind::requests_per_minute:
      return rates.requests_per_minute ? rates.requests_per_minute->limit : 0;
    case LimitKind::tokens_per_minute:
      return rates.tokens_per_minute ? rates.tokens_per_minute->limit : 0;
    case LimitKind::concurrent_requests:
      return rates.concurrent_requests;
  }
  return 0;
}

const Limit* find(const std::map<std::string, Limit, std::less<>>& limits, std::string_view name) {
  if (limits.empty() || name.empty()) return nullptr;
  const auto found = limits.find(name);
  return found == limits.end() ? nullptr : &found->second;
}

// The one of which less is left.
std::optional<Standing> tighter(std::optional<Standing> one, std::optional<Standing> two) {
  if (!one || !two) return one ? one : two;
  return two->remaining < one->remaining ? two : one;
}

enum class Counted : std::uint8_t { requests, tokens };

struct StandingHeaders {
  std::string_view limit, remaining, reset;
};

const StandingHeaders& headers_of(dialect::Dialect dialect, Counted what) {
  static constexpr StandingHeaders openai[] = {
      {"x-ratelimit-limit-requests", "x-ratelimit-remaining-requests",
       "x-ratelimit-reset-requests"},
      {"x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"}};
  static constexpr StandingHeaders anthropic[] = {
      {"anthropic-ratelimit-requests-limit", "anthropic-ratelimit-requests-remaining",
       "anthropic-ratelimit-requests-reset"},
      {"anthropic-ratelimit-tokens-limit", "anthropic-ratelimit-tokens-remaining",
       "anthropic-ratelimit-tokens-reset"}};
  const auto& names = dialect == dialect::Dialect::anthropic ? anthropic : openai;
  return names[static_cast<std::size_t>(what)];
}

void add(net::AnswerHeaders& headers, dialect::Dialect dialect, Counted what,
         const Standing& standing, const Clock& clock) {
  const StandingHeaders& names = headers_of(dialect, what);
  headers.add(names.limit, fmt::format_int(standing.limit).c_str());
  headers.add(names.remaining, fmt::format_int(standing.remaining).c_str());
  if (dialect != dialect::Dialect::anthropic) {
    headers.add(names.reset, reset_text(standing.reset_after));
    return;
  }
  const std::int64_t reset_ms = clock.wall_us() / 1'000 + rounded_up(standing.reset_after).count();
  const std::time_t seconds = (reset_ms + 999) / 1'000;
  headers.add(names.reset, fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(seconds)));
}

}  // namespace

std::optional<Refusal> RequestLimits::take(const routing::Snapshot& snapshot, const Asker& asker,
                                           const routing::Model& model, std::int64_t tokens,
                                           MonoTime now, observe::ThreadCounters& counters) {
  if (asker.key != nullptr) {
    const auto& of_key = asker.virtual_key == nullptr ? snapshot.key_limits : asker.keys->limits;
    shown_[0] = find(of_key, asker.key->name);
    shown_[of_keys] = find(snapshot.team_limits, asker.key->team);
  }
  if (asker.virtual_key != nullptr)
    for (std::size_t i = 0; i < asker.virtual_key->ancestors.size() && i + 1 < of_keys; ++i)
      shown_[i + 1] = find(asker.keys->limits, asker.virtual_key->ancestors[i]);
  estimate_ = tokens;
  std::array<const Limit*, of_keys + 2> limits{};
  std::ranges::copy(shown_, limits.begin());
  limits.back() = model.limit.get();
  for (std::size_t i = 0; i < limits.size(); ++i) {
    if (limits[i] == nullptr) continue;
    auto permit = routing::LimitPermit::take(*limits[i], tokens, now);
    if (permit) {
      permits_[i] = std::move(*permit);
      continue;
    }
    for (routing::LimitPermit& taken : permits_) taken.undo(now);
    counters.refused(observe::Refusal::limited);
    counters.limited(limits[i]->scope, permit.error().kind);
    return limit_refusal(*limits[i], permit.error(), tokens);
  }
  return std::nullopt;
}

void RequestLimits::note(const dialect::Usage& usage, bool committed) {
  used_ += tokens_of(usage, committed ? estimate_ : 0);
}

void RequestLimits::settle(MonoTime now) {
  for (routing::LimitPermit& permit : permits_) permit.settle(used_, now);
}

void RequestLimits::add_headers(dialect::Dialect dialect, const Clock& clock,
                                net::AnswerHeaders& headers) const {
  if (std::ranges::all_of(shown_, [](const Limit* one) { return one == nullptr; })) return;
  if (dialect != dialect::Dialect::openai && dialect != dialect::Dialect::openai_responses &&
      dialect != dialect::Dialect::anthropic)
    return;  // the others have no headers for it
  const MonoTime now = clock.now();
  std::optional<Standing> requests, tokens;
  for (const Limit* limit : shown_) {
    if (limit == nullptr) continue;
    requests = tighter(requests, limit->use->requests(limit->rates, now));
    tokens = tighter(tokens, limit->use->tokens(limit->rates, now));
  }
  if (requests) add(headers, dialect, Counted::requests, *requests, clock);
  if (tokens) add(headers, dialect, Counted::tokens, *tokens, clock);
}

std::int64_t tokens_of(const dialect::Usage& usage, std::int64_t untold) {
  if (!usage.given()) return untold;
  return std::max<std::int64_t>(usage.tokens_in, 0) + std::max<std::int64_t>(usage.tokens_out, 0);
}

Refusal limit_refusal(const Limit& limit, const routing::LimitRefusal& refused,
                      std::int64_t tokens) {
  const std::int64_t most = most_of(limit.rates, refused.kind);
  const std::string name = fmt::format("{}s.{}.limits.{} ({})", config::to_string(limit.scope),
                                       limit.name, config::to_string(refused.kind), most);
  const std::string message =
      refused.retry_after
          ? fmt::format("limited by {}: try again in {}", name, reset_text(*refused.retry_after))
          : fmt::format("about {} tokens are more than {} ever lets pass: send less", tokens, name);
  Refusal refusal = refuse(429, message, error_type(429), "rate_limit_exceeded");
  if (refused.retry_after)
    refusal.retry_after = std::max(rounded_up(*refused.retry_after), milliseconds(1));
  else
    refusal.should_not_retry = true;
  return refusal;
}

std::string reset_text(Duration time) {
  const std::int64_t ms = rounded_up(time).count();
  if (ms < 1'000) return fmt::format("{}ms", ms);
  const std::int64_t minutes = ms / 60'000;
  const double seconds = static_cast<double>(ms % 60'000) / 1'000;
  if (minutes == 0) return fmt::format("{:g}s", seconds);
  if (minutes < 60) return fmt::format("{}m{:g}s", minutes, seconds);
  return fmt::format("{}h{}m{:g}s", minutes / 60, minutes % 60, seconds);
}

}  // namespace holdfast::gateway

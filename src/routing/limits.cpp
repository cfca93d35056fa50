#include "routing/limits.h"

#include <atomic>

namespace holdfast::routing {
namespace {

using namespace std::chrono_literals;
constexpr auto relaxed = std::memory_order_relaxed;

std::optional<Rate> rate_of(int limit, Duration period) {
  if (limit <= 0) return std::nullopt;
  return *make_rate(limit, period);  // an int is fewer than the nanoseconds of a second
}

std::optional<Standing> standing(const Gcra& gcra, const std::optional<Rate>& rate, MonoTime now) {
  if (!rate) return std::nullopt;
  const GcraVerdict verdict = gcra.peek(*rate, now);
  return Standing{rate->limit, verdict.remaining, verdict.reset_after};
}

class LocalUse final : public LimitUse {
 public:
  std::optional<LimitRefusal> take(const LimitRates& rates, std::int64_t tokens,
                                   MonoTime now) override {
    if (!enter(rates.concurrent_requests))
      return LimitRefusal{LimitKind::concurrent_requests, when_full};
    LimitRefusal refusal;
    // What was taken before the one that refuses is given back: nobody else misses it for long.
    if (!fits(second_, rates.requests_per_second, 1, now, LimitKind::requests_per_second,
              refusal)) {
      leave();
      return refusal;
    }
    if (!fits(minute_, rates.requests_per_minute, 1, now, LimitKind::requests_per_minute,
              refusal)) {
      give_back(second_, rates.requests_per_second, 1, now);
      leave();
      return refusal;
    }
    if (!fits(tokens_, rates.tokens_per_minute, tokens, now, LimitKind::tokens_per_minute,
              refusal)) {
      give_back(second_, rates.requests_per_second, 1, now);
      give_back(minute_, rates.requests_per_minute, 1, now);
      leave();
      return refusal;
    }
    return std::nullopt;
  }

  void settle(const LimitRates& rates, std::int64_t more, MonoTime now) override {
    if (rates.tokens_per_minute) tokens_.settle(*rates.tokens_per_minute, more, now);
  }

  void leave() override { under_way_.fetch_sub(1, relaxed); }

  void undo(const LimitRates& rates, std::int64_t tokens, MonoTime now) override {
    give_back(second_, rates.requests_per_second, 1, now);
    give_back(minute_, rates.requests_per_minute, 1, now);
    give_back(tokens_, rates.tokens_per_minute, tokens, now);
    leave();
  }

  std::optional<Standing> requests(const LimitRates& rates, MonoTime now) const override {
    if (auto minute = standing(minute_, rates.requests_per_minute, now)) return minute;
    return standing(second_, rates.requests_per_second, now);
  }

  std::optional<Standing> tokens(const LimitRates& rates, MonoTime now) const override {
    return standing(tokens_, rates.tokens_per_minute, now);
  }

  std::int64_t under_way() const override { return under_way_.load(relaxed); }

 private:
  static constexpr Duration when_full = 1s;  // nobody knows when one of them ends

  // most   0: any number
  bool enter(std::int64_t most) {
    std::int64_t now = under_way_.load(relaxed);
    do {
      if (most > 0 && now >= most) return false;
    } while (!under_way_.compare_exchange_weak(now, now + 1, relaxed));
    return true;
  }

  static bool fits(Gcra& gcra, const std::optional<Rate>& rate, std::int64_t quantity, MonoTime now,
                   LimitKind kind, LimitRefusal& refusal) {
    if (!rate) return true;
    const GcraVerdict verdict = gcra.take(*rate, quantity, now);
    if (verdict.limited) refusal = {kind, verdict.retry_after};
    return !verdict.limited;
  }

  static void give_back(Gcra& gcra, const std::optional<Rate>& rate, std::int64_t quantity,
                        MonoTime now) {
    if (rate) gcra.settle(*rate, -quantity, now);
  }

  Gcra second_, minute_, tokens_;
  std::atomic<std::int64_t> under_way_{0};
};

}  // namespace

LimitRates rates_of(const config::LimitSettings& settings) {
  return {rate_of(settings.requests_per_second, 1s), rate_of(settings.requests_per_minute, 60s),
          rate_of(settings.tokens_per_minute, 60s), settings.concurrent_requests};
}

std::shared_ptr<LimitUse> LocalLimitStore::open(LimitScope scope, std::string_view name) {
  std::weak_ptr<LimitUse>& known = uses_[{scope, std::string(name)}];
  if (auto use = known.lock()) return use;
  auto made = std::make_shared<LocalUse>();
  known = made;
  if (uses_.size() >= swept_at_) {
    std::erase_if(uses_, [](const auto& entry) { return entry.second.expired(); });
    swept_at_ = 2 * uses_.size() + 64;
  }
  return made;
}

std::expected<LimitPermit, LimitRefusal> LimitPermit::take(const Limit& limit, std::int64_t tokens,
                                                           MonoTime now) {
  if (auto refusal = limit.use->take(limit.rates, tokens, now)) return std::unexpected(*refusal);
  LimitPermit permit;
  permit.limit_ = &limit;
  permit.tokens_ = tokens;
  return permit;
}

}  // namespace holdfast::routing

// The limits of keys, teams, models and providers, and what has been used of each.
#pragma once
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "config/limit_settings.h"
#include "routing/gcra.h"

namespace holdfast::routing {

using config::LimitKind;
using config::LimitScope;

// The limits of one, as rates.
struct LimitRates {
  std::optional<Rate> requests_per_second, requests_per_minute, tokens_per_minute;
  std::int64_t concurrent_requests = 0;  // 0: no limit
  bool any() const {
    return requests_per_second || requests_per_minute || tokens_per_minute ||
           concurrent_requests > 0;
  }
};
LimitRates rates_of(const config::LimitSettings& settings);

// Why a request does not fit.
struct LimitRefusal {
  LimitKind kind = LimitKind::requests_per_minute;
  std::optional<Duration> retry_after;  // nothing: it never fits, it is larger than the limit
};

// How much of a rate there is.
struct Standing {
  std::int64_t limit = 0, remaining = 0;
  Duration reset_after{0};
};

// What has been used of one's limits. Any thread; nothing here waits: a use that several instances
// share answers from the part of it that this one was lent.
struct LimitUse {
  virtual ~LimitUse() = default;
  // Takes one request of `tokens` (>= 0), all of it or nothing.
  //   nothing   it has been taken; leave() once it has ended
  virtual std::optional<LimitRefusal> take(const LimitRates& rates, std::int64_t tokens,
                                           MonoTime now) = 0;
  // A request that was taken came to `more` tokens more than told (< 0: less).
  virtual void settle(const LimitRates& rates, std::int64_t more, MonoTime now) = 0;
  // A request that was taken has ended.
  virtual void leave() = 0;
  // A request that was taken was not asked after all: as if it had never come. In place of leave().
  virtual void undo(const LimitRates& rates, std::int64_t tokens, MonoTime now) = 0;
  // How a rate stands; nothing when there is none. Requests: the minute's, else the second's.
  virtual std::optional<Standing> requests(const LimitRates& rates, MonoTime now) const = 0;
  virtual std::optional<Standing> tokens(const LimitRates& rates, MonoTime now) const = 0;
  virtual std::int64_t under_way() const = 0;
};

// Where uses are kept.
struct LimitStore {
  virtual ~LimitStore() = default;
  // The use of the limits of `name`: the same for the same scope and name as long as anybody has
  // it, so that a reload forgets nothing. One thread, the one that compiles snapshots.
  virtual std::shared_ptr<LimitUse> open(LimitScope scope, std::string_view name) = 0;
};

// In this process alone; relaxed atomics.
class LocalLimitStore final : public LimitStore {
 public:
  std::shared_ptr<LimitUse> open(LimitScope scope, std::string_view name) override;

 private:
  std::map<std::pair<LimitScope, std::string>, std::weak_ptr<LimitUse>> uses_;
  std::size_t swept_at_ = 64;  // so many: what nobody has any more is looked for
};

// Somebody's limits; part of the snapshot.
struct Limit {
  LimitScope scope = LimitScope::key;
  std::string name;
  LimitRates rates;
  std::shared_ptr<LimitUse> use;
};

// A request that counts against a limit; ends with this object. Whoever holds it keeps the
// snapshot.
class LimitPermit {
 public:
  LimitPermit() = default;
  // Takes one request of `tokens`.
  //   errors   it does not fit
  static std::expected<LimitPermit, LimitRefusal> take(const Limit& limit, std::int64_t tokens,
                                                       MonoTime now);
  LimitPermit(LimitPermit&& other) noexcept
      : limit_(std::exchange(other.limit_, nullptr)), tokens_(other.tokens_) {}
  LimitPermit& operator=(LimitPermit&& other) noexcept {
    std::swap(limit_, other.limit_);
    std::swap(tokens_, other.tokens_);
    return *this;
  }
  ~LimitPermit() {
    if (limit_ != nullptr) limit_->use->leave();
  }
  // What it came to in the end.
  void settle(std::int64_t tokens, MonoTime now) {
    if (limit_ != nullptr) limit_->use->settle(limit_->rates, tokens - tokens_, now);
    tokens_ = tokens;
  }
  // It was not asked after all.
  void undo(MonoTime now) {
    if (limit_ != nullptr) limit_->use->undo(limit_->rates, tokens_, now);
    limit_ = nullptr;
  }
  const Limit* limit() const { return limit_; }  // null: it counts against none

 private:
  const Limit* limit_ = nullptr;
  std::int64_t tokens_ = 0;
};

}  // namespace holdfast::routing

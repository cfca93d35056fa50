// How many attempts beyond their first the requests of one loop may make at targets that are
// believed to be out: a share of the recent traffic, so that a total outage does not multiply it.
// A target that is well is never refused by it; it is charged all the same. One loop's thread
// alone.
#pragma once
#include <cstdint>

#include "base/clock.h"

namespace holdfast::routing {

// Tokens in thousandths, so that shares are exact.
class TokenBucket {
 public:
  //   most    what it holds at most, and at the beginning
  explicit TokenBucket(std::int64_t most) : most_(most), held_(most) {}

  void earn(std::int64_t thousandths);
  void spend(std::int64_t thousandths);  // never below 0
  std::int64_t held() const { return held_; }
  // Whether it holds more than `floor`.
  bool above(std::int64_t floor) const { return held_ > floor; }

 private:
  std::int64_t most_, held_;
};

class RetryBudget {
 public:
  static constexpr std::int64_t token = 1000;
  static constexpr std::int64_t share = 200;         // that each request earns: 20 %
  static constexpr std::int64_t burst = 10 * token;  // what can be saved up
  // When none was allowed for so long, one is, so that with little traffic too a request now and
  // then can fail over.
  static constexpr Duration floor_interval = std::chrono::seconds(10);

  void request() { bucket_.earn(share); }
  // Another attempt of one request at a target that is well, a hedge too.
  void charge() { bucket_.spend(token); }
  // Whether a second attempt may be made beside one that is under way. Not charged by this; nothing
  // is free here, since nobody would miss it.
  bool allows_hedge() const { return bucket_.above(token - 1); }
  // Whether another attempt of one request may be made at a target that is believed to be out;
  // charged if so.
  bool allow(MonoTime now);

 private:
  TokenBucket bucket_{burst};
  MonoTime free_at_{};  // one is allowed then, whatever is saved up
};

}  // namespace holdfast::routing

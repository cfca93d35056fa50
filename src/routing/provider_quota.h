// What a provider's answers tell is left of the limits of the gateway's account, so that a target
// is left alone before it says no.
#pragma once
#include <atomic>
#include <optional>

#include "provider/rate_limit.h"
#include "routing/gcra.h"

namespace holdfast::routing {

// One of its limits, as last told. A provider that tells limit, what is left and the time until all
// is back has told a rate, which refills meanwhile; one that does not tell the limit is believed
// that nothing comes back before the reset. Any thread; relaxed atomics.
class LearnedLimit {
 public:
  // What an answer told; without what is left and a reset it tells nothing.
  void told(const provider::RateLimit& limit, MonoTime now);
  // Takes `quantity` from what is left.
  //   nothing   it fits, or nothing is known
  //   returns   how long until it fits
  std::optional<Duration> take(std::int64_t quantity, MonoTime now);
  void give_back(std::int64_t quantity, MonoTime now);
  struct View {
    std::int64_t limit = 0, remaining = 0;  // limit 0: not told
    Duration reset_after{0};
  };
  // Nothing while it has told nothing, or once its reset has passed.
  std::optional<View> view(MonoTime now) const;

 private:
  std::optional<Rate> rate() const;
  std::atomic<std::int64_t> limit_{0}, interval_ns_{0};  // 0: nothing told
  Gcra gcra_;                                            // told with its limit
  std::atomic<std::int64_t> left_{0}, until_ns_{0};      // told without
};

struct ProviderQuota {
  LearnedLimit requests, tokens;

  void told(const provider::RateLimitFacts& facts, MonoTime now) {
    requests.told(facts.requests, now);
    tokens.told(facts.tokens, now);
  }
  // One request of about so many tokens, from both or from none.   returns   as LearnedLimit::take
  std::optional<Duration> take(std::int64_t request_tokens, MonoTime now) {
    if (auto wait = requests.take(1, now)) return wait;
    auto wait = tokens.take(request_tokens, now);
    if (wait) requests.give_back(1, now);
    return wait;
  }
  // One that was taken was not asked after all.
  void give_back(std::int64_t request_tokens, MonoTime now) {
    requests.give_back(1, now);
    tokens.give_back(request_tokens, now);
  }
};

}  // namespace holdfast::routing

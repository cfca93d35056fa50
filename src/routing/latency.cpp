#include "routing/latency.h"

#include <algorithm>
#include <cmath>

namespace holdfast::routing {
namespace {

using namespace std::chrono_literals;
constexpr auto relaxed = std::memory_order_relaxed;
constexpr Duration recent_decay = 10s;  // as in Finagle
// An answer moves the usual by its part of the time, not by its number: else hundreds a second make
// a brown-out usual before anybody looks.
constexpr Duration usual_decay = 30s;
constexpr double most_weight = 1.0 / 16;
constexpr std::uint32_t most_samples = 4096;  // until then all that came weigh alike at least
// What an answer counts as at most, times the usual: in a brown-out one in ten or so is just not
// slow, and by its own time would soon make the others usual.
constexpr double most_times = 2;
// A target that has become slower for good is usual again after some hundred answers and some
// minutes, and one that is only browned out is not within a minute of probes.
constexpr double slow_weight = 1.0 / 4;  // of what another answer weighs

}  // namespace

double peak_ewma(double cost, MonoTime at, double sample, MonoTime now, Duration decay) {
  if (sample > cost) return sample;
  const std::chrono::duration<double> passed = now - at;
  const double keep = std::exp(-passed / std::chrono::duration<double>(decay));
  return cost * keep + sample * (1 - keep);
}

bool LatencyTrack::note(MonoTime now, std::int64_t took_us, std::int64_t units,
                        const SlowRule& rule) {
  const double sample = static_cast<double>(took_us) / static_cast<double>(units);
  const double usual = usual_us_.load(relaxed);
  const std::uint32_t samples = samples_.load(relaxed);
  const double expected = usual * static_cast<double>(units);
  const auto excess = static_cast<double>(took_us) - expected;
  const bool far_above = rule.factor > 0 && samples >= SlowRule::learning &&
                         sample > rule.factor * usual && excess >= SlowRule::least_excess_us;
  const bool beyond_bound =
      rule.bound > Duration::zero() && std::chrono::microseconds(took_us) > rule.bound;
  const bool slow = far_above || beyond_bound;

  const MonoTime at{Duration(at_.load(relaxed))};
  double next = sample;
  if (samples > 0) {
    const double passed =
        std::chrono::duration<double>(now - at) / std::chrono::duration<double>(usual_decay);
    const double weight = std::max(std::min(most_weight, passed), 1.0 / (samples + 1));
    const double counts = samples >= SlowRule::learning
                              ? std::min(sample, most_times * std::max(usual, 1.0))
                              : sample;
    next = usual + (counts - usual) * weight * (slow ? slow_weight : 1);
  }
  usual_us_.store(next, relaxed);
  if (samples < most_samples) samples_.store(samples + 1, relaxed);
  recent_us_.store(peak_ewma(recent_us_.load(relaxed), at, sample, now, recent_decay), relaxed);
  at_.store(Duration(now.time_since_epoch()).count(), relaxed);
  return slow;
}

}  // namespace holdfast::routing

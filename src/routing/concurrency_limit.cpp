#include "routing/concurrency_limit.h"

#include <algorithm>
#include <cmath>

namespace holdfast::routing {
namespace {

using namespace std::chrono_literals;
constexpr auto relaxed = std::memory_order_relaxed;

constexpr double tolerance = 1.5;           // slower than this times the usual is too slow
constexpr double steepest = 0.5;            // no step asks for less than half
constexpr double smoothing = 0.3;           // part of a step that is taken
constexpr double typical_up = 1.0 / 6'000;  // part of a window's time that the usual one takes over
constexpr double typical_down = 1.0 / 10;
constexpr double helped = 0.8;      // part of the time that is left when a lower limit helps
constexpr double backed_off = 0.9;  // of what is under way, when the target is overloaded
constexpr std::int64_t window_samples = 10;
constexpr Duration shortest_window = 100ms;
constexpr Duration one_overload = 1s;

std::int64_t to_ns(MonoTime time) { return Duration(time.time_since_epoch()).count(); }

double within(double limit, const ConcurrencyBounds& bounds) {
  return std::clamp<double>(limit, bounds.least, bounds.most);
}

void raise_to(std::atomic<std::int64_t>& most, std::int64_t value) {
  std::int64_t seen = most.load(relaxed);
  while (seen < value && !most.compare_exchange_weak(seen, value, relaxed)) {
  }
}

}  // namespace

Gradient next_gradient(Gradient now, double recent_ns, std::int64_t peak,
                       const ConcurrencyBounds& bounds) {
  if (now.typical_ns <= 0) now.typical_ns = recent_ns;
  now.typical_ns +=
      (recent_ns - now.typical_ns) * (recent_ns > now.typical_ns ? typical_up : typical_down);
  const double slope = std::clamp(tolerance * now.typical_ns / recent_ns, steepest, 1.0);
  const double used = static_cast<double>(std::max<std::int64_t>(peak, 1));
  if (slope < 1) {
    // A limit far above what is under way limits nothing: it comes down to where it begins to.
    now.limit = std::min(now.limit, 2 * used);
    if (now.since_used <= 0) now.since_used = used;
    now.since_ns = std::max(now.since_ns, recent_ns);  // the worst that it came to
    if (used <= now.since_used / 2) {
      if (recent_ns > now.since_ns * helped)
        return {within(now.since_used * 2, bounds), recent_ns, 0, 0};
      now.since_used = used;
      now.since_ns = recent_ns;
    }
  } else {
    now.since_used = now.since_ns = 0;
    if (used * 2 < now.limit) return now;  // not tried, so nothing says that more would do
  }
  const double asked = now.limit * slope + std::sqrt(now.limit);  // room to find out by
  now.limit = within(now.limit * (1 - smoothing) + asked * smoothing, bounds);
  return now;
}

std::int64_t ConcurrencyLimit::limit(const ConcurrencyBounds& bounds) const {
  const double found = limit_.load(relaxed);
  if (!bounds.adapts || found <= 0) return bounds.most;
  return static_cast<std::int64_t>(within(found, bounds));
}

bool ConcurrencyLimit::enter(const ConcurrencyBounds& bounds) {
  const std::int64_t most = limit(bounds);
  std::int64_t now = under_way_.load(relaxed);
  do {
    if (now >= most) return false;
  } while (!under_way_.compare_exchange_weak(now, now + 1, relaxed));
  raise_to(peak_, now + 1);
  return true;
}

void ConcurrencyLimit::answered(const ConcurrencyBounds& bounds, Duration took, MonoTime now) {
  if (!bounds.adapts) return;
  sum_ns_.fetch_add(std::max<std::int64_t>(took.count(), 1), relaxed);
  const std::int64_t count = count_.fetch_add(1, relaxed) + 1;
  if (count < window_samples || to_ns(now) < window_ends_.load(relaxed)) return;
  if (stepping_.exchange(true, std::memory_order_acquire)) return;
  const std::int64_t sum = sum_ns_.exchange(0, relaxed);
  const std::int64_t samples = count_.exchange(0, relaxed);
  // Another thread's sample may be counted and not yet summed, or the other way: one in ten at
  // most.
  if (samples > 0 && sum > 0) {
    const double found = limit_.load(relaxed);
    const Gradient before{found > 0 ? within(found, bounds) : bounds.most,
                          typical_ns_.load(relaxed), since_used_.load(relaxed),
                          since_ns_.load(relaxed)};
    const Gradient after =
        next_gradient(before, static_cast<double>(sum) / static_cast<double>(samples),
                      peak_.exchange(under_way_.load(relaxed), relaxed), bounds);
    limit_.store(after.limit, relaxed);
    typical_ns_.store(after.typical_ns, relaxed);
    since_used_.store(after.since_used, relaxed);
    since_ns_.store(after.since_ns, relaxed);
    // The next window sees what this step does: as long as an answer takes to begin.
    const auto mean = Duration(sum / samples);
    window_ends_.store(to_ns(now + std::max<Duration>(shortest_window, mean)), relaxed);
  }
  stepping_.store(false, std::memory_order_release);
}

void ConcurrencyLimit::overloaded(const ConcurrencyBounds& bounds, MonoTime now) {
  if (!bounds.adapts) return;
  std::int64_t spared = spared_until_.load(relaxed);
  if (to_ns(now) < spared ||
      !spared_until_.compare_exchange_strong(spared, to_ns(now + one_overload), relaxed))
    return;
  const double used = static_cast<double>(std::max<std::int64_t>(under_way_.load(relaxed), 1));
  limit_.store(
      within(std::min<double>(static_cast<double>(limit(bounds)), used) * backed_off, bounds),
      relaxed);
}

}  // namespace holdfast::routing

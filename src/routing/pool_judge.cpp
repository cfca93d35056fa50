#include "routing/pool_judge.h"

#include <algorithm>

#include "routing/outlier.h"

namespace holdfast::routing {
namespace {

bool serves(const HealthView& view) { return view.state == BreakerState::closed; }

}  // namespace

void judge_pool(HealthTable& health, std::span<const std::uint16_t> targets, MonoTime now) {
  std::vector<std::uint16_t> pool(targets.begin(), targets.end());
  std::ranges::sort(pool);  // a target may be named twice
  pool.erase(std::ranges::unique(pool).begin(), pool.end());
  std::vector<WindowCounts> counts;
  std::vector<bool> well, slow;
  for (const std::uint16_t target : pool) {
    const HealthView view = health.view(target, now);
    well.push_back(serves(view));
    slow.push_back(view.slow);
    counts.push_back(serves(view) ? view.recent : WindowCounts{});
  }
  std::size_t survivors = static_cast<std::size_t>(std::ranges::count(well, true));
  const auto take_out = [&](std::size_t i, OpenedFor why) {
    if (!well[i] || survivors <= 1) return;
    health.eject(pool[i], why, now);
    if (serves(health.view(pool[i], now))) return;  // it is frozen
    well[i] = false;
    --survivors;
  };
  const auto a_faster_one = [&] {
    for (std::size_t i = 0; i < pool.size(); ++i)
      if (well[i] && !slow[i]) return true;
    return false;
  };
  for (std::size_t i = 0; i < pool.size(); ++i)
    if (slow[i] && a_faster_one()) take_out(i, OpenedFor::slow);

  if (pool.size() >= outlier_least_hosts) {
    const std::size_t out = pool.size() - survivors;
    const std::size_t most = most_ejected(pool.size());
    for (const std::size_t i : envoy_outliers(counts, most - std::min(most, out)))
      take_out(i, OpenedFor::outlier);
    return;
  }
  for (std::size_t i = 0; i < pool.size(); ++i) {
    const auto least = static_cast<std::uint32_t>(health.settings_of(pool[i]).min_requests);
    if (small_pool_outlier(counts, least) == i) take_out(i, OpenedFor::outlier);
  }
}

}  // namespace holdfast::routing

#include "simulation/faults.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::simulation {
namespace {

bool names_somebody(const Fault& fault) {
  return fault.everything || !fault.provider.empty() || !fault.owner.empty() ||
         !fault.host.empty() || !fault.region.empty() || !fault.credential.empty();
}

bool hits(const Fault& fault, const ProviderFacts& provider, const std::string& key_group) {
  const auto same = [](const std::string& asked, const std::string& has) {
    return !asked.empty() && asked == has;
  };
  return fault.everything || same(fault.provider, provider.name) ||
         same(fault.owner, provider.owner) || same(fault.host, provider.host) ||
         same(fault.region, provider.region) || same(key_group, provider.key_group);
}

bool away(const Fault& fault, Duration since) {
  return (2 * since / Duration(fault.period)) % 2 == 0;
}

void apply(const Fault& fault, Duration since, Condition& into) {
  switch (fault.kind) {
    case FaultKind::outage:
      into.reach = Reach::refused;
      return;
    case FaultKind::unreachable:
      into.reach = Reach::silent;
      return;
    case FaultKind::brown_out:
      into.status = 503;
      into.share_percent = fault.share_percent;
      into.factor = fault.factor;
      return;
    case FaultKind::slow:
      into.factor = fault.factor;
      return;
    case FaultKind::stall:
      into.stalls = true;
      into.share_percent = fault.share_percent;
      return;
    case FaultKind::cut:
      into.cuts = true;
      into.share_percent = fault.share_percent;
      return;
    case FaultKind::revoked:
      into.status = 401;
      into.share_percent = 100;
      return;
    case FaultKind::quota:
      into.status = 429;
      into.share_percent = 100;
      into.retry_after = fault.retry_after;
      return;
    case FaultKind::flapping:
      if (away(fault, since)) into.reach = Reach::refused;
      return;
  }
}
}  // namespace

Result<std::vector<Windows>> place_faults(const std::vector<Fault>& faults,
                                          const std::vector<ProviderFacts>& providers,
                                          const routing::Model& model) {
  std::vector<Windows> placed(providers.size());
  for (std::size_t i = 0; i < faults.size(); ++i) {
    Fault fault = faults[i];
    if (!names_somebody(fault)) fault.provider = model.targets.front().provider->name;
    const auto like =
        std::ranges::find(providers, fault.credential, [](const auto& one) { return one.name; });
    const std::string key_group = like == providers.end() ? "" : like->key_group;
    bool hit = false;
    for (std::size_t p = 0; p < providers.size(); ++p) {
      if (!hits(fault, providers[p], key_group)) continue;
      hit = true;
      placed[p].push_back({fault.at, fault.at + fault.lasts, fault, static_cast<int>(i)});
    }
    if (!hit)
      return fail(ErrorCode::configuration,
                  fmt::format("faults[{}] hits no provider of the configuration: compare its "
                              "provider, owner, host, region or same_key_as with the file",
                              i));
  }
  return placed;
}

Condition condition_at(const Windows& windows, Duration when) {
  Condition condition;
  for (const Window& window : windows)
    if (window.from <= when && when < window.until)
      apply(window.fault, when - window.from, condition);
  return condition;
}

std::vector<Duration> turning_points(const Windows& windows) {
  std::vector<Duration> points;
  for (const Window& window : windows) {
    if (window.fault.kind == FaultKind::flapping)
      for (Duration at = window.from; at < window.until; at += Duration(window.fault.period) / 2)
        points.push_back(at);
    points.push_back(window.from);
    points.push_back(window.until);
  }
  std::ranges::sort(points);
  points.erase(std::unique(points.begin(), points.end()), points.end());
  return points;
}

}  // namespace holdfast::simulation

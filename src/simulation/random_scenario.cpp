#include "simulation/random_scenario.h"

#include <array>

#include "base/random.h"

namespace holdfast::simulation {
namespace {
using std::chrono::milliseconds;
constexpr std::array all_kinds = {FaultKind::outage,  FaultKind::unreachable, FaultKind::brown_out,
                                  FaultKind::slow,    FaultKind::stall,       FaultKind::cut,
                                  FaultKind::revoked, FaultKind::quota,       FaultKind::flapping};
constexpr milliseconds history{40'000};

class Draw {
 public:
  explicit Draw(std::uint64_t seed) : random_(seed) {}
  // From `least` to `most`.
  int number(int least, int most) {
    return least + static_cast<int>(random_.below(static_cast<std::uint64_t>(most - least) + 1));
  }
  milliseconds time(int least_ms, int most_ms) { return milliseconds(number(least_ms, most_ms)); }
  bool one_in(int many) { return number(1, many) == 1; }

 private:
  Random random_;
};

void pick_whose(Draw& draw, const std::vector<ProviderFacts>& providers, Fault& fault) {
  const ProviderFacts& one =
      providers[static_cast<std::size_t>(draw.number(0, static_cast<int>(providers.size()) - 1))];
  switch (draw.number(0, 7)) {
    case 0:
      fault.everything = true;
      return;
    case 1:
      fault.owner = one.owner;
      break;
    case 2:
      fault.host = one.host;
      break;
    case 3:
      fault.region = one.region;
      break;
    case 4:
      fault.credential = one.key_group.empty() ? "" : one.name;
      break;
    default:
      break;
  }
  const bool shared = !fault.owner.empty() || !fault.host.empty() || !fault.region.empty() ||
                      !fault.credential.empty();
  if (!shared) fault.provider = one.name;
}
}  // namespace

Scenario random_scenario(const std::vector<ProviderFacts>& providers, std::uint64_t seed) {
  Draw draw(seed);
  Scenario scenario;
  scenario.name = "random";
  scenario.about = "traffic and faults drawn from the seed";
  scenario.lasts = history;
  scenario.traffic.requests_per_second = draw.number(1, 5);
  scenario.traffic.stream_percent = draw.number(0, 100);
  scenario.traffic.leave_percent = draw.one_in(3) ? draw.number(1, 30) : 0;
  scenario.traffic.tokens = draw.number(1, 12);
  scenario.service.first_content = draw.time(10, 800);
  scenario.service.between_tokens = draw.time(0, 60);
  scenario.service.latency = draw.time(0, 80);
  for (int faults = draw.number(0, 4); faults > 0; --faults) {
    Fault fault;
    fault.kind = all_kinds[static_cast<std::size_t>(draw.number(0, all_kinds.size() - 1))];
    pick_whose(draw, providers, fault);
    fault.at = draw.time(0, 25'000);
    fault.lasts = draw.time(50, 15'000);
    fault.share_percent = draw.number(1, 100);
    fault.factor = draw.number(2, 20);
    fault.period = draw.time(200, 8'000);
    fault.retry_after = milliseconds(1'000 * draw.number(1, 10));
    scenario.faults.push_back(fault);
  }
  if (draw.one_in(8)) {
    scenario.disk_full_at = draw.time(0, 20'000);
    scenario.disk_full_lasts = draw.time(100, 10'000);
  }
  return scenario;
}

}  // namespace holdfast::simulation

#include "simulation/invariants.h"

#include <algorithm>
#include <set>

#include "simulation/meter_rules.h"
#include "simulation/pool_rules.h"

namespace holdfast::simulation {
namespace {
using namespace std::chrono_literals;

// The rules on each request for itself.
class RequestCheck {
 public:
  RequestCheck(const Course& course, Broken& broken)
      : course_(course), scenario_(course.scenario), broken_(broken) {}

  void check() {
    check_fates();
    check_arrivals();
    check_copies();
    check_errors();
  }

 private:
  void check_fates() {
    for (std::size_t i = 0; i < course_.history.fates.size(); ++i) {
      const Fate& fate = course_.history.fates[i];
      if (fate.endings != 1) broken_("request {} ended {} times", i, fate.endings);
      if (fate.garbled) broken_("request {}: its text is not one answer, in order", i);
      if (fate.ending == Ending::whole && fate.tokens != fate.asked.pieces)
        broken_("request {}: complete with {} of {} pieces", i, fate.tokens, fate.asked.pieces);
    }
  }

  bool disk_full_about(MonoTime when) const {
    if (scenario_.disk_full_lasts == 0ms) return false;
    const MonoTime from{scenario_.disk_full_at};
    return when >= from && when <= from + scenario_.disk_full_lasts + 2s;
  }

  const std::string& name_of(int provider) const {
    return course_.providers[static_cast<std::size_t>(provider)];
  }

  // Whether a target of `provider` is among those at `positions`.
  bool has(std::uint32_t positions, int provider) const {
    for (std::size_t i = 0; i < course_.target_providers.size(); ++i)
      if ((positions & (1U << i)) != 0 && course_.target_providers[i] == provider) return true;
    return false;
  }

  void check_arrivals() {
    const Duration on_the_way = 4 * scenario_.service.latency + lateness;
    for (const Arrival& one : course_.history.arrivals) {
      const Fate& fate = course_.history.fates[one.request];
      if (!one.on_file && !disk_full_about(one.at))
        broken_("request {} reached {} at {} without being on file", one.request,
                name_of(one.provider), at(one.at));
      if (one.at > fate.sent + course_.deadline + on_the_way)
        broken_("request {} was sent after its deadline, at {}", one.request, at(one.at));
      if (std::ranges::find(course_.target_providers, one.provider) ==
          course_.target_providers.end())
        broken_("request {} reached {}, which is no target", one.request, name_of(one.provider));
      else if (!has(course_.permitted.at(one.request).may, one.provider))
        broken_("request {} reached {}, which its regions or conditions forbid", one.request,
                name_of(one.provider));
    }
  }

  // No copy without a record, none that its regions or its condition forbid, no second one.
  void check_copies() {
    std::set<std::pair<std::uint32_t, int>> seen;
    for (const Arrival& one : course_.history.copies) {
      const std::string& name = name_of(one.provider);
      const auto at_trial = std::ranges::find(course_.trial_providers, one.provider);
      const auto shadow = static_cast<unsigned>(at_trial - course_.trial_providers.begin());
      if (!one.on_file && !disk_full_about(one.at))
        broken_("a copy of request {} reached {} without being on file", one.request, name);
      if ((course_.copies_permitted.at(one.request) & (1U << shadow)) == 0)
        broken_("a copy of request {} reached {}, which its regions or condition forbid",
                one.request, name);
      if (!seen.emplace(one.request, one.provider).second)
        broken_("request {} was copied twice to {}", one.request, name);
    }
  }

  // The first of those that must answer which was well, or is well and was believed to be.
  int well_one(const Fate& fate, std::uint32_t must) const {
    for (std::size_t i = 0; i < course_.target_providers.size(); ++i) {
      if ((must & (1U << i)) == 0) continue;
      const int provider = course_.target_providers[i];
      if (was_well(course_, provider, fate.sent, fate.ended) || known_well(i, fate))
        return provider;
    }
    return -1;
  }

  // No fault while the request was under way, and a closed breaker: no reason not to ask it.
  bool known_well(std::size_t target, const Fate& fate) const {
    const int provider = course_.target_providers[target];
    const Duration settled = 4 * scenario_.service.latency + lateness;
    for (const Window& window : course_.windows[static_cast<std::size_t>(provider)])
      if (MonoTime{window.from} <= fate.ended && fate.sent < MonoTime{window.until} + settled)
        return false;
    auto before = routing::BreakerState::closed;
    for (const BreakerTurn& turn : course_.breakers) {
      if (turn.target != target || turn.at > fate.ended + lateness) continue;
      if (turn.at >= fate.sent - lateness) return false;
      before = turn.state;
    }
    return before == routing::BreakerState::closed;
  }

  void check_errors() {
    for (std::size_t i = 0; i < course_.history.fates.size(); ++i) {
      const Fate& fate = course_.history.fates[i];
      const bool began = fate.tokens > 0;
      // Its time was over: nobody could answer any more.
      const bool late = fate.ended - fate.sent >= course_.deadline;
      // Refused by a limit that the operator has set: no target was asked.
      const bool limited = fate.status == 429 && course_.attempts.at(i) == 0;
      const bool error =
          (fate.ending == Ending::error_status && !limited) ||
          (!began && (fate.ending == Ending::error_event || fate.ending == Ending::cut));
      if (fate.ending == Ending::no_answer)
        broken_("request {}: the connection broke without an answer", i);
      const int well = error && !late ? well_one(fate, course_.permitted.at(i).must) : -1;
      if (well >= 0)
        broken_("request {} of {} got an error ({}, status {}) while {} was well", i, at(fate.sent),
                to_string(fate.ending), fate.status, name_of(well));
      // What has begun may break, but only for a fault of the one that answers.
      if (began && !late && fate.ending != Ending::whole && fate.ending != Ending::left &&
          was_well(course_, fate.provider, fate.sent, fate.ended))
        broken_("request {} of {} broke although {} was well", i, at(fate.sent),
                name_of(fate.provider));
    }
  }

  const Course& course_;
  const Scenario& scenario_;
  Broken& broken_;
};
}  // namespace

bool was_well(const Course& course, int provider, MonoTime from, MonoTime until) {
  for (const Window& window : course.windows[static_cast<std::size_t>(provider)])
    if (MonoTime{window.from} <= until && from < MonoTime{window.until} + recovery_time)
      return false;
  return true;
}

bool all_away(const Course& course, MonoTime from, MonoTime until) {
  return std::ranges::all_of(course.target_providers, [&](int provider) {
    const Windows& windows = course.windows[static_cast<std::size_t>(provider)];
    return std::ranges::any_of(windows, [&](const Window& window) {
      const bool answers_nothing = window.fault.kind == FaultKind::outage ||
                                   window.fault.kind == FaultKind::unreachable ||
                                   window.fault.kind == FaultKind::revoked;
      return answers_nothing && MonoTime{window.from} <= from && until <= MonoTime{window.until};
    });
  });
}

std::vector<std::string> check_invariants(const Course& course) {
  Broken broken;
  RequestCheck(course, broken).check();
  check_retries(course, broken);
  check_returns(course, broken);
  check_meters(course, broken);
  check_memory(course, broken);
  check_left(course, broken);
  return broken.take();
}

}  // namespace holdfast::simulation

#include "simulation/invariants.h"

#include <fmt/format.h>

#include <algorithm>

#include "simulation/upstream.h"

namespace holdfast::simulation {
namespace {
using namespace std::chrono_literals;
// How late the gateway may notice that a deadline has passed.
constexpr Duration lateness = 50ms;

std::string at(MonoTime when) {
  return fmt::format("{:.3f} s", std::chrono::duration<double>(when.time_since_epoch()).count());
}

class Checker {
 public:
  explicit Checker(const Course& course) : course_(course), scenario_(course.scenario) {}

  std::vector<std::string> check() {
    check_fates();
    check_arrivals();
    check_errors();
    for (std::size_t i = 0; i < course_.windows.size(); ++i) check_return(static_cast<int>(i));
    check_meters();
    check_left();
    return std::move(broken_);
  }

 private:
  template <class... Args>
  void broken(fmt::format_string<Args...> format, Args&&... args) {
    if (broken_.size() < broken_rules)
      broken_.push_back(fmt::format(format, std::forward<Args>(args)...));
  }

  void check_fates() {
    for (std::size_t i = 0; i < course_.history.fates.size(); ++i) {
      const Fate& fate = course_.history.fates[i];
      if (fate.endings != 1) broken("request {} ended {} times", i, fate.endings);
      if (fate.garbled) broken("request {}: its text is not one answer, in order", i);
      if (fate.ending == Ending::whole && fate.tokens != scenario_.traffic.tokens)
        broken("request {}: complete with {} of {} tokens", i, fate.tokens,
               scenario_.traffic.tokens);
    }
  }

  bool disk_full_about(MonoTime when) const {
    if (scenario_.disk_full_lasts == 0ms) return false;
    const MonoTime from{scenario_.disk_full_at};
    return when >= from && when <= from + scenario_.disk_full_lasts + 2s;
  }

  void check_arrivals() {
    const Duration on_the_way = 4 * scenario_.service.latency + lateness;
    for (const Arrival& one : course_.history.arrivals) {
      const Fate& fate = course_.history.fates[one.request];
      if (!one.on_file && !disk_full_about(one.at))
        broken("request {} reached {} at {} without being on file", one.request,
               course_.providers[static_cast<std::size_t>(one.provider)], at(one.at));
      if (one.at > fate.sent + course_.deadline + on_the_way)
        broken("request {} was sent after its deadline, at {}", one.request, at(one.at));
      if (std::ranges::find(course_.target_providers, one.provider) ==
          course_.target_providers.end())
        broken("request {} reached {}, which is no target", one.request,
               course_.providers[static_cast<std::size_t>(one.provider)]);
    }
  }

  void check_errors() {
    for (std::size_t i = 0; i < course_.history.fates.size(); ++i) {
      const Fate& fate = course_.history.fates[i];
      if (fate.ending == Ending::no_answer)
        broken("request {}: the connection broke without an answer", i);
      const bool began = fate.tokens > 0;
      // Refused by a limit that the operator has set: no target was asked.
      const bool limited = fate.status == 429 && course_.attempts.at(i) == 0;
      const bool error =
          (fate.ending == Ending::error_status && !limited) ||
          (!began && (fate.ending == Ending::error_event || fate.ending == Ending::cut));
      if (error)
        for (const int provider : course_.target_providers)
          if (was_well(course_, provider, fate.sent, fate.ended))
            broken("request {} of {} got an error ({}, status {}) while {} was well", i,
                   at(fate.sent), to_string(fate.ending), fate.status,
                   course_.providers[static_cast<std::size_t>(provider)]);
      // What has begun may break, but only for a fault of the one that answers.
      if (began && fate.ending != Ending::whole && fate.ending != Ending::left &&
          was_well(course_, fate.provider, fate.sent, fate.ended))
        broken("request {} of {} broke although {} was well", i, at(fate.sent),
               course_.providers[static_cast<std::size_t>(fate.provider)]);
    }
  }

  routing::BreakerState breaker(int provider, MonoTime when) const {
    auto state = routing::BreakerState::closed;
    for (const BreakerTurn& turn : course_.breakers)
      if (turn.at <= when && course_.target_providers[turn.target] == provider) state = turn.state;
    return state;
  }

  bool another_was_well(int provider) const {
    const MonoTime end{Duration(scenario_.lasts)};
    return std::ranges::any_of(course_.target_providers, [&](int other) {
      return other != provider && was_well(course_, other, MonoTime{}, end);
    });
  }

  // The first in order, which was out when it came back: it is asked again in time, and by one
  // request at a time until one has succeeded.
  void check_return(int provider) {
    const Windows& windows = course_.windows[static_cast<std::size_t>(provider)];
    if (windows.empty() || !course_.in_order || course_.target_providers.front() != provider)
      return;
    Duration last{};
    for (const Window& window : windows) last = std::max(last, window.until);
    const MonoTime back{last};
    const MonoTime end{Duration(scenario_.lasts)};
    const auto& name = course_.providers[static_cast<std::size_t>(provider)];
    std::vector<const Arrival*> since;  // until the first that succeeds
    for (const Arrival& one : course_.history.arrivals) {
      if (one.provider != provider || one.at < back + scenario_.service.latency) continue;
      since.push_back(&one);
      if (one.answered && one.status == 200) break;
    }
    const bool returned = !since.empty() && since.back()->answered;
    if (!returned && end - back > recovery_time)
      broken("{} was back at {} and got no answer through until {}", name, at(back), at(end));
    const auto state = breaker(provider, back);
    const bool was_out =
        state == routing::BreakerState::open || state == routing::BreakerState::half_open;
    if (!was_out || !another_was_well(provider)) return;
    for (std::size_t i = 1; i < since.size(); ++i)
      if (since[i - 1]->ended > since[i]->at && since[i]->at < since.back()->ended)
        broken("{} came back at {} and was asked by several at once, at {}", name, at(back),
               at(since[i]->at));
  }

  void check_meters() {
    const Meters& meters = course_.meters;
    const bool disk_well = scenario_.disk_full_lasts == 0ms;
    if (meters.journal_damaged) broken("the journal holds something that is no record");
    if (disk_well && meters.records_lost > 0) broken("{} records were lost", meters.records_lost);
    if (meters.records_lost == 0 && meters.attempts_counted != meters.attempts_recorded)
      broken("{} attempts are counted and {} recorded", meters.attempts_counted,
             meters.attempts_recorded);
    if (meters.records_lost == 0 && meters.attempts_ended != meters.attempts_recorded)
      broken("{} attempts are recorded and {} ended", meters.attempts_recorded,
             meters.attempts_ended);
    if (meters.records_lost == 0 && meters.tokens_out_counted != meters.tokens_out_recorded)
      broken("{} tokens are counted and {} recorded", meters.tokens_out_counted,
             meters.tokens_out_recorded);
    std::uint64_t told = 0, left = 0;
    for (const Arrival& one : course_.history.arrivals)
      if (one.tokens_told > 0)
        told += static_cast<std::uint64_t>(one.tokens_told);
      else if (one.status == 200)
        ++told;  // Anthropic's streams begin with a first count
    for (const Fate& fate : course_.history.fates)
      if (fate.ending == Ending::left) ++left;
    const std::uint64_t requests = course_.history.fates.size();
    if (meters.tokens_out_counted > told)
      broken("{} tokens are counted and {} were told", meters.tokens_out_counted, told);
    const bool nothing_broke = left == 0 && course_.scenario.faults.empty();
    if (nothing_broke && meters.tokens_out_counted != told)
      broken("{} tokens are counted and {} were told", meters.tokens_out_counted, told);
    if (course_.history.arrivals.size() > meters.attempts_counted)
      broken("{} attempts are counted and {} requests arrived", meters.attempts_counted,
             course_.history.arrivals.size());
    if (nothing_broke && course_.history.arrivals.size() != meters.attempts_counted)
      broken("{} attempts are counted and {} requests arrived", meters.attempts_counted,
             course_.history.arrivals.size());
    if (meters.requests_counted > requests || meters.requests_counted + left < requests)
      broken("{} requests are counted; {} were sent, {} of them given up", meters.requests_counted,
             requests, left);
  }

  void check_left() {
    const Left& left = course_.left;
    if (left.anything())
      broken(
          "left at the end: {} requests, {} streams, {} attempts, {} client connections, {} "
          "upstream "
          "connections, timers: {}, exceptions: {}",
          left.requests, left.streams, left.attempts, left.client_connections,
          left.upstream_connections, left.timers, left.bugs);
  }

  const Course& course_;
  const Scenario& scenario_;
  std::vector<std::string> broken_;
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

std::vector<std::string> check_invariants(const Course& course) { return Checker(course).check(); }

}  // namespace holdfast::simulation

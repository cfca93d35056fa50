#include "simulation/pool_rules.h"

#include <algorithm>
#include <cmath>

#include "routing/retry_budget.h"

namespace holdfast::simulation {
namespace {
using namespace std::chrono_literals;
using routing::BreakerState;
using routing::RetryBudget;
constexpr Duration breaker_first = 1s;     // how long a breaker is open at first ...
constexpr Duration breaker_longest = 60s;  // ... and at most
constexpr double first_share = 0.1;        // of the requests, for what has just come back
constexpr Duration decision_time = 50ms;   // between a request's sending and its decision
constexpr Duration service_time = 5s;      // more than virtual answers take while all is well

struct Turn {
  MonoTime at{};
  BreakerState state = BreakerState::closed;
};

bool answers_nothing(FaultKind kind) {
  switch (kind) {
    case FaultKind::outage:
    case FaultKind::unreachable:
    case FaultKind::revoked:
      return true;
    case FaultKind::brown_out:
    case FaultKind::slow:
    case FaultKind::stall:
    case FaultKind::cut:
    case FaultKind::quota:
    case FaultKind::flapping:
      return false;
  }
  return false;
}

class Pool {
 public:
  explicit Pool(const Course& course) : course_(course), turns_(course.targets.size()) {
    for (const BreakerTurn& turn : course.breakers)
      turns_[turn.target].push_back({turn.at, turn.state});
  }

  const std::vector<Turn>& turns(std::size_t target) const { return turns_[target]; }
  const Windows& windows(std::size_t target) const {
    return course_.windows[static_cast<std::size_t>(course_.target_providers[target])];
  }

  BreakerState state(std::size_t target, MonoTime when) const {
    BreakerState state = BreakerState::closed;
    for (const Turn& turn : turns_[target])
      if (turn.at <= when) state = turn.state;
    return state;
  }

  // Whether it was believed to be out, all of the time.
  bool out(std::size_t target, MonoTime from, MonoTime until) const {
    if (state(target, from) == BreakerState::closed) return false;
    return std::ranges::none_of(turns_[target], [&](const Turn& turn) {
      return turn.state == BreakerState::closed && turn.at >= from && turn.at <= until;
    });
  }

  bool away(std::size_t target, MonoTime from, MonoTime until) const {
    return std::ranges::any_of(windows(target), [&](const Window& window) {
      return answers_nothing(window.fault.kind) && MonoTime{window.from} <= from &&
             until <= MonoTime{window.until};
    });
  }

  // Whether nothing was ever wrong with it, nor believed to be.
  bool always_well(std::size_t target) const {
    return windows(target).empty() && turns_[target].empty();
  }

  // Whether its provider's arrivals are its own.
  bool alone(std::size_t target) const {
    return std::ranges::count(course_.target_providers, course_.target_providers[target]) == 1;
  }

 private:
  const Course& course_;
  std::vector<std::vector<Turn>> turns_;  // by target
};

// A stretch in which a target returned: its share grew from `from` on.
struct Return {
  MonoTime from{}, until{};
  Duration grows{};
};

std::vector<Return> returns_of(const Pool& pool, std::size_t target, Duration slow_start,
                               MonoTime end) {
  std::vector<Return> out;
  MonoTime opened{};
  BreakerState before = BreakerState::closed;
  for (const Turn& turn : pool.turns(target)) {
    const bool was_open = before == BreakerState::open || before == BreakerState::half_open;
    if (!was_open && turn.state == BreakerState::open) opened = turn.at;
    if (!out.empty() && out.back().until == end) out.back().until = turn.at;
    if (was_open && turn.state == BreakerState::closed)
      out.push_back({turn.at, end, std::min(slow_start, turn.at - opened)});
    before = turn.state;
  }
  for (Return& one : out) one.until = std::min(one.until, one.from + one.grows);
  return out;
}

class ReturnCheck {
 public:
  ReturnCheck(const Course& course, Broken& broken)
      : course_(course), pool_(course), broken_(broken), end_{Duration(course.scenario.lasts)} {}

  void check() {
    check_time();
    for (std::size_t target = 0; target < course_.targets.size(); ++target) {
      if (!pool_.alone(target) || !another_is_well(target)) continue;
      check_probes(target);
      for (const Return& one : returns_of(pool_, target, course_.slow_starts[target], end_))
        check_share(target, one);
    }
  }

 private:
  const std::string& name_of(std::size_t target) const {
    return course_.providers[static_cast<std::size_t>(course_.target_providers[target])];
  }

  // For each request, somebody else could answer all of the time.
  bool another_is_well(std::size_t target) const {
    std::uint32_t well = 0;
    for (std::size_t i = 0; i < course_.targets.size(); ++i)
      if (i != target && pool_.always_well(i)) well |= 1U << i;
    return std::ranges::all_of(course_.permitted,
                               [well](const Permitted& one) { return (one.must & well) != 0; });
  }

  MonoTime back(std::size_t target) const {
    Duration last{};
    for (const Window& window : pool_.windows(target)) last = std::max(last, window.until);
    return MonoTime{last};
  }

  static bool succeeded(const Arrival& one) { return one.answered && one.status == 200; }

  // Arrivals at the target from its return until one has succeeded, and that one, if any has: it
  // may have been on its way when the target came back.
  struct Since {
    std::vector<const Arrival*> arrivals;
    const Arrival* success = nullptr;
  };
  Since since_return(std::size_t target) const {
    Since since;
    const MonoTime from = back(target);
    for (const Arrival& one : course_.history.arrivals) {
      if (one.provider != course_.target_providers[target]) continue;
      if (one.at >= from + course_.scenario.service.latency) since.arrivals.push_back(&one);
      const bool succeeded = one.answered && one.status == 200 && one.ended >= from;
      if (succeeded && (since.success == nullptr || one.ended < since.success->ended))
        since.success = &one;
    }
    if (since.success != nullptr)
      std::erase_if(since.arrivals,
                    [&](const Arrival* one) { return one->at >= since.success->ended; });
    return since;
  }

  // How long the first in order may stay without traffic: the breaker's time is at most what it has
  // been out for and a second where connections fail; other faults open it for longer.
  Duration time_to_return() const {
    const Windows& windows = pool_.windows(0);
    const bool only_connections = std::ranges::all_of(windows, [](const Window& window) {
      return window.fault.kind == FaultKind::outage || window.fault.kind == FaultKind::unreachable;
    });
    if (!only_connections) return recovery_time;
    Duration first = course_.scenario.lasts;
    for (const Window& window : windows) first = std::min(first, window.from);
    const Duration out_for = back(0).time_since_epoch() - first;
    constexpr int requests = 15;  // of random arrivals, one comes in the time of these
    const Duration next =
        std::chrono::seconds(requests) / course_.scenario.traffic.requests_per_second;
    return std::min(breaker_longest, out_for + breaker_first) + next + service_time;
  }

  void check_time() {
    const bool asked = std::ranges::all_of(
        course_.permitted, [](const Permitted& one) { return (one.must & 1U) != 0; });
    // What is on record may come too seldom to say anything.
    if (course_.scenario.script || !course_.in_order || !asked || !pool_.alone(0) ||
        pool_.windows(0).empty())
      return;
    const Arrival* success = since_return(0).success;
    const MonoTime due = back(0) + time_to_return();
    const MonoTime told = success != nullptr ? success->ended : end_;
    if (told > due)
      broken_("{} was back at {} and got no answer through until {}", name_of(0), at(back(0)),
              at(told));
  }

  // When the gateway was done with it: before the provider, where the client has left.
  MonoTime over(const Arrival& one) const {
    const Fate& fate = course_.history.fates[one.request];
    return fate.ending == Ending::left ? std::min(one.ended, fate.ended) : one.ended;
  }

  // One request at a time until one has succeeded.
  void check_probes(std::size_t target) {
    if (pool_.windows(target).empty()) return;
    const BreakerState state = pool_.state(target, back(target));
    if (state != BreakerState::open && state != BreakerState::half_open) return;
    const auto since = since_return(target).arrivals;
    for (std::size_t i = 1; i < since.size(); ++i)
      if (over(*since[i - 1]) > since[i]->at)
        broken_("{} came back at {} and was asked by several at once, at {}", name_of(target),
                at(back(target)), at(since[i]->at));
  }

  // No more than its share while that grows: each attempt adds the share of its time.
  void check_share(std::size_t target, const Return& one) {
    const double grows = in_seconds(one.grows);
    double due = 2;  // the first is let in, and one begins before it is full
    std::size_t came = 0;
    for (std::size_t i = 0; i < course_.history.fates.size(); ++i) {
      const MonoTime sent = course_.history.fates[i].sent;
      if (sent < one.from - decision_time || sent >= one.until) continue;
      const double age = in_seconds(sent + decision_time - one.from);
      const double share = grows > 0 ? std::clamp(age / grows, first_share, 1.0) : 1.0;
      due += share * std::max<double>(1, course_.attempts[i]);
    }
    for (const Arrival& arrival : course_.history.arrivals)
      if (arrival.provider == course_.target_providers[target] && arrival.at >= one.from &&
          arrival.at < one.until && course_.history.fates[arrival.request].sent >= one.from)
        ++came;
    if (static_cast<double>(came) > due)
      broken_("{} returned at {} and got {} requests until {}, more than its share of {:.1f}",
              name_of(target), at(one.from), came, at(one.until), due);
  }

  const Course& course_;
  Pool pool_;
  Broken& broken_;
  MonoTime end_;
};
}  // namespace

Hopeless hopeless_requests(const Course& course) {
  const Pool pool(course);
  Hopeless out;
  for (std::size_t i = 0; i < course.history.fates.size(); ++i) {
    const Fate& fate = course.history.fates[i];
    bool hopeless = course.permitted[i].may != 0;
    for (std::size_t target = 0; target < course.targets.size() && hopeless; ++target)
      if ((course.permitted[i].may & (1U << target)) != 0)
        hopeless =
            pool.away(target, fate.sent, fate.ended) && pool.out(target, fate.sent, fate.ended);
    if (!hopeless) continue;
    ++out.requests;
    out.attempts += course.attempts[i];
    out.last = fate.sent;
  }
  return out;
}

void check_retries(const Course& course, Broken& broken) {
  const Hopeless hopeless = hopeless_requests(course);
  if (hopeless.attempts <= hopeless.requests) return;
  const auto before = static_cast<double>(std::ranges::count_if(
      course.history.fates, [&](const Fate& fate) { return fate.sent <= hopeless.last; }));
  const double seconds = in_seconds(hopeless.last.time_since_epoch());
  // What an open breaker lets through as a probe is no retry; it doubles its time with each.
  const double probes = static_cast<double>(course.targets.size()) *
                        (2 + std::log2(1 + seconds) + seconds / in_seconds(breaker_longest));
  const double token = RetryBudget::token;
  const double due = RetryBudget::burst / token + before * RetryBudget::share / token + 1 +
                     seconds / in_seconds(RetryBudget::floor_interval) + probes;
  const std::uint64_t more = hopeless.attempts - hopeless.requests;
  if (static_cast<double>(more) > due)
    broken(
        "{} requests of which all targets were away, and known to be, made {} attempts more than "
        "one each; {:.1f} are allowed",
        hopeless.requests, more, due);
}

void check_returns(const Course& course, Broken& broken) { ReturnCheck(course, broken).check(); }

}  // namespace holdfast::simulation

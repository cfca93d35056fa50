#include "control/alert/watch.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "config/values.h"

namespace holdfast::control::alert {
namespace {

constexpr double nano = 1e-9;

bool same(const Scope& a, const Scope& b) {
  return a.provider == b.provider && a.model == b.model && a.service == b.service;
}

// Whether what was counted for one says something about the other.
bool same_series(const Rule& a, const Rule& b) {
  return a.name == b.name && a.kind == b.kind && same(a.scope, b.scope) &&
         a.slower_than == b.slower_than;
}

// Puts value and threshold into `alert`; returns whether it is true now.
bool judge(const Series& series, Alert& alert) {
  const Rule& rule = *alert.rule;
  switch (rule.kind) {
    case Kind::burn_rate: {
      const auto windows = burn_windows(rule.period);
      HF_CHECK(windows.has_value());  // the settings' reader allows no other
      const auto& pair = *std::ranges::find(*windows, alert.windows, &BurnWindows::name);
      const Series::Change brief = series.change(pair.short_window);
      const Series::Change lasting = series.change(pair.long_window);
      alert.threshold = threshold(pair, rule.objective);
      alert.value = std::min(brief.bad_share(), lasting.bad_share());
      return brief.events >= static_cast<std::uint64_t>(rule.at_least) &&
             burns(pair, rule.objective, brief.bad_share(), lasting.bad_share());
    }
    case Kind::error_rate:
    case Kind::latency: {
      const Series::Change change = series.change(rule.over);
      alert.threshold = rule.above;
      alert.value = change.bad_share();
      return change.events >= static_cast<std::uint64_t>(rule.at_least) &&
             alert.value > alert.threshold;
    }
    case Kind::spend: {
      const Series::Change change = series.change(rule.over);
      alert.threshold = static_cast<double>(rule.above_nano_usd) * nano;
      alert.value = static_cast<double>(change.nano_usd) * nano;
      return change.nano_usd > rule.above_nano_usd;
    }
    case Kind::spend_spike: {
      const Series::Change now = series.change(rule.over);
      const Series::Change all = series.change(rule.baseline);
      const std::uint64_t before = all.nano_usd - std::min(all.nano_usd, now.nano_usd);
      const auto before_time = static_cast<double>((all.over - now.over).count());
      alert.threshold = rule.times;
      // Too little of the past is at hand to say what is usual.
      if (before == 0 || before_time < static_cast<double>(Duration(rule.over).count())) {
        alert.value = 0;
        return false;
      }
      const double usual =
          static_cast<double>(before) * static_cast<double>(now.over.count()) / before_time;
      alert.value = static_cast<double>(now.nano_usd) / usual;
      return alert.value > rule.times && now.nano_usd > rule.above_nano_usd;
    }
  }
  return false;
}

std::string percent(double share) { return fmt::format("{:.4g} %", 100 * share); }

}  // namespace

std::vector<Watch::State> Watch::states_of(const Rule& rule) {
  std::vector<State> out;
  if (rule.kind != Kind::burn_rate) {
    out.push_back({{&rule, "", rule.severity}, {}});
    return out;
  }
  const auto windows = burn_windows(rule.period);
  HF_CHECK(windows.has_value());
  for (const BurnWindows& pair : *windows) out.push_back({{&rule, pair.name, pair.severity}, {}});
  return out;
}

void Watch::use(std::vector<Rule> rules) {
  std::vector<std::unique_ptr<Watched>> next;
  for (Rule& rule : rules) {
    const auto old = std::ranges::find_if(
        watched_, [&](const auto& one) { return one != nullptr && same_series(one->rule, rule); });
    auto watched = old == watched_.end() ? std::make_unique<Watched>() : std::move(*old);
    const std::vector<State> before = std::move(watched->states);
    watched->rule = std::move(rule);
    watched->states = states_of(watched->rule);
    for (State& state : watched->states) {
      const auto known = std::ranges::find_if(
          before, [&](const State& one) { return one.alert.windows == state.alert.windows; });
      if (known == before.end()) continue;
      state.last_true = known->last_true;
      state.alert.firing = known->alert.firing;
      state.alert.since_us = known->alert.since_us;
    }
    next.push_back(std::move(watched));
  }
  watched_ = std::move(next);
}

std::vector<Change> Watch::look(MonoTime now, std::int64_t wall_us, const ReadTotals& read) {
  std::vector<Change> changes;
  for (const auto& watched : watched_) {
    watched->series.note(now, read(watched->rule));
    for (State& state : watched->states) {
      const bool holds = judge(watched->series, state.alert);
      if (holds) state.last_true = now;
      const bool fires = holds || (state.alert.firing && now - state.last_true < calm);
      if (fires == state.alert.firing) continue;
      state.alert.firing = fires;
      if (fires) state.alert.since_us = wall_us;
      changes.push_back({state.alert, wall_us});
    }
  }
  return changes;
}

std::vector<Alert> Watch::alerts() const {
  std::vector<Alert> out;
  for (const auto& watched : watched_)
    for (const State& state : watched->states) out.push_back(state.alert);
  return out;
}

std::string scope_of(const Scope& scope) {
  if (!scope.provider.empty()) return "attempts at " + scope.provider;
  std::string out = "requests";
  if (!scope.model.empty()) out += " for " + scope.model;
  if (!scope.service.empty()) out += " of " + scope.service;
  return out;
}

std::string summary_of(const Alert& alert) {
  const Rule& rule = *alert.rule;
  const std::string scope = scope_of(rule.scope);
  const std::string over = config::format_duration(rule.over);
  switch (rule.kind) {
    case Kind::burn_rate:
      return fmt::format("{} of {} fail ({}, limit {}): the budget of {} % over {} days is burning",
                         percent(alert.value), scope, alert.windows, percent(alert.threshold),
                         fmt::format("{:.6g}", 100 * rule.objective), rule.period.count());
    case Kind::error_rate:
      return fmt::format("{} of {} failed in {} (limit {})", percent(alert.value), scope, over,
                         percent(alert.threshold));
    case Kind::latency:
      return fmt::format("{} of {} were slower than {} in {} (limit {})", percent(alert.value),
                         scope, config::format_duration(rule.slower_than), over,
                         percent(alert.threshold));
    case Kind::spend:
      return fmt::format("{} cost {:.2f} USD in {} (limit {:.2f})", scope, alert.value, over,
                         alert.threshold);
    case Kind::spend_spike:
      return fmt::format("{} cost {:.1f} times the usual in {} (limit {:.1f})", scope, alert.value,
                         over, alert.threshold);
  }
  return {};
}

}  // namespace holdfast::control::alert

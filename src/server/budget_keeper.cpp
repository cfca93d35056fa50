#include "server/budget_keeper.h"

#include <sys/prctl.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/log.h"
#include "records/price.h"

namespace holdfast::server {
namespace {
using namespace std::chrono_literals;
namespace json = boost::json;
constexpr auto longest_pause = 100ms;
constexpr auto pause_after_error = 1s;
constexpr std::int64_t ahead_us = 3'600'000'000;  // a period is prepared this long before it begins
constexpr std::int64_t slices_per_budget = 20;  // what a loss of power may cost of it: one of them
constexpr std::int64_t day_us = 86'400'000'000;
constexpr double nano = 1e-9;

std::int64_t slice_of(const routing::Budget& budget) {
  return std::max<std::int64_t>(budget.amount.value / slices_per_budget, 1);
}

bool same_but_for_amounts(const routing::Budget& a, const routing::Budget& b) {
  return a.name == b.name && a.scope == b.scope && a.period == b.period && a.hard == b.hard;
}
}  // namespace

BudgetKeeper::BudgetKeeper(std::vector<routing::Budget> budgets, Parts parts)
    : parts_(std::move(parts)),
      budgets_(std::move(budgets)),
      told_(budgets_.size()),
      forced_told_(budgets_.size()) {}

BudgetKeeper::~BudgetKeeper() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

Result<void> BudgetKeeper::pass() {
  Result<void> outcome;
  const auto note = [&outcome](Result<void> done) {
    if (!done && outcome) outcome = std::move(done);
  };
  const std::int64_t now = parts_.clock.wall_us();
  const std::vector<routing::Budget> all = budgets();
  for (const routing::Budget& budget : all) {
    const routing::PeriodSpan current = routing::period_at(budget.period, now);
    for (const auto& span : {current, routing::period_at(budget.period, now + ahead_us)}) {
      note(begin_period(budget, span));
      parts_.table.cell(budget.index, span.number).set_cap(budget.amount.value);
      note(lease(budget, span));
    }
    note(tell(budget, current));
  }
  const std::scoped_lock lock(mutex_);
  if (!outcome && problem_.empty()) log::error("budgets: {}", outcome.error().detail);
  problem_ = outcome ? std::string() : outcome.error().detail;
  return outcome;
}

// What the records say is spent counts. They may lack what was under way when the machine lost its
// power; then all that was leased counts as spent.
Result<void> BudgetKeeper::begin_period(const routing::Budget& budget,
                                        const routing::PeriodSpan& span) {
  routing::BudgetCell& cell = parts_.table.cell(budget.index, span.number);
  if (cell.view().number == span.number) return {};
  auto spent = parts_.charged(budget.scope, span.from_day, span.until_day);
  if (!spent) return std::unexpected(std::move(spent).error());
  auto slice = parts_.store.find(budget.name, span.from_day);
  if (!slice) return std::unexpected(std::move(slice).error());
  std::int64_t used = spent->value;
  if (*slice && (*slice)->boot != parts_.boot) used = std::max(used, (*slice)->leased.value);
  {
    const std::scoped_lock lock(mutex_);
    Told& told = told_[budget.index];
    const bool has_begun = span.from_day <= records::day_of(parts_.clock.wall_us());
    if (has_begun && told.from_day < span.from_day && *slice) {
      told.from_day = span.from_day;
      told.percent = (*slice)->notified;
      told.crossed.clear();
    }
  }
  cell.prepare(span.number, budget.amount.value, used);
  return {};
}

Result<void> BudgetKeeper::lease(const routing::Budget& budget, const routing::PeriodSpan& span) {
  if (!budget.hard) return {};
  routing::BudgetCell& cell = parts_.table.cell(budget.index, span.number);
  const std::int64_t wanted = cell.take_wanted();
  const auto view = cell.view();
  if (view.number != span.number || view.leased >= budget.amount.value) return {};
  const std::int64_t slice = slice_of(budget);
  if (wanted == 0 && view.leased - view.used > slice / 2) return {};
  const std::int64_t room = budget.amount.value - view.leased;
  const std::int64_t more = room - wanted <= slice ? room : wanted + slice;
  int notified = 0;
  {
    const std::scoped_lock lock(mutex_);
    if (told_[budget.index].from_day == span.from_day) notified = told_[budget.index].percent;
  }
  auto saved = save(budget, span, view.leased + more, notified);
  if (!saved) return saved;
  cell.lease(view.leased + more);  // only now: it is on file
  return {};
}

Result<void> BudgetKeeper::tell(const routing::Budget& budget, const routing::PeriodSpan& span) {
  const routing::BudgetCell& cell = parts_.table.cell(budget.index, span.number);
  const int percent = cell.percent(span.number);
  tell_forced(budget);
  int reached = 0;
  for (const int threshold : budget.notify_at)
    if (percent >= threshold) reached = threshold;
  {
    const std::scoped_lock lock(mutex_);
    Told& told = told_[budget.index];
    if (told.from_day != span.from_day)
      told = {.from_day = span.from_day, .percent = 0, .crossed = {}};
    if (reached <= told.percent) return {};
    for (const int threshold : budget.notify_at)
      if (threshold > told.percent && threshold <= reached)
        told.crossed.emplace_back(threshold, parts_.clock.wall_us());
    told.percent = reached;
  }
  const auto level = reached >= 100 ? log::Level::error : log::Level::warning;
  log::write(
      level,
      fmt::format("budget {}: {} % of {} USD are used, the {} ends before {}{}", budget.name,
                  percent, format_usd(budget.amount), routing::to_string(budget.period),
                  records::format_date(span.until_day * day_us),
                  reached >= 100 && budget.hard ? "; what it counts is refused until then" : ""));
  return save(budget, span, cell.view().leased, reached);
}

// Somebody is to be woken: critical services spend what is not there.
void BudgetKeeper::tell_forced(const routing::Budget& budget) {
  const std::uint64_t forced = parts_.table.forced(budget.index);
  const std::scoped_lock lock(mutex_);
  std::uint64_t& told = forced_told_[budget.index];
  if (told == 0 && forced > 0)
    log::error("budget {}: used up, and critical_revenue goes on: raise it, or stop who spends it",
               budget.name);
  told = forced;
}

Result<void> BudgetKeeper::save(const routing::Budget& budget, const routing::PeriodSpan& span,
                                std::int64_t leased, int notified) {
  return parts_.store.save(budget.name, span.from_day, {{leased}, parts_.boot, notified});
}

void BudgetKeeper::start() {
  thread_ = std::thread([this] { run(); });
}

void BudgetKeeper::run() {
  ::prctl(PR_SET_NAME, "budgets");
  while (!stopping_) {
    const auto done = pass();
    parts_.table.await_demand(longest_pause);
    if (!done && !stopping_) std::this_thread::sleep_for(pause_after_error);
  }
}

void BudgetKeeper::stop() {
  stopping_ = true;
  parts_.table.ask_for_slices();
  if (thread_.joinable()) thread_.join();
  const std::int64_t now = parts_.clock.wall_us();
  for (const routing::Budget& budget : budgets()) {
    const routing::PeriodSpan span = routing::period_at(budget.period, now);
    const auto view = parts_.table.cell(budget.index, span.number).view();
    if (view.number != span.number) continue;
    const auto saved = save(budget, span, view.used, told_[budget.index].percent);
    if (!saved) log::error("budgets: {}", saved.error().detail);
  }
}

bool BudgetKeeper::use(const std::vector<routing::Budget>& budgets) {
  const std::scoped_lock lock(mutex_);
  bool same = budgets.size() == budgets_.size();
  for (routing::Budget& known : budgets_) {
    const auto found = std::ranges::find(budgets, known.name, &routing::Budget::name);
    if (found == budgets.end() || !same_but_for_amounts(*found, known)) {
      same = false;
      continue;
    }
    const std::uint16_t index = known.index;
    known = *found;
    known.index = index;
  }
  return same;
}

std::vector<routing::Budget> BudgetKeeper::budgets() const {
  const std::scoped_lock lock(mutex_);
  return budgets_;
}

std::string BudgetKeeper::problem() const {
  const std::scoped_lock lock(mutex_);
  return problem_;
}

json::value BudgetKeeper::to_json() const {
  const auto or_null = [](const std::string& text) {
    return text.empty() ? json::value() : json::value(text);
  };
  const std::scoped_lock lock(mutex_);
  json::array out;
  for (const routing::Budget& budget : budgets_) {
    const auto span = routing::period_at(budget.period, parts_.clock.wall_us());
    const auto view = parts_.table.cell(budget.index, span.number).view();
    const bool there = view.number == span.number;
    json::array crossed;
    const Told& told = told_[budget.index];
    if (told.from_day == span.from_day)
      for (const auto& [percent, at_us] : told.crossed)
        crossed.push_back(json::object{{"percent", percent}, {"at_us", at_us}});
    out.push_back(json::object{
        {"name", budget.name},
        {"scope",
         {{"key", or_null(budget.scope.key)},
          {"team", or_null(budget.scope.team)},
          {"service", or_null(budget.scope.service)},
          {"model", or_null(budget.scope.logical_model)},
          {"provider", or_null(budget.scope.provider)}}},
        {"period", routing::to_string(budget.period)},
        {"from", records::format_date(span.from_day * day_us)},
        {"until", records::format_date(span.until_day * day_us)},
        {"hard", budget.hard},
        {"amount_nano_usd", budget.amount.value},
        {"used_nano_usd", there ? json::value(view.used) : json::value()},
        {"leased_nano_usd", there && budget.hard ? json::value(view.leased) : json::value()},
        {"degrade_to", or_null(budget.degrade_to)},
        {"refused", parts_.table.refused(budget.index)},
        {"forced", parts_.table.forced(budget.index)},
        {"crossed", std::move(crossed)}});
  }
  return json::object{{"data", std::move(out)}};
}

void BudgetKeeper::provide(observe::Registry& registry) const {
  const auto each = [this, &registry](observe::Metric metric,
                                      std::function<double(const routing::Budget&)> read) {
    registry.provide(metric, [this, read = std::move(read)] {
      std::vector<observe::Sample> samples;
      for (const routing::Budget& budget : budgets())
        samples.push_back({{budget.name}, read(budget)});
      return samples;
    });
  };
  each(observe::Metric::budget_amount, [](const routing::Budget& budget) {
    return static_cast<double>(budget.amount.value) * nano;
  });
  each(observe::Metric::budget_used, [this](const routing::Budget& budget) {
    const auto span = routing::period_at(budget.period, parts_.clock.wall_us());
    const auto view = parts_.table.cell(budget.index, span.number).view();
    return view.number == span.number ? static_cast<double>(view.used) * nano : 0.0;
  });
  each(observe::Metric::budget_refused, [this](const routing::Budget& budget) {
    return static_cast<double>(parts_.table.refused(budget.index));
  });
  each(observe::Metric::budget_forced, [this](const routing::Budget& budget) {
    return static_cast<double>(parts_.table.forced(budget.index));
  });
  each(observe::Metric::budget_threshold, [this](const routing::Budget& budget) {
    const auto span = routing::period_at(budget.period, parts_.clock.wall_us());
    const std::scoped_lock lock(mutex_);
    const Told& told = told_[budget.index];
    return told.from_day == span.from_day ? static_cast<double>(told.percent) : 0.0;
  });
}

}  // namespace holdfast::server

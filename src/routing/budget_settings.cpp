#include "routing/budget_settings.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/section.h"
#include "config/values.h"

namespace holdfast::routing {
namespace {
using config::Section;

constexpr int nano_per_usd_digits = 9;
constexpr int most_percent = 1'000;
constexpr std::array<config::Choice<BudgetPeriod>, 3> periods = {
    {{"day", BudgetPeriod::day}, {"week", BudgetPeriod::week}, {"month", BudgetPeriod::month}}};

// What a scope may name.
struct Names {
  std::vector<std::string_view> keys, teams, services, models, providers;
};

void add_once(std::vector<std::string_view>& to, std::string_view name) {
  if (!name.empty() && std::ranges::find(to, name) == to.end()) to.push_back(name);
}

void read_name(Section& section, std::string_view field, std::string& into,
               const std::vector<std::string_view>& names, std::string_view about) {
  if (!section.word(field, into, about)) return;
  if (std::ranges::find(names, into) == names.end())
    section.unknown_name(field, into, "names nobody", names);
}

void read_scope(Section& section, const Names& names, records::SpendingScope& scope) {
  read_name(section, "key", scope.key, names.keys, "only what this key asks for counts");
  read_name(section, "team", scope.team, names.teams, "only what keys of this team ask for counts");
  read_name(section, "service", scope.service, names.services,
            "only what keys of this service ask for counts");
  read_name(section, "model", scope.logical_model, names.models, "only this logical model counts");
  read_name(section, "provider", scope.provider, names.providers, "only this provider counts");
}

void read_amount(Section& section, NanoUsd& into) {
  std::string text;
  const bool given = section.word("amount", text, "USD, as in 250 or 0.50");
  section.require("amount", "USD in each period, as in 250");
  if (!given) return;
  const auto amount = parse_decimal(text, nano_per_usd_digits);
  if (amount)
    into = {*amount};
  else
    section.problem("amount", amount.error().detail, "USD, as in 250 or 0.50");
}

void read_thresholds(Section& section, std::vector<int>& into) {
  std::vector<std::string> words;
  if (!section.words("notify_at", words, "percent at which it is told; 50, 75, 90, 100 unless set"))
    return;
  into.clear();
  for (const std::string& word : words) {
    const auto percent = config::parse_integer(word);
    if (!percent || *percent < 1 || *percent > most_percent)
      section.problem("notify_at", "not percent", "numbers as in [50, 75, 90, 100]",
                      fmt::format("1 to {}", most_percent));
    else
      into.push_back(static_cast<int>(*percent));
  }
  std::ranges::sort(into);
}

void warn_of_critical(Section& section, const Budget& budget,
                      std::span<const identity::KeySettings> keys) {
  for (const identity::KeySettings& key : keys) {
    const bool theirs = (budget.scope.key.empty() || budget.scope.key == key.name) &&
                        (budget.scope.team.empty() || budget.scope.team == key.team) &&
                        (budget.scope.service.empty() || budget.scope.service == key.service);
    if (theirs && key.service_class == identity::ServiceClass::critical_revenue)
      section.warn(
          "hard",
          fmt::format("keys.{} is critical_revenue: it is never stopped, but paged for", key.name),
          "give it a soft budget of its own");
  }
}

void read_budget(Section& section, const Names& names, std::span<const identity::KeySettings> keys,
                 Budget& budget) {
  read_scope(section, names, budget.scope);
  read_amount(section, budget.amount);
  section.choice("period", budget.period, periods, "of UTC; weeks begin on Monday");
  section.flag("hard", budget.hard, "whether nothing is asked beyond it; else it is only told");
  if (budget.hard) warn_of_critical(section, budget, keys);
  read_thresholds(section, budget.notify_at);
  section.integer("warn_at", budget.warn_at, 1, most_percent,
                  "percent from which answers have x-holdfast-budget");
  section.integer("degrade_at", budget.degrade_at, 1, most_percent,
                  "percent from which requests go to degrade_to");
  read_name(section, "degrade_to", budget.degrade_to, names.models,
            "a cheaper logical model for what is left; none: requests go on as they are");
  if (budget.degrade_to.empty()) return;
  if (!budget.scope.provider.empty())
    section.problem("degrade_to", "not for a budget of a provider",
                    "remove it: the next target is asked in the provider's place");
  if (budget.degrade_to == budget.scope.logical_model)
    section.problem("degrade_to", "the model whose budget it is", "name a cheaper one");
}
}  // namespace

void read_settings(Section& top, std::span<const provider::Settings> providers,
                   std::span<const ModelSettings> models,
                   std::span<const identity::KeySettings> keys, std::vector<Budget>& into) {
  Names names;
  for (const identity::KeySettings& key : keys) {
    names.keys.emplace_back(key.name);
    add_once(names.teams, key.team);
    add_once(names.services, key.service);
  }
  for (const ModelSettings& model : models) names.models.emplace_back(model.name);
  for (const provider::Settings& one : providers) names.providers.emplace_back(one.name);
  top.entries("budgets",
              "How much may be spent, by name; what several count, all must have room for",
              [&](const std::string& name, Section& section) {
                Budget budget;
                budget.name = name;
                budget.index = static_cast<std::uint16_t>(into.size());
                read_budget(section, names, keys, budget);
                if (into.size() < limits::budgets)
                  into.push_back(std::move(budget));
                else
                  section.problem("", fmt::format("more than {} budgets", limits::budgets));
              });
}

bool counts(const records::SpendingScope& scope, const identity::KeySettings* key,
            std::string_view model, std::string_view provider) {
  const auto fits = [](const std::string& wanted, std::string_view value) {
    return wanted.empty() || wanted == value;
  };
  if (!fits(scope.logical_model, model) || !fits(scope.provider, provider)) return false;
  if (key == nullptr) return scope.key.empty() && scope.team.empty() && scope.service.empty();
  return fits(scope.key, key->name) && fits(scope.team, key->team) &&
         fits(scope.service, key->service);
}

}  // namespace holdfast::routing

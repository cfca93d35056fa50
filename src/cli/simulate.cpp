#include "cli/simulate.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/log.h"
#include "cli/check.h"
#include "cli/recorded.h"
#include "config/document.h"
#include "config/nearest.h"
#include "provider/kind.h"
#include "server/settings.h"
#include "server/snapshot.h"
#include "simulation/engine.h"
#include "simulation/invariants.h"
#include "simulation/random_scenario.h"
#include "simulation/report.h"
#include "simulation/timeline.h"

namespace holdfast::cli {
namespace {
constexpr int usage = 1;
constexpr int rule_broken = 2;
constexpr std::uint16_t first_engine_port = 20'000;
constexpr std::string_view random_name = "random";

Outcome refused(const std::string& what) {
  return {usage, {}, "holdfast simulate: " + what + "\n"};
}

Outcome problems_of(const std::vector<config::Problem>& problems, std::size_t columns) {
  Outcome outcome{usage, {}, {}};
  for (const config::Problem& problem : problems)
    outcome.error += wrap(config::to_string(problem), columns) + "\n";
  return outcome;
}

// Each provider gets a place of its own in the virtual network; nothing real is left in it.
void move_into_the_virtual_network(server::Settings& settings) {
  for (std::size_t i = 0; i < settings.providers.size(); ++i) {
    net::Origin& origin = settings.providers[i].base.origin;
    origin = net::Origin();
    origin.host = fmt::format("provider-{}.invalid", i);
  }
}

std::vector<simulation::ProviderFacts> facts_of(const server::Settings& settings) {
  std::vector<simulation::ProviderFacts> all;
  for (const provider::Settings& one : settings.providers) {
    std::string group = one.auth ? one.name : "";
    if (!one.key.empty())
      group = std::ranges::find_if(settings.providers, [&](const provider::Settings& other) {
                return other.key.reveal() == one.key.reveal();
              })->name;
    all.push_back({one.name, one.owner, one.host, one.region, group});
  }
  return all;
}

// A key that may use `model`; empty: none is needed.   errors   configuration: no key may
Result<std::string> client_key(const server::Settings& settings, const std::string& model) {
  if (settings.keys.empty()) return std::string();
  for (const identity::KeySettings& key : settings.keys)
    if (identity::may_use(&key, model)) return std::string(key.key.reveal());
  return fail(ErrorCode::configuration, fmt::format("no key may use the model {}", model));
}

//   key       of clients of no name
//   wall_us   when it begins
simulation::Stage make_stage(const server::Settings& settings, const std::string& model,
                             const std::string& key, std::int64_t wall_us) {
  simulation::Stage stage;
  observe::Registry registry("simulated");
  std::uint16_t port = first_engine_port;
  routing::LocalLimitStore limits;  // anew, so that no history uses up another's
  stage.snapshot =
      server::compile(settings, 1, wall_us, registry, limits, [&port](const provider::Settings&) {
        return std::make_shared<simulation::VirtualEngine>(port++);
      });
  stage.providers = facts_of(settings);
  stage.client_key = key;
  for (const identity::KeySettings& one : settings.keys)
    if (identity::may_use(&one, model)) stage.named_keys[one.name] = one.key.reveal();
  for (const routing::ModelSettings& one : settings.models) stage.regions[one.name] = one.regions;
  return stage;
}

// Takes the shadows out whose copies no simulation can tell from other requests of their provider,
// and warns of them; empty: there are none.
std::string take_shadows_out(server::Settings& settings, std::size_t columns) {
  std::string out;
  for (routing::ModelSettings& model : settings.models) {
    std::set<std::string> busy;
    for (const routing::TargetSettings& target : model.targets) busy.insert(target.provider);
    std::erase_if(model.shadows, [&](const routing::ShadowSettings& one) {
      if (busy.insert(one.target.provider).second) return false;
      out += wrap(fmt::format("holdfast simulate: warning: the shadow {}/{} of {} is left out: its "
                              "provider has other requests",
                              one.target.provider, one.target.model, model.name),
                  columns) +
             "\n";
      return true;
    });
  }
  return out;
}

// Warns of the parts of the configuration that no simulation performs; empty: there are none.
std::string left_out(const server::Settings& settings, std::string_view model,
                     std::size_t columns) {
  const auto asked = std::ranges::find(settings.models, model, &routing::ModelSettings::name);
  std::vector<std::string> parts;
  if (!settings.budgets.empty())
    parts.emplace_back("budgets are left out: nothing is refused for money");
  if (asked != settings.models.end() && asked->cache)
    parts.push_back(
        fmt::format("models.{}.cache is left out: every answer comes from a provider", model));
  std::string out;
  for (const std::string& part : parts)
    out += wrap("holdfast simulate: warning: " + part, columns) + "\n";
  return out;
}

std::string list_scenarios() {
  std::string out;
  for (const simulation::Scenario& one : simulation::built_in_scenarios())
    out += fmt::format("{:<13}{}\n", one.name, one.about);
  return out + fmt::format("{:<13}{}\n", random_name, "traffic and faults drawn from the seed");
}

// The scenario that is asked for; what is drawn from the seed is not yet.
std::expected<simulation::Scenario, Outcome> choose(const std::string& name, std::size_t columns) {
  if (const simulation::Scenario* found = simulation::find_scenario(name)) return *found;
  if (name == random_name) return simulation::Scenario{};
  if (name.find_first_of("./") == std::string::npos) {
    std::vector<std::string_view> names{random_name};
    for (const auto& one : simulation::built_in_scenarios()) names.emplace_back(one.name);
    const std::string meant = config::did_you_mean(name, names);
    return std::unexpected(refused(fmt::format(
        "there is no scenario {}{}; --list names them, a file has a dot or a slash in its name",
        config::printable(name), meant.empty() ? "" : "; " + meant)));
  }
  auto read = simulation::read_scenario(config::load(name));
  if (!read) return std::unexpected(problems_of(read.error(), columns));
  return std::move(*read);
}

// All seeds of what is sent to one model.
Outcome simulate_model(const SimulateOptions& options, const server::Settings& settings,
                       simulation::Scenario scenario, bool json, std::size_t columns) {
  const Result<std::string> key = client_key(settings, scenario.model);
  if (!key) return refused(key.error().detail);
  const std::int64_t wall_us =
      scenario.script ? scenario.script->begins_us : simulation::first_wall_us;
  const std::string model = scenario.model;
  std::vector<simulation::Seen> all;
  Outcome outcome;
  outcome.error = left_out(settings, model, columns);
  for (std::uint64_t i = 0; i < options.seeds; ++i) {
    const std::uint64_t seed = options.seed + i;
    // Anew: turns taken are in it.
    const simulation::Stage stage = make_stage(settings, model, *key, wall_us);
    if (options.scenario == random_name)
      scenario = simulation::random_scenario(stage.providers, seed);
    scenario.model = model;
    const auto course = simulation::simulate(stage, scenario, seed);
    if (!course) return refused(course.error().detail);
    all.push_back({.seed = seed,
                   .hash = course->history.hash,
                   .tokens_in = course->meters.tokens_in_recorded,
                   .tokens_out = course->meters.tokens_out_recorded,
                   .measures = simulation::measure(*course),
                   .broken = simulation::check_invariants(*course)});
    if (!all.back().broken.empty()) outcome.exit_code = rule_broken;
    if (i + 1 < options.seeds) continue;
    outcome.out = json                ? simulation::write_json(*course, all)
                  : options.seeds > 1 ? simulation::write_summary(course->scenario, all)
                                      : simulation::write_report(*course, all.back());
  }
  return outcome;
}

// What is on record, each model by itself.
Outcome simulate_recorded(const SimulateOptions& options, const server::Settings& settings,
                          simulation::Scenario scenario, bool json, std::size_t columns) {
  auto recorded = read_recorded(scenario, settings);
  if (!recorded) return refused(recorded.error().detail);
  Outcome all;
  for (const std::string& warning : recorded->warnings)
    all.error += wrap("holdfast simulate: warning: " + warning, columns) + "\n";
  for (auto& [model, script] : recorded->scripts) {
    scenario.model = model;
    scenario.script = std::make_shared<const simulation::Script>(std::move(script));
    const Outcome one = simulate_model(options, settings, scenario, json, columns);
    all.error += one.error;
    if (one.exit_code == usage) return {usage, {}, all.error};
    if (!json && !all.out.empty()) all.out += "\n";
    all.out += one.out;
    all.exit_code = std::max(all.exit_code, one.exit_code);
  }
  return all;
}
}  // namespace

Outcome simulate(const SimulateOptions& options, bool json, std::size_t columns) {
  if (options.list) return {0, list_scenarios(), {}};
  if (options.config_path.empty()) return refused("--config FILE is needed");
  auto settings = server::read_settings(config::load(options.config_path));
  if (!settings) return problems_of(settings.error(), columns);
  auto scenario = choose(options.scenario, columns);
  if (!scenario) return scenario.error();
  if (settings->models.empty()) return refused("the configuration has no models");
  move_into_the_virtual_network(*settings);
  const std::string warnings = take_shadows_out(*settings, columns);
  log::set_level(log::Level::off);
  const bool recorded = !scenario->traffic.recorded.empty();
  if (!recorded && scenario->model.empty()) scenario->model = settings->models.front().name;
  Outcome outcome = recorded
                        ? simulate_recorded(options, *settings, *std::move(scenario), json, columns)
                        : simulate_model(options, *settings, *std::move(scenario), json, columns);
  outcome.error.insert(0, warnings);
  return outcome;
}

}  // namespace holdfast::cli

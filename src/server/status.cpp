#include "server/status.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <ctime>

#include "provider/kind.h"
#include "server/alerts.h"
#include "server/auditing.h"
#include "server/budget_keeper.h"
#include "server/credentials.h"
#include "server/regions.h"
#include "vault/sealed/locked_memory.h"

namespace holdfast::server {
namespace {

namespace json = boost::json;
using routing::BreakerState;

std::string_view to_string(engine::EngineState state) {
  switch (state) {
    case engine::EngineState::stopped:
      return "stopped";
    case engine::EngineState::starting:
      return "starting";
    case engine::EngineState::ready:
      return "ready";
    case engine::EngineState::backing_off:
      return "backing_off";
    case engine::EngineState::failed:
      return "failed";
    case engine::EngineState::stopping:
      return "stopping";
  }
  return "stopped";
}

// Wall time of a moment of monotonic time, microseconds.
std::int64_t to_wall_us(const AdminState& state, MonoTime moment) {
  const auto ahead =
      std::chrono::duration_cast<std::chrono::microseconds>(moment - state.clock.now());
  return state.clock.wall_us() + ahead.count();
}

json::value until_json(const AdminState& state, const routing::HealthView& health) {
  const bool waits = health.state == BreakerState::open || health.state == BreakerState::cooling ||
                     health.state == BreakerState::maintenance;
  if (!waits || health.until == MonoTime::max()) return nullptr;
  return to_wall_us(state, health.until);
}

json::value milliseconds_json(double us) { return us < 0 ? json::value() : json::value(us / 1000); }

json::value limit_json(const routing::LearnedLimit& limit, MonoTime now) {
  const auto view = limit.view(now);
  if (!view) return nullptr;
  return json::object{
      {"limit", view->limit > 0 ? json::value(view->limit) : json::value()},
      {"remaining", view->remaining},
      {"reset_ms",
       std::chrono::duration_cast<std::chrono::milliseconds>(view->reset_after).count()}};
}

// How much room there is at a target.
void add_room(const AdminState& state, const provider::ConcurrencyBounds& bounds, std::size_t index,
              json::object& out) {
  const routing::ConcurrencyLimit& concurrency = state.capacity.concurrency(index);
  out["concurrency"] = nullptr;
  if (bounds.most > 0)
    out["concurrency"] =
        json::object{{"limit", concurrency.limit(bounds)}, {"under_way", concurrency.under_way()}};
  const MonoTime now = state.clock.now();
  const routing::ProviderQuota& quota = state.capacity.quota(index);
  out["told_limits"] = json::object{{"requests", limit_json(quota.requests, now)},
                                    {"tokens", limit_json(quota.tokens, now)}};
}

json::object target_json(const AdminState& state, const routing::Model& model,
                         std::size_t position) {
  const routing::Target& target = model.targets[position];
  const std::size_t index = model.indices[position];
  const routing::HealthView health = state.health.view(index, state.clock.now());
  json::object out;
  out["provider"] = target.provider->name;
  out["model"] = target.model;
  out["state"] = routing::to_string(health.state);
  out["until_us"] = until_json(state, health);
  out["reason"] = routing::to_string(health.opened_for);
  out["frozen"] = health.frozen;
  out["share_percent"] = health.share_percent;
  out["consecutive_failures"] = health.consecutive_failures;
  out["last_failure"] = nullptr;
  if (health.last_failure != FailureClass::none) {
    const auto* notice = state.failures.last(target.provider->name, target.model);
    out["last_failure"] =
        json::object{{"class", to_string(health.last_failure)},
                     {"at_us", health.last_failure_us},
                     {"status", health.last_status},
                     {"detail", notice != nullptr ? json::value(notice->detail) : json::value("")}};
  }
  out["attempts"] = health.attempts;
  out["failures"] = health.failures;
  out["recent"] =
      json::object{{"requests", health.recent.total}, {"failures", health.recent.failures}};
  out["slow"] = health.slow;
  out["usual_first_content_ms"] = milliseconds_json(health.usual_first_content_us);
  out["recent_first_content_ms"] = milliseconds_json(health.recent_first_content_us);
  out["usual_token_ms"] = milliseconds_json(health.usual_token_us);
  add_room(state, target.provider->concurrency, index, out);
  return out;
}

json::array keys_json(const AdminState& state, const routing::Provider& provider) {
  json::array out;
  for (const routing::Credential& one : provider.credentials) {
    const routing::HealthView health = state.health.view(one.index, state.clock.now());
    json::object key;
    key["name"] = one.name;
    key["state"] = routing::to_string(health.state);
    key["until_us"] = until_json(state, health);
    key["last_failure"] = health.last_failure == FailureClass::none
                              ? json::value()
                              : json::value(holdfast::to_string(health.last_failure));
    key["attempts"] = health.attempts;
    key["failures"] = health.failures;
    out.push_back(std::move(key));
  }
  return out;
}

json::array shadows_json(const AdminState& state, const routing::Model& model) {
  json::array out;
  for (const routing::Shadow& shadow : model.shadows) {
    const std::string& provider = shadow.target.provider->name;
    const auto* unfit = state.failures.last_unfit(model.name, provider, shadow.target.model);
    json::value last = nullptr;
    if (unfit != nullptr)
      last = json::object{
          {"at_us", unfit->at_us}, {"request_id", unfit->request_id}, {"detail", unfit->detail}};
    out.push_back(json::object{
        {"provider", provider}, {"model", shadow.target.model}, {"last_unfit", std::move(last)}});
  }
  return out;
}

json::array models_json(const AdminState& state) {
  json::array out;
  for (const auto& [name, model] : state.snapshot->models) {
    json::array targets;
    json::value serving = nullptr;
    for (std::size_t i = 0; i < model.targets.size(); ++i) {
      targets.push_back(target_json(state, model, i));
      const auto health = state.health.view(model.indices[i], state.clock.now());
      if (serving.is_null() && health.state == BreakerState::closed)
        serving = model.targets[i].provider->name;
    }
    out.push_back(json::object{{"name", name},
                               {"policy", routing::to_string(model.route.nodes.front().policy)},
                               {"serving", serving},
                               {"targets", targets},
                               {"shadows", shadows_json(state, model)}});
  }
  return out;
}

json::object engine_json(const routing::Provider& provider, provider::Standby standby) {
  const engine::EngineStatus status = provider.engine->status();
  json::object out;
  out["provider"] = provider.name;
  out["state"] = to_string(status.state);
  out["pid"] = status.pid > 0 ? json::value(status.pid) : json::value();
  out["time_to_ready_s"] =
      status.time_to_ready_seconds >= 0 ? json::value(status.time_to_ready_seconds) : json::value();
  out["starts"] = status.starts;
  out["deaths"] = status.deaths;
  out["last_error"] = status.last_error.empty() ? json::value() : json::value(status.last_error);
  out["mode"] = standby == provider::Standby::warm ? "warm" : "cold";
  return out;
}

// "2026-11-22T10:00:00Z"; null for what has no end.
json::value instant_json(std::int64_t at_us) {
  if (at_us <= 0 || at_us == vault::never_us) return nullptr;
  const std::time_t seconds = at_us / 1'000'000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return json::value(fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900,
                                 parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min,
                                 parts.tm_sec));
}

json::object credential_json(const vault::Status& status) {
  json::object out;
  out["ready"] = status.ready;
  out["expires_at"] = instant_json(status.expires_us);
  out["version"] = status.version == 0 ? json::value() : json::value(status.version);
  out["last_error"] = status.last_error.empty() ? json::value() : json::value(status.last_error);
  return out;
}

provider::Standby standby_of(const AdminState& state, const std::string& provider) {
  for (const auto& one : state.settings.providers)
    if (one.name == provider) return one.engine.standby;
  return provider::Standby::warm;
}

json::array failovers_json(const AdminState& state) {
  json::array out;
  auto archive = records::Archive::open(state.state_dir);
  if (!archive) return out;
  const auto found = archive->recent_failovers(20);
  if (!found) return out;
  for (const records::Failover& one : *found)
    out.push_back(json::object{{"at_us", one.at_us},
                               {"request_id", one.request_id},
                               {"model", one.logical_model},
                               {"from", one.from_provider},
                               {"to", one.to_provider},
                               {"reason", holdfast::to_string(one.failure)},
                               {"status", one.status}});
  return out;
}

std::uint64_t unknown_costs(const AdminState& state) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < state.registry.targets().size(); ++i)
    sum += state.registry.sum_target(
        i, [](const observe::TargetCounters& target) { return target.unknown_costs.value(); });
  return sum;
}

}  // namespace

std::vector<std::string> warnings_of(const AdminState& state) {
  std::vector<std::string> out;
  if (!state.reload_problem.empty())
    out.push_back("the last reload was refused, the configuration before it is in force: " +
                  state.reload_problem);
  if (!state.secrets_problem.empty())
    out.push_back("secrets that have changed are not in use, those before them are: " +
                  state.secrets_problem);
  out.insert(out.end(), state.tls_warnings.begin(), state.tls_warnings.end());
  if (state.alerts != nullptr)
    for (std::string& page : state.alerts->pages()) out.push_back(std::move(page));
  if (const audit::Status audited = state.auditing.log().status(); !audited.problem.empty())
    out.push_back(fmt::format(
        "the audit log cannot be written, changes are refused until it can: {}", audited.problem));
  if (const audit::Status audited = state.auditing.log().status();
      !audited.checkpoint_problem.empty())
    out.push_back(
        fmt::format("the audit log's new entries are written, but cannot be signed for: {}",
                    audited.checkpoint_problem));
  if (!vault::sealed::LockedBytes::all_locked())
    out.emplace_back(
        "keys of the vault could not be locked in memory and may be swapped out: raise the limit "
        "(LimitMEMLOCK, ulimit -l)");
  const records::Totals totals = state.drain.totals();
  if (!totals.seal_error.empty())
    out.push_back(
        fmt::format("attempts cannot be sealed into the audit log, so none are deleted either: {}",
                    totals.seal_error));
  if (totals.lossy) out.emplace_back("records cannot be written: is the disk full?");
  if (state.responses != nullptr) {
    const responses::Totals kept = state.responses->totals();
    if (!kept.error.empty())
      out.push_back(fmt::format("responses cannot be written, {} wait in memory: {}", kept.waiting,
                                kept.error));
  }
  if (totals.lost > 0) out.push_back(fmt::format("{} records were lost", totals.lost));
  if (!totals.store_error.empty()) out.push_back("the records' store: " + totals.store_error);
  if (totals.damaged > 0)
    out.push_back(fmt::format("{} journal files are damaged", totals.damaged));
  if (state.budgets != nullptr) {
    if (const std::string problem = state.budgets->problem(); !problem.empty())
      out.push_back("budgets cannot be kept on file, hard ones run dry: " + problem);
    if (const std::uint64_t unknown = unknown_costs(state); unknown > 0)
      out.push_back(fmt::format(
          "{} attempts have no known cost: /api/v1/costs says whose, /api/v1/prices why", unknown));
  }
  for (const auto& provider : state.snapshot->providers) {
    if (!provider->engine) continue;
    const engine::EngineStatus status = provider->engine->status();
    if (status.state == engine::EngineState::failed)
      out.push_back(
          fmt::format("the local engine {} cannot run: {}", provider->name, status.last_error));
  }
  for (const auto& [target, entry] : state.operators.entries()) {
    if (entry.out) out.push_back(fmt::format("the target {} is taken out by an operator", target));
    if (entry.frozen)
      out.push_back(fmt::format("the health of {} is frozen by an operator", target));
  }
  for (const auto& [name, model] : state.snapshot->models) {
    bool any = false;
    for (const auto index : model.indices)
      any = any || state.health.view(index, state.clock.now()).state == BreakerState::closed;
    if (!any) out.push_back(fmt::format("no target of the model {} is well", name));
  }
  return out;
}

json::value status_json(AdminState& state) {
  const observe::Summary summary = observe::summarize(state.registry);
  const records::Totals totals = state.drain.totals();
  json::array standbys, warnings;
  for (const auto& provider : state.snapshot->providers)
    if (provider->engine)
      standbys.push_back(engine_json(*provider, standby_of(state, provider->name)));
  for (const std::string& warning : warnings_of(state)) warnings.emplace_back(warning);
  return json::object{
      {"version", state.version},
      {"started_us", state.started_us},
      {"now_us", state.clock.wall_us()},
      {"snapshot_generation", state.snapshot->generation},
      {"rates", json::object{{"requests_per_s", state.last_rates.requests_per_second},
                             {"tokens_in_per_s", state.last_rates.tokens_in_per_second},
                             {"tokens_out_per_s", state.last_rates.tokens_out_per_second},
                             {"window_s", 10}}},
      {"in_flight", summary.requests_in_flight},
      {"open_streams", summary.streams},
      {"connections", summary.client_connections},
      {"models", models_json(state)},
      {"standbys", std::move(standbys)},
      {"failovers", failovers_json(state)},
      {"regions", std::move(regions_json(state).as_object()["pairs"])},
      {"records", json::object{{"settled", totals.settled},
                               {"unsettled", totals.unsettled},
                               {"open", totals.open},
                               {"lost", totals.lost},
                               {"lag", totals.lag_records}}},
      {"warnings", std::move(warnings)}};
}

json::value targets_json(const AdminState& state) {
  json::array out;
  for (const auto& [target, entry] : state.operators.entries())
    out.push_back(json::object{
        {"target", target},
        {"out", entry.out},
        {"until_us", entry.until_us == 0 ? json::value() : json::value(entry.until_us)},
        {"frozen", entry.frozen},
        {"since_us", entry.since_us}});
  return json::object{{"targets", std::move(out)}};
}

json::value providers_json(const AdminState& state) {
  json::array out;
  std::map<std::string, vault::Status> credentials;
  if (state.credentials != nullptr) credentials = state.credentials->status();
  for (const auto& settings : state.settings.providers) {
    json::array targets;
    for (const auto& [name, model] : state.snapshot->models)
      for (std::size_t i = 0; i < model.targets.size(); ++i)
        if (model.targets[i].provider->name == settings.name) {
          json::object target = target_json(state, model, i);
          target["logical_model"] = name;
          targets.push_back(std::move(target));
        }
    json::object one;
    one["name"] = settings.name;
    one["kind"] = settings.kind->name;
    one["owner"] = settings.owner;
    one["host"] = settings.host;
    one["region"] = settings.region;
    one["targets"] = std::move(targets);
    one["engine"] = nullptr;
    one["keys"] = json::array();
    for (const auto& provider : state.snapshot->providers) {
      if (provider->name != settings.name) continue;
      one["keys"] = keys_json(state, *provider);
      if (provider->engine) one["engine"] = engine_json(*provider, settings.engine.standby);
    }
    const auto credential = credentials.find(settings.name);
    one["credential"] = credential == credentials.end()
                            ? json::value()
                            : json::value(credential_json(credential->second));
    out.push_back(std::move(one));
  }
  return json::object{{"providers", std::move(out)}};
}

}  // namespace holdfast::server

#include "server/snapshot.h"

#include <map>

#include "net/sigv4.h"
#include "provider/kind.h"
#include "server/memory_limit.h"
#include "server/prices.h"

namespace holdfast::server {
namespace {

// Null when there are none.
std::unique_ptr<const routing::Limit> compile_limit(routing::LimitScope scope,
                                                    const std::string& name,
                                                    const config::LimitSettings& settings,
                                                    routing::LimitStore& store) {
  if (!settings.any()) return nullptr;
  return std::make_unique<routing::Limit>(
      routing::Limit{scope, name, routing::rates_of(settings), store.open(scope, name)});
}

// Those of keys and of teams that have any.
template <class Owner>
void compile_limits(routing::LimitScope scope, const std::vector<Owner>& owners,
                    routing::LimitStore& store,
                    std::map<std::string, routing::Limit, std::less<>>& into) {
  for (const Owner& owner : owners)
    if (auto limit = compile_limit(scope, owner.name, owner.limits, store))
      into.emplace(owner.name, *limit);
}

std::shared_ptr<const routing::Provider> compile_provider(const provider::Settings& settings,
                                                          routing::LimitStore& limits,
                                                          const EngineOf& engine_of,
                                                          observe::Registry& registry) {
  auto out = std::make_shared<routing::Provider>();
  out->name = settings.name;
  out->kind = settings.kind;
  out->limit = compile_limit(routing::LimitScope::provider, settings.name, settings.limits, limits);
  out->health = settings.health;
  out->concurrency = settings.concurrency;
  std::vector<std::string> extra_stop;
  if (settings.kind->local) {
    out->engine = engine_of(settings);
    extra_stop = engine::stop_strings(settings.engine.frame);
  } else {
    out->origin = settings.base.origin;
    out->origin.private_allowed =
        settings.private_network || net::is_loopback_host(out->origin.host);
    out->pool_key = out->origin.key();
    out->authority = out->origin.authority();
    out->path = settings.base.path;
    out->key = settings.key;
    for (const config::NamedSecret& one : settings.keys) {
      const std::string which = net::sha256_hex(one.value.reveal());
      const auto index = routing::HealthTable::first_credential +
                         registry.credential_index(settings.name, which, limits::credentials_total);
      out->credentials.push_back({one.reference, one.value, static_cast<std::uint16_t>(index)});
    }
    out->probe = settings.probe;
    out->short_lived = settings.auth.has_value();
  }
  out->adapter = settings.kind->make(settings, extra_stop);
  return out;
}

// Where the requests for `model` are counted, by the service of the key that made them.
std::vector<std::pair<std::string, std::uint16_t>> number_services(
    const std::string& model, const std::vector<identity::KeySettings>& keys,
    observe::Registry& registry) {
  std::vector<std::pair<std::string, std::uint16_t>> out;
  const auto add = [&](const std::string& service) {
    for (const auto& known : out)
      if (known.first == service) return;
    out.emplace_back(service, static_cast<std::uint16_t>(registry.service_index(model, service)));
  };
  add("");
  for (const identity::KeySettings& key : keys)
    if (identity::may_use(&key, model)) add(key.service);
  return out;
}

}  // namespace

std::shared_ptr<const routing::Snapshot> compile(const Settings& settings, std::uint64_t generation,
                                                 std::int64_t now_us, observe::Registry& registry,
                                                 routing::LimitStore& limits,
                                                 const EngineOf& engine_of,
                                                 routing::BudgetTable* budgets) {
  auto out = std::make_shared<routing::Snapshot>();
  out->generation = generation;
  out->loaded_us = now_us;
  out->keys = identity::Keys(settings.keys);
  compile_limits(routing::LimitScope::key, settings.keys, limits, out->key_limits);
  compile_limits(routing::LimitScope::team, settings.teams, limits, out->team_limits);
  out->max_body = settings.max_body;
  out->queue_length = static_cast<std::size_t>(settings.queue_length);
  out->queue_timeout = settings.queue_timeout;
  out->memory_limit = static_cast<std::int64_t>(settings.memory_limit > 0 ? settings.memory_limit
                                                                          : usual_memory_limit());
  out->response_buffer = settings.response_buffer;
  out->cors_origins = settings.cors_origins;
  out->fallback_price = settings.prices.fallback;
  out->budget_table = budgets;
  if (budgets != nullptr) out->budgets = settings.budgets;
  std::map<std::string, std::shared_ptr<const routing::Provider>> by_name;
  for (const provider::Settings& one : settings.providers) {
    by_name[one.name] = compile_provider(one, limits, engine_of, registry);
    out->providers.push_back(by_name[one.name]);
  }
  for (const routing::ModelSettings& one : settings.models) {
    routing::Model model;
    model.name = one.name;
    model.deadline = one.deadline;
    model.hold_keepalive = one.hold_keepalive;
    model.hedge = one.hedge;
    model.cache = one.cache;
    model.cache_ttl = one.cache_ttl;
    model.cache_max_answer = one.cache_max_answer;
    model.continues = one.continues;
    model.lossy = one.lossy;
    model.pad_streams = one.pad_streams;
    model.limit = compile_limit(routing::LimitScope::model, one.name, one.limits, limits);
    const auto compile_target = [&](const routing::TargetSettings& target) {
      return routing::Target{by_name.at(target.provider),
                             target.model,
                             target.vector_space,
                             target.timeouts,
                             target.overrides,
                             std::make_shared<records::PriceList>(price_list(settings, target))};
    };
    const auto number = [&](const routing::TargetSettings& target) {
      return static_cast<std::uint16_t>(registry.target_index(target.provider, target.model));
    };
    for (const routing::TargetSettings& target : one.targets) {
      model.targets.push_back(compile_target(target));
      model.indices.push_back(number(target));
    }
    const std::vector<routing::ShadowRule> rules = routing::shadow_rules(one);
    for (std::size_t i = 0; i < rules.size(); ++i) {
      const routing::TargetSettings& target = one.shadows[i].target;
      model.shadows.push_back({compile_target(target), number(target), rules[i]});
    }
    model.route = routing::make_route(one, model.indices);
    for (std::size_t i = 0; i < model.targets.size(); ++i)
      if (const records::Price* price = model.targets[i].prices->at(now_us))
        model.route.leaves[i].price = {price->rates.input.value, price->rates.output.value};
    model.services = number_services(one.name, settings.keys, registry);
    out->models.emplace(one.name, std::move(model));
  }
  return out;
}

}  // namespace holdfast::server

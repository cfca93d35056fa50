// All that the data plane may know of the configuration, immutable. Control compiles it and posts
// it to every loop; a request keeps the one that it started with.
#pragma once
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "identity/keys.h"
#include "net/origin.h"
#include "provider/adapter.h"
#include "provider/settings.h"
#include "records/price.h"
#include "routing/budget.h"
#include "routing/health.h"
#include "routing/limits.h"
#include "routing/settings.h"
#include "routing/shadow.h"

namespace holdfast::routing {

// One of several keys of a provider.
struct Credential {
  std::string name;  // its reference, as in env:OPENAI_KEY_2; never the secret
  Secret key;
  std::uint16_t index = 0;  // in the table of health
};

struct Provider {
  std::string name;
  const provider::Kind* kind = nullptr;
  std::unique_ptr<provider::Adapter> adapter;
  net::Origin origin;     // where connections go
  std::string pool_key;   // origin.key()
  std::string authority;  // the value of Host
  std::string path;       // of the base URL
  Secret key;
  std::vector<Credential> credentials;  // in their order, when there are several; else empty
  provider::HealthSettings health;
  provider::ProbeSettings probe;
  bool short_lived = false;  // proves itself with a credential that is fetched, not with `key`
  std::shared_ptr<engine::Engine> engine;   // local engines only; it has its own endpoint and key
  std::unique_ptr<const Limit> limit;       // null: none
  provider::ConcurrencyBounds concurrency;  // of each of its targets
};

struct Target {
  std::shared_ptr<const Provider> provider;
  std::string model;         // what the provider calls it
  std::string vector_space;  // embeddings only fail over to equal ones; empty: none declared
  provider::Timeouts timeouts;
  Overrides overrides;
  std::shared_ptr<const records::PriceList> prices;  // of its tokens, by date
};

// A target that gets copies of some requests of its model.
struct Shadow {
  Target target;
  std::uint16_t index = 0;  // in the tables and in the metrics
  ShadowRule rule;
};

struct Model {
  std::string name;
  std::vector<Target> targets;
  std::vector<std::uint16_t> indices;  // of the targets, in the table of health and in the metrics
  Route route;                         // how they are chosen from; its leaves stand as the targets
  std::chrono::milliseconds deadline{};
  std::chrono::milliseconds hold_keepalive{};
  HedgeSettings hedge;
  std::vector<Shadow> shadows;
  bool cache = false;  // answers are kept, and given again
  std::chrono::milliseconds cache_ttl{};
  std::size_t cache_max_answer = 0;  // bytes
  bool continues = false;            // a stream that breaks after content is gone on with elsewhere
  bool lossy = false;                // what a target cannot express is dropped, not refused
  bool pad_streams = true;           // translated events hide their lengths
  // Where the requests of each service are counted; the first is for keys that name none.
  std::vector<std::pair<std::string, std::uint16_t>> services;
  std::uint16_t service_index(std::string_view service) const {
    for (const auto& [known, index] : services)
      if (known == service) return index;
    return services.empty() ? limits::services_total : services.front().second;
  }
  std::unique_ptr<const Limit> limit;  // null: none
};

struct Snapshot {
  std::uint64_t generation = 0;
  std::int64_t loaded_us = 0;  // wall time
  std::map<std::string, Model, std::less<>> models;
  std::vector<std::shared_ptr<const Provider>> providers;
  identity::Keys keys;
  std::map<std::string, Limit, std::less<>> key_limits, team_limits;  // of those that have any
  std::size_t max_body = 0;                                           // bytes
  std::size_t queue_length = 0;  // requests that wait for room, of each loop
  std::chrono::milliseconds queue_timeout{};
  std::int64_t memory_limit = 0;    // bytes; 0: none
  std::size_t response_buffer = 0;  // bytes
  std::vector<std::string> cors_origins;
  std::optional<records::Price> fallback_price;  // prices.fallback
  std::vector<Budget> budgets;
  BudgetTable* budget_table = nullptr;  // outlives every snapshot; null: there are no budgets
};

}  // namespace holdfast::routing

// A logical model as its operator configured it: `models.NAME`.
#pragma once
#include <chrono>
#include <span>
#include <string>
#include <vector>

#include "config/limit_settings.h"
#include "provider/settings.h"
#include "records/price.h"
#include "routing/policy.h"

namespace holdfast::routing {

// What a target asks instead of the client: the same prompt rarely suits two models.
struct Overrides {
  std::string system;       // replaces the system prompt; empty: the client's
  std::string temperature;  // as spelled; empty: the client's
  std::string effort;       // reasoning effort; empty: the client's
  int max_tokens = 0;       // 0: the client's
  bool any() const {
    return !system.empty() || !temperature.empty() || !effort.empty() || max_tokens > 0;
  }
};

struct TargetSettings {
  std::string provider;      // a name under `providers`
  std::string model;         // what the provider calls it
  std::string vector_space;  // embeddings fail over only between targets that share it; empty: none
  provider::Timeouts timeouts;  // the provider's, with the target's own put over them
  Overrides overrides;
  std::string region;                   // the provider's; empty: not said
  std::int64_t context_window = 0;      // tokens that question and answer may have; 0: not said
  std::optional<records::Price> price;  // before every other; nothing: as `prices` says
};

// A target that gets copies of some requests, and whose answers nobody gets.
struct ShadowSettings {
  TargetSettings target;
  std::uint32_t share = 0;         // of the requests, in hundredths of a percent
  std::optional<Expression> when;  // only those for which it holds; nothing: all
};

// When a second target is asked beside one that is late.
struct HedgeSettings {
  int percentile = 0;                       // of its times to first content; 0: never
  std::chrono::milliseconds at_least{100};  // not before, however quick the target usually is
};

struct ModelSettings {
  std::string name;                                  // what applications ask for
  std::vector<TargetSettings> targets;               // in the file's order, groups or not
  std::vector<Node> tree;                            // how they are chosen from; the root first
  std::vector<std::string> regions;                  // where it may be answered; empty: anywhere
  bool last_resort = true;                           // targets whose breaker is open are tried
  bool next_on_content_filter = false;               // another provider may answer
  std::chrono::milliseconds wait_for_cooling{0};     // at most, when all that is left cools down
  std::chrono::milliseconds deadline{600'000};       // of a request, over all its attempts
  std::chrono::milliseconds hold_keepalive{15'000};  // then the head and comments go out
  HedgeSettings hedge;
  std::vector<ShadowSettings> shadows;
  bool cache = false;  // answers are kept, and given again
  std::chrono::milliseconds cache_ttl{600'000};
  std::uint64_t cache_max_answer = 1U << 20U;  // bytes; larger ones are not kept
  bool continues = false;   // midstream: continue -- another target goes on with a broken stream
  bool lossy = false;       // lossy: allow -- what a target cannot express is dropped and named
  bool pad_streams = true;  // translated events hide their lengths
  config::LimitSettings limits;
};

// What the decisions of a model go by.   indices   of its targets, in the tables of health and load
Route make_route(const ModelSettings& model, std::span<const std::uint16_t> indices);

// Reads `models` of the top level; their targets name `providers`.
void read_settings(config::Section& top, std::span<const provider::Settings> providers,
                   std::vector<ModelSettings>& into);

}  // namespace holdfast::routing

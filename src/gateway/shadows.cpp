#include "gateway/shadows.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <exception>

#include "base/log.h"
#include "base/overload_limits.h"
#include "gateway/shadow_copy.h"

namespace holdfast::gateway {

using observe::ShadowDrop;

Shadows::Shadows(LoopParts& parts, JournalTurn& turn, WaitingRoom& waiting)
    : loop_parts_(parts),
      turn_(turn),
      waiting_(waiting),
      pool_(parts.pool.connector(), parts.clock),
      health_(std::make_unique<routing::HealthTable>()),
      parts_{.loop = parts.loop,
             .clock = parts.clock,
             .watchdog = parts.watchdog,
             .pool = pool_,
             .journal = parts.journal,
             .counters = parts.counters,
             .health = *health_,
             .load = parts.load,
             .capacity = parts.capacity,
             .memory = parts.memory,
             .random = Random(1),  // of paddings that nobody sees
             .on_failure = parts.on_failure,
             .on_refused = parts.on_refused,
             .credentials = parts.credentials} {}

Shadows::~Shadows() = default;

void Shadows::use(const routing::Snapshot& snapshot) {
  targets_.clear();
  for (const auto& [name, model] : snapshot.models)
    for (const routing::Shadow& shadow : model.shadows) {
      const routing::Provider& provider = *shadow.target.provider;
      targets_.emplace_back(provider.name, shadow.index);
      health_->configure(shadow.index, provider.health);
      for (const routing::Credential& key : provider.credentials)
        health_->configure(key.index, provider.health);
    }
}

void Shadows::use_credential(const std::string& provider,
                             std::shared_ptr<const vault::Credential> credential) {
  if (!credential) {
    parts_.credentials.erase(provider);
    return;
  }
  parts_.credentials[provider] = std::move(credential);
  for (const auto& [name, index] : targets_)
    if (name == provider) health_->credential_changed(index, parts_.clock.now());
}

void Shadows::offer(const RequestState& state) noexcept {
  for (const routing::Shadow& shadow : state.model->shadows) {
    try {
      if (routing::in_share(shadow.rule, state.request_id)) copy(state, shadow);
    } catch (...) {
      note_bug();
    }
  }
}

std::int64_t Shadows::bytes_of(const RequestState& state) const {
  return limits::request_overhead_bytes +
         limits::body_copies * static_cast<std::int64_t>(state.incoming.body.size()) +
         static_cast<std::int64_t>(limits::shadow_answer_bytes);
}

// Why no copy is made, as far as that can be told without reading the request.
std::optional<ShadowDrop> Shadows::refuses(const RequestState& state, const routing::Shadow& shadow,
                                           std::int64_t bytes) const {
  if (stopping_ || state.stopping) return ShadowDrop::stopping;
  const auto regions = state.key == nullptr ? std::span<const std::string>()
                                            : std::span<const std::string>(state.key->regions);
  if (!routing::in_regions_of(shadow.rule, regions)) return ShadowDrop::region;
  if (state.virtual_key != nullptr && !state.virtual_key->may_ask(shadow.target.provider->name))
    return ShadowDrop::region;
  switch (loop_parts_.health.view(shadow.index, loop_parts_.clock.now()).state) {
    case routing::BreakerState::open:
    case routing::BreakerState::cooling:
    case routing::BreakerState::maintenance:
      return ShadowDrop::out;
    case routing::BreakerState::closed:
    case routing::BreakerState::half_open:
      break;
  }
  if (loop_parts_.counters.requests_waiting.value() > 0) return ShadowDrop::overload;
  if (copies_.size() >= limits::shadows_per_thread) return ShadowDrop::full;
  if (held_ + bytes > limits::shadow_bytes_per_thread) return ShadowDrop::memory;
  const std::int64_t most = state.snapshot->memory_limit;
  if (most > 0 && loop_parts_.memory.held() + held_ + bytes > most / 2) return ShadowDrop::memory;
  return std::nullopt;
}

void Shadows::copy(const RequestState& state, const routing::Shadow& shadow) {
  const std::int64_t bytes = bytes_of(state);
  observe::TargetCounters& counts = parts_.counters.target(shadow.index);
  const auto drop = [&counts](ShadowDrop why) {
    counts.shadows_dropped[static_cast<std::size_t>(why)].add();
  };
  if (const auto why = refuses(state, shadow, bytes)) return drop(*why);
  auto nobody = net::DiscardedExchange::of(state.exchange.head(), limits::shadow_answer_most_bytes,
                                           parts_.watchdog, parts_.clock);
  if (!nobody) return drop(ShadowDrop::unfit);
  const auto place = copies_.insert(
      copies_.end(), {std::make_unique<ShadowCopy>(ShadowCopy::Of{parts_, turn_, waiting_, shadow},
                                                   state, std::move(*nobody)),
                      bytes});
  held_ += bytes;
  parts_.counters.shadows_in_flight.up();
  try {
    boost::asio::co_spawn(parts_.loop, place->copy->run(),
                          [this, place](const std::exception_ptr& bug) {
                            if (bug) note_bug();
                            forget(place);
                          });
  } catch (...) {
    forget(place);
    throw;
  }
}

void Shadows::forget(Place place) {
  parts_.counters.shadows_in_flight.down();
  held_ -= place->bytes;
  copies_.erase(place);
  if (copies_.empty() && last_ended_ != nullptr) last_ended_->notify();
}

void Shadows::note_bug() {
  ++bugs_;
  log::write(log::Level::error, "a copy for a target on trial has ended in an exception");
}

void Shadows::keep_house() { pool_.evict(); }

void Shadows::cut_all() {
  for (const UnderWay& one : copies_) one.copy->cut(ShadowDrop::memory);
}

void Shadows::stop() {
  stopping_ = true;
  for (const UnderWay& one : copies_) one.copy->cut(ShadowDrop::stopping);
  pool_.clear();
}

Task<void> Shadows::ended() {
  if (copies_.empty()) co_return;
  net::Signal last(parts_.loop, parts_.watchdog);
  last_ended_ = &last;
  auto told = co_await last.wait(net::no_deadline);
  (void)told;  // nothing else ends it
  last_ended_ = nullptr;
}

}  // namespace holdfast::gateway

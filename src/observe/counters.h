// What one loop thread counts. Its thread writes, without locks or atomic read-modify-write; the
// scrape reads, and merges all threads.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/failure.h"
#include "base/limits.h"
#include "base/service_class.h"
#include "config/limit_settings.h"

namespace holdfast::observe {

// Written by one thread, read by any.
class Count {
 public:
  void add(std::uint64_t by = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  // Takes over a total that is counted elsewhere.
  void set(std::uint64_t total) { value_.store(total, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_ = 0;
};

// A number that goes up and down; written by one thread, read by any.
class Level {
 public:
  void up() { move(1); }
  void down() { move(-1); }
  void set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  void move(std::int64_t by) {
    value_.store(value_.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  std::atomic<std::int64_t> value_ = 0;
};

// Upper bounds of the buckets of every duration; the last bucket has none.
inline constexpr std::array<std::int64_t, 19> bucket_bounds_us = {
    500,        1'000,      2'500,       5'000,       10'000,     25'000,    50'000,
    100'000,    250'000,    500'000,     1'000'000,   2'500'000,  5'000'000, 10'000'000,
    30'000'000, 60'000'000, 120'000'000, 300'000'000, 600'000'000};

class Histogram {  // written by one thread, read by any
 public:
  void observe_us(std::int64_t value_us);
  std::uint64_t bucket(std::size_t index) const { return buckets_[index].value(); }
  std::uint64_t sum_us() const { return sum_us_.value(); }

 private:
  std::array<Count, bucket_bounds_us.size() + 1> buckets_;
  Count sum_us_;
};

// The applications' routes, as the label `endpoint`.
enum class Route : std::uint8_t {
  chat_completions,
  completions,
  embeddings,
  models,
  other,
  responses,
  messages,
  count_tokens,
  generate_content,
  embed_content,
  converse,
  rerank,
  moderations,
  images_generations,
  images_edits,
  images_variations,
  audio_speech,
  audio_transcriptions,
  audio_translations,
  stored_responses,
};
inline constexpr std::size_t route_count = 20;
std::string_view to_string(Route route);
// Requests that were answered before any target was asked, as the label `reason`.
enum class Refusal : std::uint8_t {
  bad_http,  // the header check
  bad_body,  // not JSON, or not the dialect's
  body_too_large,
  unauthorized,  // no key, or an unknown one
  forbidden,     // the key may not use the model; a foreign Origin or Host
  unknown_model,
  unknown_route,  // path or method
  timeout,        // the request came too slowly
  overloaded,     // a limit of ours was reached
  stopping,
  no_target,  // every target is known to be away
  limited,    // a limit of a key, a team or a model
};
inline constexpr std::size_t refusal_count = 12;
std::string_view to_string(Refusal refusal);
enum class TokenKind : std::uint8_t { in, out, cached, reasoning };
inline constexpr std::size_t token_kind_count = 4;
std::string_view to_string(TokenKind kind);

// Why a request was shed under overload, as the label `reason` of its metric.
enum class Shed : std::uint8_t {
  queue_full,     // as many as may wait did, none of them less important
  displaced,      // it waited, and a more important one needed its place
  queue_timeout,  // it waited in vain
  stopping,       // it waited, and the process ends
  memory,         // what is under way holds too much
};
inline constexpr std::size_t shed_count = 5;
std::string_view to_string(Shed why);

// Why a request that fell into a shadow's share was not copied to it, as the label `reason`.
enum class ShadowDrop : std::uint8_t {
  region,     // not in the regions that the key allows
  condition,  // its `when` does not hold
  kept,       // the request acts, or goes on from or leaves behind what a provider keeps
  not_text,   // pictures, sound, moderation: nothing that is copied
  unfit,      // the target cannot express what is asked, or cannot serve it
  out,        // the target is known to be out
  no_room,    // half of what its provider allows is in use
  budget,     // a budget has no room
  full,       // as many copies as there may be are under way
  memory,     // they or the requests hold much
  overload,   // requests wait for room
  stopping,   // the process ends
};
inline constexpr std::size_t shadow_drop_count = 12;
std::string_view to_string(ShadowDrop why);

struct TargetCounters {
  std::array<Count, failure_class_count> attempts;   // by how they ended
  std::array<Count, failure_class_count> failovers;  // away from this target, by why
  std::array<Count, token_kind_count> tokens;
  Count cost_nano_usd, unknown_costs;
  Count hedges, hedges_won;  // it was asked beside another; it had content first
  Histogram time_to_first_content, attempt_duration;
  std::array<Count, failure_class_count> shadows;        // copies, by how they ended
  std::array<Count, shadow_drop_count> shadows_dropped;  // copies that were not made, by why
  Histogram shadow_first_content, shadow_duration;
};

// What became of requests that may be answered from memory, as the label `result`.
enum class CacheUse : std::uint8_t {
  hit,
  miss,
  bypass,  // the client asked for a new answer
  stored,  // an answer was kept
};
inline constexpr std::size_t cache_use_count = 4;
std::string_view to_string(CacheUse use);

// How a request for a logical model ended, as the label `result`.
enum class RequestEnd : std::uint8_t {
  ok,
  client_error,  // 4xx, refusals by limits included
  error,         // 5xx, a stream that broke, an answer that was cut
  client_left,   // before the answer was whole
};
inline constexpr std::size_t request_end_count = 4;
std::string_view to_string(RequestEnd end);

// The requests of one service for one logical model.
struct ServiceCounters {
  std::array<Count, request_end_count> requests;
  Histogram duration;   // of those that ended ok
  Count cost_nano_usd;  // of their attempts, as far as it is known
};

// Counters that are made when they are first used, by the thread that owns them; read by any.
template <class Counters, std::size_t size>
class Slots {
 public:
  Slots() = default;
  Slots(const Slots&) = delete;
  Slots& operator=(const Slots&) = delete;
  ~Slots() {
    for (const auto& slot : slots_) delete slot.load(std::memory_order_relaxed);
  }
  // Beyond the last, the last. The owner's thread only.
  Counters& at(std::size_t index) {
    auto& slot = slots_[index < size ? index : size - 1];
    if (auto* known = slot.load(std::memory_order_relaxed)) return *known;
    auto* made = new Counters;
    slot.store(made, std::memory_order_release);
    return *made;
  }
  // Null when they have not been used.
  const Counters* find(std::size_t index) const {
    return slots_[index].load(std::memory_order_acquire);
  }

 private:
  std::array<std::atomic<Counters*>, size> slots_{};
};

class ThreadCounters {
 public:
  static constexpr std::size_t status_low = 100, status_high = 599;

  ThreadCounters() = default;
  ThreadCounters(const ThreadCounters&) = delete;
  ThreadCounters& operator=(const ThreadCounters&) = delete;

  // A request was answered; a status outside 100..599 counts as 599.
  void answered(Route route, unsigned status) {
    const std::size_t index = status < status_low || status > status_high ? status_high : status;
    answers_[static_cast<std::size_t>(route)][index - status_low].add();
  }
  std::uint64_t answers(Route route, unsigned status) const {
    return answers_[static_cast<std::size_t>(route)][status - status_low].value();
  }
  void refused(Refusal refusal) { refusals[static_cast<std::size_t>(refusal)].add(); }
  // A request did not fit into a limit: it was refused, or a provider passed over.
  void limited(config::LimitScope scope, config::LimitKind kind) {
    limits[static_cast<std::size_t>(scope)][static_cast<std::size_t>(kind)].add();
  }
  void shed(ServiceClass service_class, Shed why) {
    sheds[static_cast<std::size_t>(service_class)][static_cast<std::size_t>(why)].add();
  }
  // The counters of the target that Registry::target_index numbered `index`; made at first use.
  // The owner's thread only.
  TargetCounters& target(std::size_t index) { return targets_.at(index); }
  // The same for the scrape: null when the thread has not used the target.
  const TargetCounters* find_target(std::size_t index) const { return targets_.find(index); }
  // The same for what Registry::service_index numbered.
  ServiceCounters& service(std::size_t index) { return services_.at(index); }
  const ServiceCounters* find_service(std::size_t index) const { return services_.find(index); }

  std::array<Histogram, route_count> request_duration;
  std::array<Count, refusal_count> refusals;
  std::array<std::array<Count, config::limit_kind_count>, config::limit_scope_count> limits;
  std::array<std::array<Count, shed_count>, service_class_count> sheds;
  Histogram queue_wait;
  Level requests_waiting;
  Level requests_in_flight, client_connections, streams, shadows_in_flight;
  Count client_connections_opened, upstream_connections_opened;
  Count client_received_bytes, client_sent_bytes, upstream_received_bytes, upstream_sent_bytes;
  Count cut_streams, continuations, retries_refused, hedges_refused, error_events, keepalives;
  Count clients_left;
  Count journal_flushes, bugs;
  std::array<Count, cache_use_count> cache;

 private:
  std::array<std::array<Count, status_high - status_low + 1>, route_count> answers_;
  // One more than there may be: the last stands for all beyond the limit.
  Slots<TargetCounters, limits::targets_total + 1> targets_;
  Slots<ServiceCounters, limits::services_total + 1> services_;
};

}  // namespace holdfast::observe

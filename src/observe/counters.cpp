#include "observe/counters.h"

#include <algorithm>

namespace holdfast::observe {
namespace {
constexpr std::array<std::string_view, route_count> route_names = {"chat_completions",
                                                                   "completions",
                                                                   "embeddings",
                                                                   "models",
                                                                   "other",
                                                                   "responses",
                                                                   "messages",
                                                                   "count_tokens",
                                                                   "generate_content",
                                                                   "embed_content",
                                                                   "converse",
                                                                   "rerank",
                                                                   "moderations",
                                                                   "images_generations",
                                                                   "images_edits",
                                                                   "images_variations",
                                                                   "audio_speech",
                                                                   "audio_transcriptions",
                                                                   "audio_translations",
                                                                   "stored_responses"};
constexpr std::array<std::string_view, refusal_count> refusal_names = {
    "bad_http",      "bad_body", "body_too_large", "unauthorized", "forbidden", "unknown_model",
    "unknown_route", "timeout",  "overloaded",     "stopping",     "no_target", "limited"};
constexpr std::array<std::string_view, token_kind_count> token_kind_names = {"in", "out", "cached",
                                                                             "reasoning"};
constexpr std::array<std::string_view, request_end_count> request_end_names = {
    "ok", "client_error", "error", "client_left"};
constexpr std::array<std::string_view, cache_use_count> cache_use_names = {"hit", "miss", "bypass",
                                                                           "stored"};
constexpr std::array<std::string_view, shed_count> shed_names = {
    "queue_full", "displaced", "queue_timeout", "stopping", "memory"};
constexpr std::array<std::string_view, shadow_drop_count> shadow_drop_names = {
    "region",  "condition", "kept", "not_text", "unfit",    "out",
    "no_room", "budget",    "full", "memory",   "overload", "stopping"};
}  // namespace

std::string_view to_string(ShadowDrop why) {
  return shadow_drop_names[static_cast<std::size_t>(why)];
}
std::string_view to_string(CacheUse use) { return cache_use_names[static_cast<std::size_t>(use)]; }
std::string_view to_string(Shed why) { return shed_names[static_cast<std::size_t>(why)]; }
std::string_view to_string(RequestEnd end) {
  return request_end_names[static_cast<std::size_t>(end)];
}
std::string_view to_string(Route route) { return route_names[static_cast<std::size_t>(route)]; }
std::string_view to_string(Refusal refusal) {
  return refusal_names[static_cast<std::size_t>(refusal)];
}
std::string_view to_string(TokenKind kind) {
  return token_kind_names[static_cast<std::size_t>(kind)];
}

void Histogram::observe_us(std::int64_t value_us) {
  value_us = std::max<std::int64_t>(value_us, 0);
  const auto* const bound = std::ranges::lower_bound(bucket_bounds_us, value_us);
  buckets_[static_cast<std::size_t>(bound - bucket_bounds_us.begin())].add();
  sum_us_.add(static_cast<std::uint64_t>(value_us));
}

}  // namespace holdfast::observe

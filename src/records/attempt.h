// What is recorded of an attempt: one call of one target on behalf of one request. Its start goes
// to file before the call is made, its end when the call is over.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/failure.h"
#include "base/money.h"

namespace holdfast::records {

// Which of the applications' routes. Stored: never renumbered.
enum class Endpoint : std::uint8_t {
  chat_completions = 0,
  completions = 1,
  embeddings = 2,
  responses = 3,
  messages = 4,          // Anthropic
  count_tokens = 5,      // Anthropic, Gemini
  generate_content = 6,  // Gemini, Vertex; streamed ones too
  embed_content = 7,     // Gemini, Vertex; batches too
  converse = 8,          // Bedrock; streamed ones too
  rerank = 9,            // Cohere's and Jina's shape
  moderations = 10,      // this and what follows: OpenAI
  images_generations = 11,
  images_edits = 12,
  images_variations = 13,
  audio_speech = 14,
  audio_transcriptions = 15,
  audio_translations = 16,
};
inline constexpr std::size_t endpoint_count = 17;
std::string_view to_string(Endpoint endpoint);

// What a request makes use of; a set of them is their bits or-ed together. Stored: never
// renumbered.
enum class Feature : std::uint32_t {
  stream = 1U << 0U,
  tools = 1U << 1U,
  parallel_tools = 1U << 2U,
  schema = 1U << 3U,       // response_format json_schema
  json_object = 1U << 4U,  // response_format json_object
  images = 1U << 5U,
  audio = 1U << 6U,
  files = 1U << 7U,
  reasoning = 1U << 8U,
  logprobs = 1U << 9U,
  n_many = 1U << 10U,  // n > 1
  stop = 1U << 11U,
  seed = 1U << 12U,
  prediction = 1U << 13U,
  web_search = 1U << 14U,
  logit_bias = 1U << 15U,
  stored = 1U << 16U,  // store: true
  metadata = 1U << 17U,
  service_tier = 1U << 18U,
  functions = 1U << 19U,  // the old `functions`, before `tools`
};
inline constexpr std::size_t feature_count = 20;
std::string_view to_string(Feature feature);
constexpr std::uint32_t bit(Feature feature) { return static_cast<std::uint32_t>(feature); }
// The features in order of their bits; unknown bits are left out.
constexpr Feature feature_at(std::size_t index) {
  return static_cast<Feature>(std::uint32_t{1} << index);
}

// The text is only read during the call that takes the struct; beyond 255 bytes it is cut.
struct AttemptStart {
  std::string_view request_id;  // may come from the client: not unique
  std::uint16_t attempt = 1;    // 1 for a request's first
  std::int64_t started_us = 0;  // wall time, as all times here
  std::string_view logical_model, provider, model;
  Endpoint endpoint = Endpoint::chat_completions;
  std::string_view key_name;       // empty: no keys are configured
  std::string_view team, service;  // of the key; empty: not said
  std::uint32_t features = 0;      // bits of Feature
  NanoUsd reserved;                // what budgets count until the end is known: the worst case
};

struct AttemptEnd {
  std::uint64_t serial = 0;  // what Journal::start returned: says which attempt has ended
  std::int64_t ended_us = 0;
  FailureClass failure = FailureClass::none;
  std::uint16_t status = 0;  // the upstream's; 0: none came
  // Nothing where it is not known.
  std::optional<std::int64_t> tokens_in, tokens_out, tokens_cached, tokens_reasoning;
  bool usage_from_provider = false;    // the tokens are the provider's own count
  std::int64_t first_content_us = -1;  // from the start; -1: no content came
  std::int64_t total_us = 0;
  std::uint64_t bytes_sent = 0, bytes_received = 0;  // of bodies, to and from the upstream
  bool client_left = false;
  bool committed = false;           // the client got this attempt's content
  bool continuation = false;        // it was asked to go on with the answer of one before it
  std::uint16_t answer_status = 0;  // to the client; 0: this attempt did not answer it
  std::string_view upstream_request_id;
  std::optional<NanoUsd> cost;      // nothing where it is not known: never taken for 0
  NanoUsd charged;                  // what budgets count: the cost, or what stands in for it
  std::uint32_t price_version = 0;  // Price::version; 0: the price was not known
};

}  // namespace holdfast::records

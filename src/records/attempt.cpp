#include "records/attempt.h"

#include <bit>

namespace holdfast::records {
namespace {
constexpr std::array<std::string_view, endpoint_count> endpoint_names = {
    "chat_completions",  "completions",
    "embeddings",        "responses",
    "messages",          "count_tokens",
    "generate_content",  "embed_content",
    "converse",          "rerank",
    "moderations",       "images_generations",
    "images_edits",      "images_variations",
    "audio_speech",      "audio_transcriptions",
    "audio_translations"};
constexpr std::array<std::string_view, feature_count> feature_names = {
    "stream",     "tools",  "parallel_tools", "schema",       "json_object",
    "images",     "audio",  "files",          "reasoning",    "logprobs",
    "n_many",     "stop",   "seed",           "prediction",   "web_search",
    "logit_bias", "stored", "metadata",       "service_tier", "functions"};
}  // namespace

std::string_view to_string(Endpoint endpoint) {
  return endpoint_names[static_cast<std::size_t>(endpoint)];
}
std::string_view to_string(Feature feature) {
  return feature_names[static_cast<std::size_t>(std::countr_zero(bit(feature)))];
}
}  // namespace holdfast::records

// Stop reasons, counters, ids and signatures: what answers and streams have in common.
#include <fmt/format.h>

#include <algorithm>

#include "dialect/anthropic/parts.h"

namespace holdfast::dialect::anthropic {

FinishReason finish_from(std::string_view stop_reason) {
  if (stop_reason == "max_tokens") return FinishReason::length;
  if (stop_reason == "stop_sequence") return FinishReason::stop_sequence;
  if (stop_reason == "tool_use") return FinishReason::tool_calls;
  if (stop_reason == "pause_turn") return FinishReason::paused;
  if (stop_reason == "refusal") return FinishReason::content_filter;
  if (stop_reason == "model_context_window_exceeded") return FinishReason::context_full;
  return FinishReason::stop;
}

std::string_view stop_reason_of(FinishReason finish, bool calls, bool refused) {
  switch (finish) {
    case FinishReason::none:
      return {};
    case FinishReason::stop:
      if (calls) return "tool_use";
      return refused ? "refusal" : "end_turn";
    case FinishReason::stop_sequence:
      return "stop_sequence";
    case FinishReason::length:
      return "max_tokens";
    case FinishReason::context_full:
      return "model_context_window_exceeded";
    case FinishReason::tool_calls:
      return "tool_use";
    case FinishReason::content_filter:
      return "refusal";
    case FinishReason::paused:
      return "pause_turn";
    case FinishReason::fault:
      break;
  }
  return "end_turn";
}

Usage read_usage(JsonValue usage) {
  const auto count = [usage](std::string_view name) {
    return std::max<std::int64_t>(usage[name].integer().value_or(-1), -1);
  };
  Usage out;
  out.tokens_in = count("input_tokens");
  out.tokens_out = count("output_tokens");
  out.tokens_cached = count("cache_read_input_tokens");
  out.tokens_cache_written = count("cache_creation_input_tokens");
  out.tokens_cache_written_1h = std::max<std::int64_t>(
      usage["cache_creation"]["ephemeral_1h_input_tokens"].integer().value_or(-1), -1);
  out.tokens_reasoning = std::max<std::int64_t>(
      usage["output_tokens_details"]["thinking_tokens"].integer().value_or(-1), -1);
  if (out.tokens_in < 0) return out;
  constexpr std::int64_t most = std::int64_t{1} << 53U;  // no count is larger; sums stay in range
  for (const std::int64_t part : {out.tokens_cached, out.tokens_cache_written})
    out.tokens_in = std::min(out.tokens_in, most) + std::clamp<std::int64_t>(part, 0, most);
  return out;
}

void write_usage_fields(JsonWriter& json, const Usage& usage, std::int64_t fallback_in,
                        std::int64_t fallback_out) {
  const auto told = [](std::int64_t count) { return std::max<std::int64_t>(count, 0); };
  const std::int64_t all = usage.tokens_in >= 0 ? usage.tokens_in : fallback_in;
  json.field("input_tokens",
             told(all - told(usage.tokens_cached) - told(usage.tokens_cache_written)));
  if (usage.tokens_cache_written >= 0)
    json.field("cache_creation_input_tokens", usage.tokens_cache_written);
  if (usage.tokens_cached >= 0) json.field("cache_read_input_tokens", usage.tokens_cached);
  json.field("output_tokens", usage.tokens_out >= 0 ? usage.tokens_out : fallback_out);
  if (usage.tokens_reasoning >= 0)
    json.key("output_tokens_details")
        .begin_object()
        .field("thinking_tokens", usage.tokens_reasoning)
        .end_object();
  if (usage.continuations > 0)
    json.field("holdfast_continuations", std::int64_t{usage.continuations});
}

void write_stop_fields(JsonWriter& json, std::string_view stop_reason,
                       std::string_view stop_sequence, std::string_view explanation,
                       std::string_view category) {
  const auto text_or_null = [&json](std::string_view name, std::string_view text) {
    json.key(name);
    if (text.empty())
      json.null();
    else
      json.string(text);
  };
  text_or_null("stop_reason", stop_reason);
  text_or_null("stop_sequence", stop_sequence);
  if (stop_reason != "refusal") return;
  json.key("stop_details").begin_object().field("type", "refusal");
  json.raw_field("category", category.empty() ? "null" : category);
  text_or_null("explanation", explanation);
  json.end_object();
}

std::string message_id(std::string_view upstream_id, const AnswerContext& context) {
  if (upstream_id.starts_with("msg_")) return std::string(upstream_id);
  return fmt::format("msg_{}", context.request_id);
}

std::string signature_for_client(const Signature& signature) {
  if (signature.value.empty() || signature.house.empty() || signature.house == "anthropic")
    return std::string(signature.value);
  return wrap_signature(signature);
}

}  // namespace holdfast::dialect::anthropic

#include "dialect/canonical.h"

#include <algorithm>
#include <array>
#include <utility>

namespace holdfast::dialect {
namespace {

constexpr std::array<std::pair<Effort, std::string_view>, 7> efforts = {{
    {Effort::none, "none"},
    {Effort::minimal, "minimal"},
    {Effort::low, "low"},
    {Effort::medium, "medium"},
    {Effort::high, "high"},
    {Effort::xhigh, "xhigh"},
    {Effort::max, "max"},
}};

void take_over(std::int64_t& count, std::int64_t later) {
  if (later >= 0) count = later;
}

}  // namespace

std::string_view to_string(Dialect dialect) {
  switch (dialect) {
    case Dialect::openai:
      return "openai";
    case Dialect::openai_responses:
      return "openai_responses";
    case Dialect::anthropic:
      return "anthropic";
    case Dialect::gemini:
      return "gemini";
    case Dialect::bedrock:
      return "bedrock";
    case Dialect::cohere:
      return "cohere";
  }
  return {};
}

std::string_view to_string(Effort effort) {
  for (const auto& [value, name] : efforts)
    if (value == effort) return name;
  return {};
}

Effort effort_from(std::string_view name) {
  for (const auto& [value, each] : efforts)
    if (each == name) return value;
  return Effort::unset;
}

std::string_view to_string(FinishReason reason) {
  switch (reason) {
    case FinishReason::none:
      return "none";
    case FinishReason::stop:
      return "stop";
    case FinishReason::stop_sequence:
      return "stop_sequence";
    case FinishReason::length:
      return "length";
    case FinishReason::context_full:
      return "context_full";
    case FinishReason::tool_calls:
      return "tool_calls";
    case FinishReason::content_filter:
      return "content_filter";
    case FinishReason::paused:
      return "paused";
    case FinishReason::fault:
      return "fault";
  }
  return {};
}

void Usage::update(const Usage& later) {
  take_over(tokens_in, later.tokens_in);
  take_over(tokens_out, later.tokens_out);
  take_over(tokens_cached, later.tokens_cached);
  take_over(tokens_cache_written, later.tokens_cache_written);
  take_over(tokens_reasoning, later.tokens_reasoning);
  take_over(tokens_cache_written_1h, later.tokens_cache_written_1h);
  take_over(tokens_audio_in, later.tokens_audio_in);
  take_over(tokens_audio_out, later.tokens_audio_out);
  continuations = std::max(continuations, later.continuations);
}

}  // namespace holdfast::dialect

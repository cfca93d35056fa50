#include "dialect/anthropic/spelling.h"

#include <fmt/format.h>

#include <array>

namespace holdfast::dialect::anthropic {
namespace {

constexpr std::size_t dialects = 6;

// In the order of Dialect: openai, openai_responses, anthropic, gemini, bedrock, cohere. A row per
// Field, in its order.
constexpr std::array<std::string_view, dialects> spellings[] = {
    {"max_completion_tokens", "max_output_tokens", "max_tokens", "generationConfig.maxOutputTokens",
     "inferenceConfig.maxTokens", "max_tokens"},
    {"temperature", "temperature", "temperature", "generationConfig.temperature",
     "inferenceConfig.temperature", "temperature"},
    {"top_p", "top_p", "top_p", "generationConfig.topP", "inferenceConfig.topP", "p"},
    {"top_k", "top_k", "top_k", "generationConfig.topK", "additionalModelRequestFields.top_k", "k"},
    {"frequency_penalty", "frequency_penalty", "frequency_penalty",
     "generationConfig.frequencyPenalty", "frequency_penalty", "frequency_penalty"},
    {"presence_penalty", "presence_penalty", "presence_penalty", "generationConfig.presencePenalty",
     "presence_penalty", "presence_penalty"},
    {"n", "n", "n", "generationConfig.candidateCount", "n", "n"},
    {"seed", "seed", "seed", "generationConfig.seed", "seed", "seed"},
    {"stop", "stop", "stop_sequences", "generationConfig.stopSequences",
     "inferenceConfig.stopSequences", "stop_sequences"},
    {"logprobs", "include", "logprobs", "generationConfig.responseLogprobs", "logprobs",
     "logprobs"},
    {"top_logprobs", "top_logprobs", "top_logprobs", "generationConfig.logprobs", "top_logprobs",
     "logprobs"},
    {"response_format", "text.format", "output_config.format", "generationConfig.responseMimeType",
     "outputConfig.textFormat", "response_format"},
    {"reasoning_effort", "reasoning", "thinking", "generationConfig.thinkingConfig",
     "additionalModelRequestFields.thinking", "thinking"},
    {"verbosity", "text.verbosity", "verbosity", "verbosity", "verbosity", "verbosity"},
    {"tool_choice", "tool_choice", "tool_choice", "toolConfig", "toolConfig.toolChoice",
     "tool_choice"},
    {"tools", "tools", "tools", "tools", "toolConfig.tools", "tools"},
    {"metadata", "metadata", "metadata", "labels", "requestMetadata", "metadata"},
    {"service_tier", "service_tier", "service_tier", "serviceTier", "serviceTier", "priority"},
};
static_assert(std::size(spellings) == static_cast<std::size_t>(Field::service_tier) + 1);

}  // namespace

std::string_view spelled(Dialect from, Field field) {
  return spellings[static_cast<std::size_t>(field)][static_cast<std::size_t>(from)];
}

std::string spelled_message(Dialect from, const Place& place, std::size_t leading) {
  switch (from) {
    case Dialect::openai:
    case Dialect::cohere:
      return fmt::format("messages[{}]", place.message + leading);
    case Dialect::openai_responses:
      return fmt::format("input[{}]", place.message);
    case Dialect::gemini:
      return fmt::format("contents[{}]", place.written);
    case Dialect::anthropic:
    case Dialect::bedrock:
      break;
  }
  return fmt::format("messages[{}]", place.written);
}

std::string spelled(Dialect from, const Place& place, std::size_t leading) {
  return fmt::format("{}.{}[{}]", spelled_message(from, place, leading),
                     from == Dialect::gemini ? "parts" : "content", place.block);
}

}  // namespace holdfast::dialect::anthropic

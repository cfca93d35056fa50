#include "dialect/field_names.h"

#include <fmt/format.h>

#include <array>

namespace holdfast::dialect {
namespace {

struct Spelling {
  std::string_view openai, responses, anthropic, gemini, bedrock;  // empty: as OpenAI's chat
};

constexpr std::array<Spelling, 14> spellings = {{
    {"max_tokens", "max_output_tokens", "", "generationConfig.maxOutputTokens",
     "inferenceConfig.maxTokens"},
    {"temperature", "", "", "generationConfig.temperature", "inferenceConfig.temperature"},
    {"top_p", "", "", "generationConfig.topP", "inferenceConfig.topP"},
    {"top_k", "", "", "generationConfig.topK", "additionalModelRequestFields.top_k"},
    {"stop", "", "stop_sequences", "generationConfig.stopSequences",
     "inferenceConfig.stopSequences"},
    {"n", "", "", "generationConfig.candidateCount", ""},
    {"seed", "", "", "generationConfig.seed", ""},
    {"frequency_penalty", "", "", "generationConfig.frequencyPenalty", ""},
    {"presence_penalty", "", "", "generationConfig.presencePenalty", ""},
    {"logprobs", "include", "", "generationConfig.responseLogprobs", ""},
    {"top_logprobs", "", "", "generationConfig.logprobs", ""},
    {"parallel_tool_calls", "", "tool_choice.disable_parallel_tool_use", "", ""},
    {"user", "safety_identifier", "metadata.user_id", "labels", "requestMetadata"},
    {"reasoning_effort", "reasoning.effort", "thinking", "generationConfig.thinkingConfig",
     "additionalModelRequestFields.thinking"},
}};

std::string_view list_of(Dialect client) {
  switch (client) {
    case Dialect::gemini:
      return "contents";
    case Dialect::openai_responses:
      return "input";
    case Dialect::openai:
    case Dialect::anthropic:
    case Dialect::bedrock:
    case Dialect::cohere:
      return "messages";
  }
  return "messages";
}

}  // namespace

std::string_view spelled(Dialect client, std::string_view name) {
  for (const Spelling& each : spellings) {
    if (each.openai != name) continue;
    std::string_view found;
    if (client == Dialect::openai_responses) found = each.responses;
    if (client == Dialect::anthropic) found = each.anthropic;
    if (client == Dialect::gemini) found = each.gemini;
    if (client == Dialect::bedrock) found = each.bedrock;
    return found.empty() ? name : found;
  }
  return name;
}

std::string place_of(Dialect client, std::size_t message) {
  return fmt::format("{}[{}]", list_of(client), message);
}

std::string place_of(Dialect client, std::size_t message, std::size_t block) {
  return fmt::format("{}.{}[{}]", place_of(client, message),
                     client == Dialect::gemini ? "parts" : "content", block);
}

std::string_view house_of(Dialect dialect) {
  switch (dialect) {
    case Dialect::openai:
    case Dialect::openai_responses:
      return "openai";
    case Dialect::anthropic:
      return "anthropic";
    case Dialect::bedrock:
      return "bedrock";
    case Dialect::gemini:
      return "google";
    case Dialect::cohere:
      return "cohere";
  }
  return {};
}

}  // namespace holdfast::dialect

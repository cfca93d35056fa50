// The table of providers: an explicit one, since linkers drop what registers itself.
#include "provider/anthropic/adapter.h"
#include "provider/bedrock/adapter.h"
#include "provider/cohere/adapter.h"
#include "provider/gemini/adapter.h"
#include "provider/kind.h"
#include "provider/openai_shaped/adapter.h"

namespace holdfast::provider {
namespace {

const Kind* const table[] = {
    &openai_shaped::openai,
    &openai_shaped::openai_compatible,
    &openai_shaped::llama_cpp,
    &openai_shaped::azure_openai,
    &anthropic::kind,
    &bedrock::kind,
    &gemini::gemini,
    &gemini::vertex,
    &cohere::kind,
    &openai_shaped::mistral,
    &openai_shaped::groq,
    &openai_shaped::deepseek,
    &openai_shaped::xai,
    &openai_shaped::together,
    &openai_shaped::fireworks,
    &openai_shaped::openrouter,
    &openai_shaped::ollama,
    &openai_shaped::vllm,
    &openai_shaped::sglang,
    &openai_shaped::tgi,
};

}  // namespace

std::span<const Kind* const> kinds() { return table; }

const Kind* find_kind(std::string_view name) {
  for (const Kind* kind : table)
    if (kind->name == name) return kind;
  return nullptr;
}

}  // namespace holdfast::provider

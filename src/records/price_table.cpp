// The prices of well-known models. A list is out of date on the day it is printed: what the
// operator writes under `prices` takes precedence, and `holdfast prices check` says where each
// price is from.
#include "records/price_book.h"

namespace holdfast::records {
namespace {
constexpr std::int64_t none = -1;  // no price of its own
constexpr std::string_view source = "list prices as of 2026-11 (LiteLLM 1.109.1)";

// Pico-USD per token: the same numbers are micro-USD per million tokens.
struct Line {
  std::string_view kind, model;
  std::int64_t input, output, cached, cache_write, cache_write_1h, audio_in;
  std::int64_t most_tokens_in, most_tokens_out;
  // For requests with more than `above` tokens in.
  std::int64_t above = 0, above_input = 0, above_output = 0, above_cached = none,
               above_cache_write = none, above_cache_write_1h = none;
};

constexpr Line lines[] = {
    // kind, model, input, output, cached, cache_write, cache_write_1h, audio_in, most in, most out
    {"openai", "gpt-4o", 2'500'000, 10'000'000, 1'250'000, none, none, none, 128'000, 16'384},
    {"openai", "gpt-4o-2024-05-13", 5'000'000, 15'000'000, none, none, none, none, 128'000, 4'096},
    {"openai", "gpt-4o-mini", 150'000, 600'000, 75'000, none, none, none, 128'000, 16'384},
    {"openai", "gpt-4.1", 2'000'000, 8'000'000, 500'000, none, none, none, 1'047'576, 32'768},
    {"openai", "gpt-4.1-mini", 400'000, 1'600'000, 100'000, none, none, none, 1'047'576, 32'768},
    {"openai", "gpt-4.1-nano", 100'000, 400'000, 25'000, none, none, none, 1'047'576, 32'768},
    {"openai", "o3", 2'000'000, 8'000'000, 500'000, none, none, none, 200'000, 100'000},
    {"openai", "o4-mini", 1'100'000, 4'400'000, 275'000, none, none, none, 200'000, 100'000},
    {"openai", "gpt-5", 1'250'000, 10'000'000, 125'000, none, none, none, 272'000, 128'000},
    {"openai", "gpt-5-mini", 250'000, 2'000'000, 25'000, none, none, none, 272'000, 128'000},
    {"openai", "gpt-5-nano", 50'000, 400'000, 5'000, none, none, none, 272'000, 128'000},
    {"openai", "gpt-5.1", 1'250'000, 10'000'000, 125'000, none, none, none, 272'000, 128'000},
    {"openai", "gpt-5.2", 1'750'000, 14'000'000, 175'000, none, none, none, 272'000, 128'000},
    {"openai", "gpt-5.4", 2'500'000, 15'000'000, 250'000, none, none, none, 1'050'000, 128'000,
     272'000, 5'000'000, 22'500'000, 500'000, none, none},
    {"openai", "gpt-5.4-mini", 750'000, 4'500'000, 75'000, none, none, none, 272'000, 128'000},
    {"openai", "gpt-5.4-nano", 200'000, 1'250'000, 20'000, none, none, none, 272'000, 128'000},
    {"openai", "gpt-5.5", 5'000'000, 30'000'000, 500'000, none, none, none, 1'050'000, 128'000,
     272'000, 10'000'000, 45'000'000, 1'000'000, none, none},
    {"openai", "text-embedding-3-small", 20'000, 0, none, none, none, none, 8'191, 0},
    {"openai", "text-embedding-3-large", 130'000, 0, none, none, none, none, 8'191, 0},
    {"anthropic", "claude-haiku-4-5", 1'000'000, 5'000'000, 100'000, 1'250'000, 2'000'000, none,
     200'000, 64'000},
    {"anthropic", "claude-sonnet-4-5", 3'000'000, 15'000'000, 300'000, 3'750'000, 6'000'000, none,
     200'000, 64'000},
    {"anthropic", "claude-sonnet-4-6", 3'000'000, 15'000'000, 300'000, 3'750'000, 6'000'000, none,
     1'000'000, 128'000},
    {"anthropic", "claude-sonnet-5", 2'000'000, 10'000'000, 200'000, 2'500'000, 4'000'000, none,
     1'000'000, 128'000},
    {"anthropic", "claude-sonnet-5-5", 2'000'000, 10'000'000, 100'000, 2'500'000, 4'000'000, none,
     1'000'000, 128'000},
    {"anthropic", "claude-opus-4-5", 5'000'000, 25'000'000, 500'000, 6'250'000, 10'000'000, none,
     200'000, 64'000},
    {"anthropic", "claude-opus-4-6", 5'000'000, 25'000'000, 500'000, 6'250'000, 10'000'000, none,
     1'000'000, 128'000},
    {"anthropic", "claude-opus-4-8", 5'000'000, 25'000'000, 500'000, 6'250'000, 10'000'000, none,
     1'000'000, 128'000},
    {"anthropic", "claude-opus-5", 5'000'000, 25'000'000, 500'000, 6'250'000, 10'000'000, none,
     1'000'000, 128'000},
    {"anthropic", "claude-opus-5-5", 4'000'000, 20'000'000, 200'000, 5'000'000, 8'000'000, none,
     1'000'000, 128'000},
    {"anthropic", "claude-haiku-5-5", 100'000, 500'000, 10'000, 125'000, 200'000, none, 1'000'000,
     128'000, 100'000, 500'000, 2'500'000, 50'000, 625'000, 1'000'000},
    {"gemini", "gemini-2.5-pro", 1'250'000, 10'000'000, 125'000, none, none, none, 1'048'576,
     65'536, 200'000, 2'500'000, 15'000'000, 250'000, none, none},
    {"gemini", "gemini-2.5-flash", 300'000, 2'500'000, 30'000, none, none, 1'000'000, 1'048'576,
     65'536},
    {"gemini", "gemini-2.5-flash-lite", 100'000, 400'000, 10'000, none, none, 300'000, 1'048'576,
     65'536},
    {"gemini", "gemini-3.1-pro-preview", 2'000'000, 12'000'000, 200'000, none, none, none,
     1'048'576, 65'536, 200'000, 4'000'000, 18'000'000, 400'000, none, none},
    {"gemini", "gemini-3.5-flash", 1'500'000, 9'000'000, 150'000, none, none, 1'500'000, 1'048'576,
     65'536},
    {"gemini", "gemini-3.5-flash-lite", 300'000, 2'500'000, 30'000, none, none, none, 1'048'576,
     65'536},
    {"bedrock", "amazon.nova-micro-v1:0", 35'000, 140'000, 8'750, none, none, none, 128'000,
     10'000},
    {"bedrock", "amazon.nova-lite-v1:0", 60'000, 240'000, 15'000, none, none, none, 300'000,
     10'000},
    {"bedrock", "amazon.nova-pro-v1:0", 800'000, 3'200'000, 200'000, none, none, none, 300'000,
     10'000},
    {"bedrock", "eu.amazon.nova-micro-v1:0", 46'000, 184'000, 11'500, none, none, none, 128'000,
     10'000},
    {"bedrock", "eu.amazon.nova-lite-v1:0", 78'000, 312'000, 19'500, none, none, none, 300'000,
     10'000},
    {"bedrock", "eu.amazon.nova-pro-v1:0", 1'050'000, 4'200'000, 262'500, none, none, none, 300'000,
     10'000},
    {"bedrock", "us.amazon.nova-micro-v1:0", 35'000, 140'000, 8'750, none, none, none, 128'000,
     10'000},
    {"bedrock", "us.amazon.nova-lite-v1:0", 60'000, 240'000, 15'000, none, none, none, 300'000,
     10'000},
    {"bedrock", "us.amazon.nova-pro-v1:0", 800'000, 3'200'000, 200'000, none, none, none, 300'000,
     10'000},
    {"mistral", "mistral-large-latest", 500'000, 1'500'000, 50'000, none, none, none, 262'144,
     262'144},
    {"mistral", "mistral-medium-latest", 1'500'000, 7'500'000, 150'000, none, none, none, 262'144,
     262'144},
    {"mistral", "mistral-small-latest", 150'000, 600'000, 15'000, none, none, none, 262'144,
     262'144},
    {"mistral", "mistral-embed", 100'000, 0, none, none, none, none, 8'192, 0},
    {"deepseek", "deepseek-chat", 280'000, 420'000, 28'000, none, none, none, 131'072, 8'192},
    {"deepseek", "deepseek-reasoner", 280'000, 420'000, 28'000, none, none, none, 131'072, 65'536},
    {"groq", "openai/gpt-oss-120b", 150'000, 600'000, 75'000, none, none, none, 131'072, 65'536},
    {"groq", "openai/gpt-oss-20b", 75'000, 300'000, 37'500, none, none, none, 131'072, 65'536},
    {"xai", "grok-4.3", 1'250'000, 2'500'000, 200'000, none, none, none, 1'000'000, 1'000'000,
     200'000, 2'500'000, 5'000'000, 400'000, none, none},
    {"xai", "grok-4.5", 2'000'000, 6'000'000, 300'000, none, none, none, 500'000, 500'000, 200'000,
     4'000'000, 12'000'000, 600'000, none, none},
    {"cohere", "command-a-03-2025", 2'500'000, 10'000'000, none, none, none, none, 256'000, 8'000},
    {"cohere", "command-r-08-2024", 150'000, 600'000, none, none, none, none, 128'000, 4'096},
    {"cohere", "embed-multilingual-v3.0", 100'000, 0, none, none, none, none, 512, 0},
    {"azure_openai", "gpt-4o", 2'500'000, 10'000'000, 1'250'000, none, none, none, 128'000, 16'384},
    {"azure_openai", "gpt-4o-mini", 150'000, 600'000, 75'000, none, none, none, 128'000, 16'384},
    {"azure_openai", "gpt-4.1", 2'000'000, 8'000'000, 500'000, none, none, none, 1'047'576, 32'768},
    {"azure_openai", "gpt-4.1-mini", 400'000, 1'600'000, 100'000, none, none, none, 1'047'576,
     32'768},
    {"azure_openai", "gpt-4.1-nano", 100'000, 400'000, 25'000, none, none, none, 1'047'576, 32'768},
    {"azure_openai", "o3", 2'000'000, 8'000'000, 500'000, none, none, none, 200'000, 100'000},
    {"azure_openai", "o4-mini", 1'100'000, 4'400'000, 275'000, none, none, none, 200'000, 100'000},
    {"azure_openai", "gpt-5", 1'250'000, 10'000'000, 125'000, none, none, none, 272'000, 128'000},
    {"azure_openai", "gpt-5-mini", 250'000, 2'000'000, 25'000, none, none, none, 272'000, 128'000},
    {"azure_openai", "gpt-5-nano", 50'000, 400'000, 5'000, none, none, none, 272'000, 128'000},
    {"azure_openai", "gpt-5.1", 1'250'000, 10'000'000, 125'000, none, none, none, 272'000, 128'000},
    {"azure_openai", "gpt-5.2", 1'750'000, 14'000'000, 175'000, none, none, none, 272'000, 128'000},
    {"azure_openai", "gpt-5.4", 2'500'000, 15'000'000, 250'000, none, none, none, 922'000, 128'000,
     272'000, 5'000'000, 22'500'000, 500'000},
    {"azure_openai", "gpt-5.4-mini", 750'000, 4'500'000, 75'000, none, none, none, 272'000,
     128'000},
    {"azure_openai", "gpt-5.4-nano", 200'000, 1'250'000, 20'000, none, none, none, 272'000,
     128'000},
    {"azure_openai", "gpt-5.5", 5'000'000, 30'000'000, 500'000, none, none, none, 922'000, 128'000,
     272'000, 10'000'000, 45'000'000, 1'000'000},
    {"azure_openai", "text-embedding-3-small", 22'000, 0, none, none, none, none, 8'192, 0},
    {"azure_openai", "text-embedding-3-large", 143'000, 0, none, none, none, none, 8'192, 0},
    {"vertex", "gemini-2.5-pro", 1'250'000, 10'000'000, 125'000, none, none, none, 1'048'576,
     65'535, 200'000, 2'500'000, 15'000'000, 250'000, 250'000},
    {"vertex", "gemini-2.5-flash", 300'000, 2'500'000, 30'000, none, none, 1'000'000, 1'048'576,
     65'535},
    {"vertex", "gemini-2.5-flash-lite", 100'000, 400'000, 10'000, none, none, 300'000, 1'048'576,
     65'535},
    {"vertex", "gemini-3.1-pro-preview", 2'000'000, 12'000'000, 200'000, none, none, none,
     1'048'576, 65'536, 200'000, 4'000'000, 18'000'000, 400'000, 250'000},
    {"vertex", "gemini-3.5-flash", 1'500'000, 9'000'000, 150'000, none, none, 1'500'000, 1'048'576,
     65'535},
    {"vertex", "gemini-3.5-flash-lite", 300'000, 2'500'000, 30'000, none, none, none, 1'048'576,
     65'536},
    {"bedrock", "eu.anthropic.claude-haiku-4-5-20251001-v1:0", 1'100'000, 5'500'000, 110'000,
     1'375'000, 2'200'000, none, 200'000, 64'000},
    {"bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", 3'300'000, 16'500'000, 330'000,
     4'125'000, 6'600'000, none, 200'000, 64'000, 200'000, 6'600'000, 24'750'000, 660'000,
     8'250'000, 13'200'000},
    {"bedrock", "eu.anthropic.claude-opus-4-5-20251101-v1:0", 5'500'000, 27'500'000, 550'000,
     6'875'000, 11'000'000, none, 200'000, 64'000},
    {"bedrock", "eu.anthropic.claude-sonnet-5", 2'200'000, 11'000'000, 220'000, 2'750'000,
     4'400'000, none, 1'000'000, 128'000},
    {"bedrock", "eu.anthropic.claude-opus-5", 5'500'000, 27'500'000, 550'000, 6'875'000, 11'000'000,
     none, 1'000'000, 128'000},
    {"bedrock", "us.anthropic.claude-haiku-4-5-20251001-v1:0", 1'100'000, 5'500'000, 110'000,
     1'375'000, 2'200'000, none, 200'000, 64'000},
    {"bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", 3'300'000, 16'500'000, 330'000,
     4'125'000, 6'600'000, none, 200'000, 64'000, 200'000, 6'600'000, 24'750'000, 660'000,
     8'250'000, 13'200'000},
    {"bedrock", "us.anthropic.claude-opus-4-5-20251101-v1:0", 5'500'000, 27'500'000, 550'000,
     6'875'000, 11'000'000, none, 200'000, 64'000},
    {"bedrock", "us.anthropic.claude-sonnet-5", 2'200'000, 11'000'000, 220'000, 2'750'000,
     4'400'000, none, 1'000'000, 128'000},
    {"bedrock", "us.anthropic.claude-opus-5", 5'500'000, 27'500'000, 550'000, 6'875'000, 11'000'000,
     none, 1'000'000, 128'000},
    {"bedrock", "global.anthropic.claude-haiku-4-5-20251001-v1:0", 1'000'000, 5'000'000, 100'000,
     1'250'000, 2'000'000, none, 200'000, 64'000},
    {"bedrock", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", 3'000'000, 15'000'000, 300'000,
     3'750'000, 6'000'000, none, 200'000, 64'000, 200'000, 6'000'000, 22'500'000, 600'000,
     7'500'000, 12'000'000},
    {"bedrock", "global.anthropic.claude-opus-4-5-20251101-v1:0", 5'000'000, 25'000'000, 500'000,
     6'250'000, 10'000'000, none, 200'000, 64'000},
    {"bedrock", "global.anthropic.claude-sonnet-5", 2'000'000, 10'000'000, 200'000, 2'500'000,
     4'000'000, none, 1'000'000, 128'000},
    {"bedrock", "global.anthropic.claude-opus-5", 5'000'000, 25'000'000, 500'000, 6'250'000,
     10'000'000, none, 1'000'000, 128'000},
    {"together", "meta-llama/Llama-3.3-70B-Instruct-Turbo", 1'040'000, 1'040'000, none, none, none,
     none, 131'072, 131'072},
    {"together", "deepseek-ai/DeepSeek-V3.1", 600'000, 1'700'000, none, none, none, none, 131'072,
     131'072},
    {"together", "Qwen/Qwen2.5-7B-Instruct-Turbo", 300'000, 300'000, none, none, none, none, 32'768,
     0},
    {"together", "Qwen/Qwen3.5-397B-A17B", 600'000, 3'600'000, 350'000, none, none, none, 262'144,
     262'144},
    {"together", "openai/gpt-oss-120b", 150'000, 600'000, none, none, none, none, 131'072, 131'072},
    {"together", "openai/gpt-oss-20b", 50'000, 200'000, none, none, none, none, 131'072, 131'072},
    {"fireworks", "accounts/fireworks/models/deepseek-v3p2", 560'000, 1'680'000, none, none, none,
     none, 163'840, 163'840},
    {"fireworks", "accounts/fireworks/models/deepseek-v4-pro", 1'200'000, 1'200'000, 600'000, none,
     none, none, 1'048'576, 131'072},
    {"fireworks", "accounts/fireworks/models/gpt-oss-120b", 150'000, 600'000, 15'000, none, none,
     none, 131'072, 32'768},
    {"fireworks", "accounts/fireworks/models/gpt-oss-20b", 70'000, 300'000, 35'000, none, none,
     none, 131'072, 32'768},
    {"fireworks", "accounts/fireworks/models/llama-v3p3-70b-instruct", 900'000, 900'000, none, none,
     none, none, 131'072, 131'072},
};

std::optional<PicoUsdPerToken> rate(std::int64_t value) {
  return value == none ? std::nullopt : std::optional(PicoUsdPerToken{value});
}

PriceRow row_of(const Line& line) {
  PriceRow row;
  row.origin = PriceOrigin::built_in;
  row.kind = line.kind;
  row.model = line.model;
  row.price.source = source;
  row.price.assumed = true;
  row.price.most_tokens_in = line.most_tokens_in;
  row.price.most_tokens_out = line.most_tokens_out;
  Rates& rates = row.price.rates;
  rates.input = {line.input};
  rates.output = {line.output};
  rates.cached = rate(line.cached);
  rates.cache_write = rate(line.cache_write);
  rates.cache_write_1h = rate(line.cache_write_1h);
  rates.audio_in = rate(line.audio_in);
  if (line.above == 0) return row;
  ContextTier& tier = row.price.above.emplace_back();
  tier.tokens = line.above;
  tier.rates = rates;
  tier.rates.input = {line.above_input};
  tier.rates.output = {line.above_output};
  tier.rates.cached = rate(line.above_cached);
  tier.rates.cache_write = rate(line.above_cache_write);
  tier.rates.cache_write_1h = rate(line.above_cache_write_1h);
  return row;
}
}  // namespace

std::vector<PriceRow> built_in_prices() {
  std::vector<PriceRow> rows;
  for (const Line& line : lines) rows.push_back(row_of(line));
  // A local engine is paid for with the machine, not by the token: this is known, and nothing.
  PriceRow& local = rows.emplace_back();
  local.origin = PriceOrigin::built_in;
  local.kind = "llama_cpp";
  local.model = "*";
  local.price.source = "runs on this machine";
  return rows;
}

}  // namespace holdfast::records

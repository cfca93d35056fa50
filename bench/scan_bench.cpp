// What reading a request and an answer costs: bytes a second of JSON, checked and understood.
#include <benchmark/benchmark.h>

#include "dialect/openai/answer.h"
#include "dialect/openai/request.h"

namespace {
using namespace holdfast::dialect::openai;

// A conversation whose turns have `turn_bytes` each.
std::string conversation(std::size_t bytes, std::size_t turn_bytes) {
  std::string out = R"({"model":"chat","temperature":0.2,"max_tokens":256,"stream":true,)"
                    R"("messages":[{"role":"system","content":"Answer briefly."})";
  while (out.size() < bytes)
    out += R"(,{"role":"user","content":")" + std::string(turn_bytes, 'x') + R"("})";
  return out + "]}";
}

void request(benchmark::State& state) {
  const std::string body = conversation(static_cast<std::size_t>(state.range(0)),
                                        static_cast<std::size_t>(state.range(1)));
  for (auto _ : state) {
    const auto scanned = scan_request(Endpoint::chat_completions, body);
    if (!scanned) state.SkipWithError("refused");
    benchmark::DoNotOptimize(scanned);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}
BENCHMARK(request)->Args({1024, 80})->Args({16384, 400})->Args({1 << 20, 1 << 18});

void event(benchmark::State& state) {
  constexpr std::string_view data =
      R"({"id":"chatcmpl-9f8e7d6c5b4a39281706","object":"chat.completion.chunk",)"
      R"("created":1800000000,"model":"gpt-4o-mini-2024-07-18","service_tier":"default",)"
      R"("system_fingerprint":"fp_0123456789","choices":[{"index":0,"delta":{"content":" the"},)"
      R"("logprobs":null,"finish_reason":null}],"usage":null})";
  for (auto _ : state) benchmark::DoNotOptimize(scan_event(data));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(data.size()));
}
BENCHMARK(event);
}  // namespace

BENCHMARK_MAIN();

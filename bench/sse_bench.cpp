// How fast server-sent events are told apart: bytes a second, fed as a socket gives them.
#include <benchmark/benchmark.h>

#include "net/sse_parser.h"

namespace {
std::string stream_of(std::string_view event) {
  std::string out;
  while (out.size() < (1U << 20U)) out += event;
  return out;
}

void parse(benchmark::State& state, std::string_view event) {
  const std::string stream = stream_of(event);
  const auto chunk = static_cast<std::size_t>(state.range(0));
  std::vector<holdfast::net::SseEvent> events;
  std::size_t count = 0;
  for (auto _ : state) {
    holdfast::net::SseParser parser;
    for (std::size_t at = 0; at < stream.size(); at += chunk) {
      events.clear();
      const auto fed = parser.feed(std::string_view(stream).substr(at, chunk), events);
      benchmark::DoNotOptimize(fed);
      count += events.size();
    }
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(stream.size()));
  state.SetItemsProcessed(static_cast<std::int64_t>(count));
}

constexpr std::string_view chat_chunk =
    R"(data: {"id":"chatcmpl-9f8e7d6c5b4a39281706","object":"chat.completion.chunk",)"
    R"("created":1800000000,"model":"gpt-4o-mini-2024-07-18","service_tier":"default",)"
    R"("system_fingerprint":"fp_0123456789","choices":[{"index":0,"delta":{"content":" the"},)"
    R"("logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"a1B2c3D4"})"
    "\n\n";
constexpr std::string_view named_event =
    "event: content_block_delta\r\n"
    R"(data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}})"
    "\r\n\r\n";
}  // namespace

// One event a read, as a provider sends them; then as many as a read takes.
BENCHMARK_CAPTURE(parse, chat_chunk, chat_chunk)->Arg(chat_chunk.size())->Arg(16384)->Arg(65536);
BENCHMARK_CAPTURE(parse, named_event, named_event)->Arg(named_event.size())->Arg(16384);
BENCHMARK_MAIN();

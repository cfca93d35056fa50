// What translation costs, pair by pair: requests and stream events a second, allocations for each,
// and how many times the scan of the same that passes through (over_scan; the aim for streams is
// less than two for the whole program, see run.py).
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdlib>
#include <ctime>
#include <new>

#include "dialect/anthropic/codec.h"
#include "dialect/bedrock/codec.h"
#include "dialect/cohere/codec.h"
#include "dialect/field_names.h"
#include "dialect/gemini/codec.h"
#include "dialect/openai/answer.h"
#include "dialect/openai/codec.h"
#include "dialect/openai/request.h"
#include "dialect/openai_responses/codec.h"
#include "net/sse_parser.h"

namespace {
std::uint64_t allocations = 0;  // benchmarks have one thread
}  // namespace

// Every other form of new comes down to this one.
void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t /*size*/) noexcept { std::free(memory); }

namespace {
using namespace holdfast;
using namespace holdfast::dialect;

const Codec* const codecs[] = {&openai::codec(), &openai_responses::codec(), &anthropic::codec(),
                               &gemini::codec(), &bedrock::codec(),          &cohere::codec()};
constexpr std::size_t clients = 5;  // the first of them
constexpr std::size_t deltas = 256;

bool path_says_model(const Codec& codec) {
  return codec.dialect() == Dialect::gemini || codec.dialect() == Dialect::bedrock;
}

Abilities abilities_of(const Codec& codec) {
  Abilities out;
  out.house = house_of(codec.dialect());
  return out;
}

// A conversation of some kilobytes with a tool, in OpenAI's chat dialect.
std::string chat_body() {
  std::string out = R"({"model":"m","temperature":0.2,"max_tokens":256,"messages":[)"
                    R"({"role":"system","content":"Answer briefly."})";
  for (int turn = 0; turn < 8; ++turn)
    out += fmt::format(R"(,{{"role":"user","content":"{}"}},{{"role":"assistant","content":"{}"}})",
                       std::string(200, 'x'), std::string(200, 'y'));
  return out + R"(,{"role":"user","content":"And now?"}],"tools":[{"type":"function","function":)"
               R"({"name":"weather","description":"The weather","parameters":{"type":"object",)"
               R"("properties":{"city":{"type":"string"}},"required":["city"]}}}]})";
}

// The same in `codec`'s dialect.
std::string body_of(const Codec& codec) {
  const std::string chat = chat_body();
  const auto request = openai::codec().read_request(chat, {}, false);
  std::vector<Loss> losses;
  return codec.write_request(*request, "m", abilities_of(codec), losses)->body.joined();
}

// An answer of `deltas` pieces as an upstream of `codec`'s dialect streams it.
std::string stream_of(const Codec& codec) {
  const Request request;
  AnswerContext context;
  context.request_id = "req_1";
  context.model = "m";
  context.now_s = 1'800'000'000;
  context.include_usage = true;
  context.pad = false;
  context.request = &request;
  const auto writer = codec.stream_writer(context);
  std::string out;
  const auto write = [&](EventKind kind, auto set) {
    StreamEvent event;
    event.kind = kind;
    set(event);
    writer->write(event, out);
  };
  write(EventKind::start, [](StreamEvent& event) { event.id = "a1", event.name = "model-x"; });
  write(EventKind::block_start, [](StreamEvent&) {});
  for (std::size_t i = 0; i < deltas; ++i)
    write(EventKind::delta, [](StreamEvent& event) { event.text = " token"; });
  write(EventKind::block_stop, [](StreamEvent&) {});
  write(EventKind::usage, [](StreamEvent& event) {
    event.usage.tokens_in = 100;
    event.usage.tokens_out = deltas;
  });
  write(EventKind::finish, [](StreamEvent& event) { event.finish = FinishReason::stop; });
  write(EventKind::end, [](StreamEvent&) {});
  return out;
}

// Calls take(bytes) with pieces as a socket gives them.
template <class Take>
void in_pieces(std::string_view bytes, Take take) {
  constexpr std::size_t piece = 1400;
  for (std::size_t at = 0; at < bytes.size(); at += piece) take(bytes.substr(at, piece));
}

// What passes through is read so.
std::size_t scan_stream(std::string_view bytes) {
  net::SseParser parser;
  std::vector<net::SseEvent> events;
  std::size_t contents = 0;
  in_pieces(bytes, [&](std::string_view piece) {
    events.clear();
    if (!parser.feed(piece, events)) return;
    for (const net::SseEvent& event : events)
      contents += openai::scan_event(event.data).content ? 1U : 0U;
  });
  return contents;
}

std::size_t translate_stream(const Codec& upstream, const Codec& client, std::string_view bytes,
                             std::string& out) {
  const Request request;
  AnswerContext context;
  context.request_id = "req_1";
  context.model = "m";
  context.pad_seed = 7;
  context.request = &request;
  const auto reader = upstream.stream_reader();
  const auto writer = client.stream_writer(context);
  std::vector<StreamEvent> events;
  std::size_t contents = 0;
  in_pieces(bytes, [&](std::string_view piece) {
    events.clear();
    if (!reader->feed(piece, events)) return;
    for (const StreamEvent& event : events) {
      contents += event.kind == EventKind::delta ? 1U : 0U;
      writer->write(event, out);
    }
    out.clear();  // sent
  });
  return contents;
}

// Of this thread's CPU: other work on the machine does not count.
double cpu_ns() {
  timespec at{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
  return static_cast<double>(at.tv_sec) * 1e9 + static_cast<double>(at.tv_nsec);
}

// Nanoseconds of one `work`, over about a tenth of a second.
template <class Work>
double time_of(Work work) {
  const double began = cpu_ns();
  std::size_t times = 0;
  while (cpu_ns() - began < 1e8) {
    work();
    ++times;
  }
  return (cpu_ns() - began) / static_cast<double>(times);
}

// Runs `work` and counts `items` for each; `scan_ns` is what the scan of the same takes.
template <class Work>
void measure(benchmark::State& state, double items, double scan_ns, Work work) {
  const std::uint64_t before = allocations;
  const double began = cpu_ns();
  for (auto _ : state) work(state);
  const double took = cpu_ns() - began;
  const double rounds = static_cast<double>(state.iterations());
  state.SetItemsProcessed(static_cast<std::int64_t>(rounds * items));
  state.counters["allocations"] = static_cast<double>(allocations - before) / (rounds * items);
  state.counters["over_scan"] = took / rounds / scan_ns;
}

void register_requests() {
  static const std::string chat = chat_body();
  static const double scan_ns = time_of([] {
    benchmark::DoNotOptimize(openai::scan_request(openai::Endpoint::chat_completions, chat));
  });
  benchmark::RegisterBenchmark("request/passed", [](benchmark::State& state) {
    measure(state, 1, scan_ns, [](benchmark::State& run) {
      if (!openai::scan_request(openai::Endpoint::chat_completions, chat))
        run.SkipWithError("refused");
    });
  });
  for (std::size_t from = 0; from < clients; ++from)
    for (const Codec* to : codecs) {
      const Codec* client = codecs[from];
      const std::string name =
          fmt::format("request/{}/{}", to_string(client->dialect()), to_string(to->dialect()));
      benchmark::RegisterBenchmark(
          name.c_str(), [client, to, body = body_of(*client)](benchmark::State& state) {
            measure(state, 1, scan_ns, [&](benchmark::State& run) {
              const auto request =
                  client->read_request(body, path_says_model(*client) ? "m" : "", false);
              std::vector<Loss> losses;
              if (!request || !to->write_request(*request, "m", abilities_of(*to), losses))
                run.SkipWithError("refused");
            });
          });
    }
}

void register_streams() {
  static const std::string passed = stream_of(openai::codec());
  static const double scan_ns = time_of([] { benchmark::DoNotOptimize(scan_stream(passed)); });
  benchmark::RegisterBenchmark("events/passed", [](benchmark::State& state) {
    measure(state, deltas, scan_ns, [](benchmark::State& run) {
      if (scan_stream(passed) < deltas) run.SkipWithError("not read");
    });
  });
  for (std::size_t from = 0; from < clients; ++from)  // Cohere's streams are written by nobody
    for (std::size_t to = 0; to < clients; ++to) {
      const Codec *upstream = codecs[from], *client = codecs[to];
      const std::string name =
          fmt::format("events/{}/{}", to_string(upstream->dialect()), to_string(client->dialect()));
      benchmark::RegisterBenchmark(
          name.c_str(), [upstream, client, bytes = stream_of(*upstream)](benchmark::State& state) {
            std::string out;
            measure(state, deltas, scan_ns, [&](benchmark::State& run) {
              if (translate_stream(*upstream, *client, bytes, out) < deltas)
                run.SkipWithError("not read");
            });
          });
    }
}
}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  register_requests();
  register_streams();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

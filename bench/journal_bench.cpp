// What recording costs a request: a start and an end in memory, and the write of a batch.
#include <benchmark/benchmark.h>

#include <filesystem>

#include "observe/counters.h"
#include "records/drain.h"

namespace {
using namespace holdfast;
using namespace holdfast::records;

// A journal whose drain is not running: what is measured is the loop's side alone.
struct Fixture {
  explicit Fixture() {
    path = (std::filesystem::temp_directory_path() / "journal-bench-XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) std::abort();
    folder = *JournalFolder::open(path, 1, system_disk());
    journal = std::make_unique<Journal>(folder, std::uint16_t{0}, system_clock());
  }
  ~Fixture() {
    journal.reset();
    std::filesystem::remove_all(path);
  }
  // One attempt of the usual size.
  void record() {
    AttemptStart start;
    start.request_id = "req_01890a5d2f7cb1e4a9d03c6e58f2714b";
    start.started_us = 1'700'000'000'000'000;
    start.logical_model = "chat";
    start.provider = "openai";
    start.model = "gpt-4o-mini";
    start.key_name = "support-bot";
    AttemptEnd end;
    end.serial = journal->start(start);
    end.ended_us = 1'700'000'001'000'000;
    end.status = 200;
    end.answer_status = 200;
    end.tokens_in = 1234;
    end.tokens_out = 567;
    end.total_us = 1'000'000;
    end.upstream_request_id = "req_a1b2c3d4e5f60718293a4b5c6d7e8f90";
    journal->end(end);
  }
  // The files go as they would behind a drain that keeps up.
  void drop_finished() {
    for (const auto& file : folder->files())
      if (file->finished) folder->remove(*file);
  }
  std::string path;
  std::shared_ptr<JournalFolder> folder;
  std::unique_ptr<Journal> journal;
};

void start_and_end(benchmark::State& state) {
  Fixture fixture;
  int recorded = 0;
  for (auto _ : state) {
    fixture.record();
    if (++recorded % 4096 != 0) continue;
    state.PauseTiming();
    if (!fixture.journal->flush()) state.SkipWithError("flush");
    fixture.drop_finished();
    state.ResumeTiming();
  }
}
BENCHMARK(start_and_end);

// range: attempts in the batch. Items are attempts, the flush included.
void flush_batch(benchmark::State& state) {
  Fixture fixture;
  for (auto _ : state) {
    for (std::int64_t i = 0; i < state.range(0); ++i) fixture.record();
    if (!fixture.journal->flush()) state.SkipWithError("flush");
    fixture.drop_finished();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(flush_batch)->Arg(1)->Arg(8)->Arg(64);

// From journal to committed rows. Items are attempts.
void drain(benchmark::State& state) {
  std::string path = (std::filesystem::temp_directory_path() / "drain-bench-XXXXXX").string();
  if (::mkdtemp(path.data()) == nullptr) std::abort();
  {
    Settings settings;
    settings.keep = std::chrono::hours(24 * 365 * 100);
    auto drain = *Drain::open(path, settings, system_clock());
    Fixture fixture;
    fixture.journal = drain->open_journal();
    for (auto _ : state) {
      for (std::int64_t i = 0; i < state.range(0); ++i) fixture.record();
      if (!fixture.journal->flush()) state.SkipWithError("flush");
      if (!drain->wait_until_drained()) state.SkipWithError("drain");
    }
  }
  std::filesystem::remove_all(path);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(drain)->Arg(1)->Arg(100)->Arg(10'000)->Unit(benchmark::kMicrosecond)->UseRealTime();

void count_an_answer(benchmark::State& state) {
  observe::ThreadCounters counters;
  std::int64_t us = 0;
  for (auto _ : state) {
    counters.answered(observe::Route::chat_completions, 200);
    counters.request_duration[0].observe_us(us += 997);
    counters.target(3).attempts[0].add();
    counters.target(3).attempt_duration.observe_us(us);
  }
}
BENCHMARK(count_an_answer);
}  // namespace

BENCHMARK_MAIN();

// What it costs to know a key: one of the configuration, compared with each in constant time, and a
// virtual one, hashed and found by its id.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "identity/key_changes.h"
#include "identity/key_table.h"
#include "identity/keys.h"

namespace {

using namespace holdfast;

constexpr std::int64_t now_us = 1'000'000;

void static_key(benchmark::State& state) {
  std::vector<identity::KeySettings> settings(static_cast<std::size_t>(state.range(0)));
  for (std::size_t i = 0; i < settings.size(); ++i)
    settings[i].key = Secret(fmt::format("sk-{:0>52}", i));
  const std::string offered(settings.back().key.reveal());
  const identity::Keys keys(std::move(settings));
  for (auto _ : state) benchmark::DoNotOptimize(keys.find_key(offered));
}
BENCHMARK(static_key)->Arg(1)->Arg(100)->Arg(10'000);

// What is offered to a table of `count` keys.
enum class Offered { right, wrong_secret, unknown_id };

void virtual_key(benchmark::State& state, Offered what) {
  const identity::Pepper pepper("a pepper of a benchmark, 32 byte");
  std::vector<identity::VirtualKey> keys(static_cast<std::size_t>(state.range(0)));
  const std::string secret = identity::random_characters(identity::key_secret_characters);
  std::string offered;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    keys[i].id = identity::random_characters(identity::key_id_characters);
    keys[i].name = fmt::format("key-{}", i);
    offered = identity::write_key_text(keys[i].id, secret);
    keys[i].hash = pepper.hash(offered);
  }
  if (what != Offered::right)
    offered = identity::write_key_text(
        what == Offered::wrong_secret ? keys.back().id
                                      : identity::random_characters(identity::key_id_characters),
        identity::random_characters(identity::key_secret_characters));
  std::unordered_map<std::string, std::shared_ptr<identity::KeyUse>> uses;
  const identity::KeyTable table(pepper, keys, uses);
  for (auto _ : state) {
    const auto text = identity::read_key_text(offered);
    benchmark::DoNotOptimize(table.find(offered, *text, now_us));
  }
}
BENCHMARK_CAPTURE(virtual_key, right, Offered::right)->Arg(1)->Arg(100)->Arg(10'000);
BENCHMARK_CAPTURE(virtual_key, wrong_secret, Offered::wrong_secret)->Arg(10'000);
BENCHMARK_CAPTURE(virtual_key, unknown_id, Offered::unknown_id)->Arg(10'000);

// What a change costs the main thread: the whole table anew.
void table_anew(benchmark::State& state) {
  const identity::Pepper pepper("a pepper of a benchmark, 32 byte");
  std::vector<identity::VirtualKey> keys(static_cast<std::size_t>(state.range(0)));
  for (std::size_t i = 0; i < keys.size(); ++i) {
    keys[i].id = identity::random_characters(identity::key_id_characters);
    keys[i].name = fmt::format("key-{}", i);
    keys[i].scope.models = {"chat", "embed"};
  }
  std::unordered_map<std::string, std::shared_ptr<identity::KeyUse>> uses;
  for (auto _ : state) benchmark::DoNotOptimize(identity::KeyTable(pepper, keys, uses));
}
BENCHMARK(table_anew)->Arg(100)->Arg(10'000);

}  // namespace

BENCHMARK_MAIN();

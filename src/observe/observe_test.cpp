#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "observe/process.h"
#include "observe/registry.h"
#include "observe/summary.h"

namespace holdfast::observe {
namespace {
using namespace std::chrono_literals;

// The value of one line of the exposition; -1 when there is none.
double value_of(const std::string& text, const std::string& series) {
  const std::size_t at = ("\n" + text).find("\n" + series + " ");
  return at == std::string::npos ? -1 : std::stod(text.substr(at + series.size() + 1));
}

// Gives every metric a value, so that each is shown.
void fill(Registry& registry) {
  ThreadCounters& thread = registry.add_thread();
  thread.answered(Route::chat_completions, 200);
  thread.request_duration[0].observe_us(1'234);
  thread.shed(ServiceClass::experimental, Shed::queue_full);
  thread.queue_wait.observe_us(5);
  thread.limited(config::LimitScope::key, config::LimitKind::tokens_per_minute);
  TargetCounters& target = thread.target(registry.target_index("openai", "gpt-4o \"mini\"\\\n"));
  target.attempts[0].add();
  target.failovers[1].add();
  target.hedges.add();
  target.hedges_won.add();
  target.shadows[0].add();
  target.shadows_dropped[0].add();
  target.shadow_duration.observe_us(5);
  target.shadow_first_content.observe_us(5);
  target.tokens[0].add(5);
  target.cost_nano_usd.add(5);
  target.unknown_costs.add();
  target.attempt_duration.observe_us(5);
  target.time_to_first_content.observe_us(5);
  ServiceCounters& service = thread.service(registry.service_index("chat", "support"));
  service.requests[static_cast<std::size_t>(RequestEnd::ok)].add();
  service.duration.observe_us(5);
  service.cost_nano_usd.add(5);
  thread.cache[0].add();
  for (const Description& metric : metrics()) {
    if (metric.metric < Metric::breaker_state || metric.metric > Metric::alert_messages) continue;
    std::vector<std::string> labels;
    if (!metric.labels.empty()) labels.emplace_back("a");
    for (std::size_t i = 0; i < static_cast<std::size_t>(std::ranges::count(metric.labels, ','));
         ++i)
      labels.emplace_back("b");
    registry.provide(metric.metric, [labels] { return std::vector<Sample>{{labels, 1}}; });
  }
}

TEST(Registry, ShowsEveryMetricOfTheTable) {
  Registry registry("1.2.3");
  fill(registry);
  const std::string text = registry.expose();
  for (const Description& metric : metrics()) {
    EXPECT_NE(text.find(fmt::format("# HELP {} {}\n", metric.name, metric.help)), std::string::npos)
        << metric.name;
    EXPECT_NE(text.find(fmt::format("# TYPE {} ", metric.name)), std::string::npos) << metric.name;
  }
  EXPECT_EQ(value_of(text, "holdfast_build_info{version=\"1.2.3\"}"), 1);
}

TEST(Registry, PassesPromtool) {
  const char* named = ::getenv("HOLDFAST_PROMTOOL");
  const std::string promtool = named == nullptr ? "promtool" : named;
  if (std::system((promtool + " --version >/dev/null 2>&1").c_str()) != 0)
    GTEST_SKIP() << "no promtool: ./dev test unpacks it and names it in HOLDFAST_PROMTOOL";
  Registry registry("1.2.3");
  fill(registry);
  std::string folder = testing::TempDir() + "metrics-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  std::ofstream(folder + "/metrics") << registry.expose();
  const std::string command =
      fmt::format("{0} check metrics <{1}/metrics >{1}/said 2>&1", promtool, folder);
  const int status = std::system(command.c_str());
  std::ostringstream said;
  said << std::ifstream(folder + "/said").rdbuf();
  EXPECT_EQ(status, 0);
  EXPECT_EQ(said.str(), "");
  std::filesystem::remove_all(folder);
}

TEST(Registry, MergesThreads) {
  Registry registry("1");
  ThreadCounters& one = registry.add_thread();
  ThreadCounters& two = registry.add_thread();
  const std::size_t target = registry.target_index("openai", "gpt");
  one.answered(Route::embeddings, 200);
  two.answered(Route::embeddings, 200);
  two.answered(Route::embeddings, 503);
  one.target(target).attempts[static_cast<std::size_t>(FailureClass::dns)].add(2);
  two.target(target).attempts[static_cast<std::size_t>(FailureClass::dns)].add(3);
  one.streams.up();
  one.streams.up();
  two.streams.up();
  two.streams.down();
  const std::string text = registry.expose();
  struct Case {
    const char* series;
    double want;
  };
  for (const Case& c :
       {Case{"holdfast_requests_total{endpoint=\"embeddings\",status=\"200\"}", 2},
        Case{"holdfast_requests_total{endpoint=\"embeddings\",status=\"503\"}", 1},
        Case{"holdfast_attempts_total{provider=\"openai\",model=\"gpt\",failure=\"dns\"}", 5},
        Case{"holdfast_streams", 2}})
    EXPECT_EQ(value_of(text, c.series), c.want) << c.series;
}

TEST(Registry, AnswersOfAnyStatusAreCounted) {
  Registry registry("1");
  ThreadCounters& thread = registry.add_thread();
  for (const unsigned status : {0U, 99U, 600U, 70'000U}) thread.answered(Route::other, status);
  EXPECT_EQ(
      value_of(registry.expose(), "holdfast_requests_total{endpoint=\"other\",status=\"599\"}"), 4);
}

TEST(Registry, NumbersTargetsOnceAndBoundsThem) {
  Registry registry("1");
  EXPECT_EQ(registry.target_index("a", "x"), 0U);
  EXPECT_EQ(registry.target_index("a", "y"), 1U);
  EXPECT_EQ(registry.target_index("a", "x"), 0U);
  for (std::size_t i = 2; i < limits::targets_total; ++i)
    EXPECT_EQ(registry.target_index("many", std::to_string(i)), i);
  EXPECT_EQ(registry.target_index("one", "more"), limits::targets_total);
  EXPECT_EQ(registry.target_index("and", "more"), limits::targets_total);
  EXPECT_EQ(registry.target_index("a", "y"), 1U);
  ThreadCounters& thread = registry.add_thread();
  thread.target(limits::targets_total).attempts[0].add();
  thread.target(limits::targets_total + 5).attempts[0].add();
  EXPECT_EQ(
      value_of(registry.expose(),
               "holdfast_attempts_total{provider=\"other\",model=\"other\",failure=\"none\"}"),
      2);
}

TEST(Registry, CountsServicesBesideTargets) {
  Registry registry("1");
  ThreadCounters& one = registry.add_thread();
  ThreadCounters& two = registry.add_thread();
  const std::size_t index = registry.service_index("chat", "");
  EXPECT_EQ(registry.service_index("chat", ""), index);
  EXPECT_NE(registry.service_index("chat", "support"), index);
  one.service(index).requests[static_cast<std::size_t>(RequestEnd::error)].add(2);
  two.service(index).requests[static_cast<std::size_t>(RequestEnd::error)].add(3);
  const std::string series =
      "holdfast_service_requests_total{logical_model=\"chat\",service=\"\",result=\"error\"}";
  EXPECT_EQ(value_of(registry.expose(), series), 5);
}

TEST(Registry, AProviderMayAskTheRegistry) {
  Registry registry("1");
  registry.provide(Metric::snapshot_generation,
                   [&] { return static_cast<double>(registry.targets().size()); });
  EXPECT_EQ(value_of(registry.expose(), "holdfast_snapshot_generation"), 0);
}

TEST(Registry, CountsWhileItIsScraped) {
  Registry registry("1");
  ThreadCounters& counters = registry.add_thread();
  const std::size_t target = registry.target_index("openai", "gpt");
  constexpr int rounds = 20'000;
  std::atomic<bool> done = false;
  std::thread loop([&] {
    for (int i = 0; i < rounds; ++i) {
      counters.answered(Route::chat_completions, 200);
      counters.target(target).attempt_duration.observe_us(i);
    }
    done = true;
  });
  while (!done) registry.expose();
  loop.join();
  EXPECT_EQ(value_of(registry.expose(),
                     "holdfast_attempt_duration_seconds_count{provider="
                     "\"openai\",model=\"gpt\"}"),
            rounds);
}

TEST(Histogram, BoundsBelongToTheirBucket) {
  struct Case {
    const char* rule;
    std::int64_t value_us;
    std::size_t bucket;
  };
  constexpr Case cases[] = {{"below zero is zero", -5, 0},
                            {"zero", 0, 0},
                            {"a bound belongs to its bucket", 500, 0},
                            {"and what is above to the next", 501, 1},
                            {"the last bound", 600'000'000, bucket_bounds_us.size() - 1},
                            {"beyond all", 600'000'001, bucket_bounds_us.size()}};
  for (const Case& c : cases) {
    Histogram histogram;
    histogram.observe_us(c.value_us);
    for (std::size_t i = 0; i <= bucket_bounds_us.size(); ++i)
      EXPECT_EQ(histogram.bucket(i), i == c.bucket ? 1U : 0U) << c.rule;
    EXPECT_EQ(histogram.sum_us(),
              static_cast<std::uint64_t>(std::max<std::int64_t>(c.value_us, 0)));
  }
}

TEST(Names, AreEachTheirOwn) {
  std::set<std::string_view> seen;
  for (const Description& metric : metrics()) EXPECT_TRUE(seen.insert(metric.name).second);
  for (std::size_t i = 0; i < route_count; ++i)
    EXPECT_TRUE(seen.insert(to_string(static_cast<Route>(i))).second);
  for (std::size_t i = 0; i < refusal_count; ++i)
    EXPECT_TRUE(seen.insert(to_string(static_cast<Refusal>(i))).second);
}

TEST(Reference, IsUpToDate) {
  const std::string path = HF_SOURCE_DIR "/docs/reference/metrics.md";
  if (::getenv("HOLDFAST_UPDATE_GOLDENS") != nullptr) std::ofstream(path) << metrics_reference();
  std::ostringstream page;
  page << std::ifstream(path).rdbuf();
  EXPECT_EQ(page.str(), metrics_reference()) << "./dev test --update writes it anew";
}

TEST(ProcessFacts, AreThoseOfThisProcess) {
  const ProcessFacts facts = process_facts();
  EXPECT_GT(facts.resident_bytes, 1'000'000U);
  EXPECT_GE(facts.open_fds, 3U);
  const auto now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch());
  EXPECT_NEAR(facts.started_seconds, now.count(), 600);
  const int extra = ::dup(0);
  EXPECT_EQ(process_facts().open_fds, facts.open_fds + 1);
  ::close(extra);
}

TEST(Summary, AddsUpAndReadsAsJson) {
  Registry registry("1");
  ThreadCounters& thread = registry.add_thread();
  for (const unsigned status : {200U, 200U, 400U, 503U})
    thread.answered(Route::completions, status);
  thread.refused(Refusal::unauthorized);
  TargetCounters& target = thread.target(registry.target_index("openai", "gpt"));
  target.attempts[0].add(3);
  target.attempts[static_cast<std::size_t>(FailureClass::stall)].add();
  target.failovers[static_cast<std::size_t>(FailureClass::stall)].add();
  target.tokens[static_cast<std::size_t>(TokenKind::out)].add(9);
  EXPECT_EQ(
      boost::json::serialize(to_json(summarize(registry))),
      R"({"requests":4,"client_errors":1,"server_errors":1,"refused":1,"attempts":4,"failovers":1,)"
      R"("tokens_in":0,"tokens_out":9,"cut_streams":0,"error_events":0,"clients_left":0,"bugs":0,)"
      R"("requests_in_flight":0,"client_connections":0,"streams":0,"targets":[{"provider":)"
      R"("openai","model":"gpt","attempts":4,"failed":1,"failovers":1,"tokens_in":0,)"
      R"("tokens_out":9,"failures":{"stall":1}}]})");
}

TEST(RateMeter, TellsTheLastTenSeconds) {
  RateMeter meter;
  Summary summary;
  MonoTime now{};
  EXPECT_EQ(meter.update(now, summary).requests_per_second, 0) << "one point has no rate";
  EXPECT_EQ(meter.update(now, summary).requests_per_second, 0) << "nor has no time";
  for (int second = 1; second <= 30; ++second) {
    now += 1s;
    summary.requests += 5;
    summary.tokens_in += 100;
    summary.tokens_out += 20;
    const Rates rates = meter.update(now, summary);
    EXPECT_DOUBLE_EQ(rates.requests_per_second, 5);
    EXPECT_DOUBLE_EQ(rates.tokens_in_per_second, 100);
    EXPECT_DOUBLE_EQ(rates.tokens_out_per_second, 20);
  }
  for (int second = 1; second <= 5; ++second) {
    now += 1s;
    EXPECT_DOUBLE_EQ(meter.update(now, summary).requests_per_second, (10 - second) * 0.5);
  }
  now += 10s;
  EXPECT_DOUBLE_EQ(meter.update(now, summary).requests_per_second, 0) << "all of it is past";
}

TEST(RateMeter, IsNotMisledByManyWhoAsk) {
  RateMeter meter;
  Summary summary;
  MonoTime now{};
  meter.update(now, summary);
  Rates rates;
  for (int i = 0; i < 100'000; ++i) {
    now += 1ms;
    ++summary.requests;
    rates = meter.update(now, summary);
  }
  EXPECT_NEAR(rates.requests_per_second, 1000, 1e-6);
}
}  // namespace
}  // namespace holdfast::observe

#include "cli/simulate.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace holdfast::cli {
namespace {
namespace fs = std::filesystem;

constexpr const char* config_text = R"(
providers:
  first: { kind: openai, key: env:SIM_KEY, owner: one, region: west }
  second: { kind: anthropic, key: env:SIM_KEY, owner: two, region: west }
  third: { kind: openai_compatible, base_url: https://third.example/v1, key: env:SIM_OTHER }
keys:
  app: { key: env:SIM_CLIENT, models: [chat] }
models:
  chat:
    targets:
      - { provider: first, model: a }
      - { provider: second, model: b }
      - { provider: third, model: c }
  other: { targets: [{ provider: third, model: m }] }
)";
constexpr const char* scenario_text = R"(
name: short
lasts: 12s
model: chat
traffic: { requests_per_second: 10, tokens: 5 }
faults:
  - { kind: outage, same_key_as: first, at: 4s, lasts: 4s }
)";

struct SimulateTest : ::testing::Test {
  SimulateTest() {
    std::string name = (fs::temp_directory_path() / "holdfast-sim-XXXXXX").string();
    folder = ::mkdtemp(name.data());
    ::setenv("SIM_KEY", "not-a-secret-0123456789", 1);
    ::setenv("SIM_OTHER", "not-a-secret-9876543210", 1);
    ::setenv("SIM_CLIENT", "not-a-secret-of-a-client-01", 1);
    options.config_path = write("holdfast.yaml", config_text);
    options.scenario = write("short.yaml", scenario_text);
  }
  ~SimulateTest() override { fs::remove_all(folder); }
  SimulateTest(const SimulateTest&) = delete;
  SimulateTest& operator=(const SimulateTest&) = delete;
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder / name) << text;
    return (folder / name).string();
  }
  fs::path folder;
  SimulateOptions options;
};

TEST_F(SimulateTest, ReportsWhatHappenedInEightyColumns) {
  const Outcome once = simulate(options, false, 0);
  EXPECT_EQ(once.exit_code, 0) << once.out << once.error;
  EXPECT_NE(once.out.find("outage of first, second"), std::string::npos) << once.out;
  EXPECT_NE(once.out.find("who answered, in percent"), std::string::npos) << once.out;
  std::istringstream lines(once.out);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
  EXPECT_EQ(simulate(options, false, 0).out, once.out) << "the same seed, the same report";
}

TEST_F(SimulateTest, FiguresComeAsJson) {
  options.seeds = 3;
  const Outcome outcome = simulate(options, true, 0);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.error;
  const auto root = boost::json::parse(outcome.out).as_object();
  const auto& runs = root.at("runs").as_array();
  ASSERT_EQ(runs.size(), 3U);
  EXPECT_NE(runs[0].at("history"), runs[1].at("history"));
  EXPECT_GT(runs[0].at("requests").to_number<int>(), 50);
  EXPECT_EQ(runs[0].at("errors").to_number<int>(), 0);
  EXPECT_EQ(runs[0].at("slices").as_array().size(), 10U);
  EXPECT_GT(runs[0].at("slices").at(4).at("answered").at("third").to_number<int>(), 0);
  EXPECT_TRUE(runs[0].at("broken_rules").as_array().empty());
}

TEST_F(SimulateTest, EveryBuiltInScenarioRunsAndBreaksNoRule) {
  SimulateOptions only_names;
  only_names.list = true;
  const std::string listed = simulate(only_names, false, 0).out;
  std::istringstream lines(listed);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    options.scenario = line.substr(0, line.find(' '));
    const Outcome outcome = simulate(options, false, 0);
    EXPECT_EQ(outcome.exit_code, 0) << options.scenario << "\n" << outcome.out << outcome.error;
  }
  EXPECT_GE(count, 11);
}

TEST_F(SimulateTest, WarnsOfWhatIsLeftOut) {
  EXPECT_EQ(simulate(options, false, 0).error, "");
  std::string text = config_text;
  text.insert(text.find("    targets:"), "    cache: {}\n");
  text += "budgets:\n  all: { amount: 5, period: day }\n";
  options.config_path = write("money.yaml", text);
  const Outcome outcome = simulate(options, false, 0);
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_NE(outcome.error.find("warning: budgets are left out"), std::string::npos)
      << outcome.error;
  EXPECT_NE(outcome.error.find("warning: models.chat.cache is left out"), std::string::npos);
}

// An attempt on record, as /api/v1/requests tells it.
std::string recorded(int second, const char* model, const char* key, const char* features,
                     int tokens, const char* endpoint = "chat_completions") {
  return fmt::format(R"({{"request_id":"r{0}","attempt":1,"started_us":{1},"logical_model":"{2}",)"
                     R"("key_name":"{3}","provider":"first","endpoint":"{4}","features":[{5}],)"
                     R"("failure":"none","committed":true,"tokens_in":{6},"tokens_out":{7},)"
                     R"("first_content_us":50000,"total_us":90000}})"
                     "\n",
                     second, 1'790'000'000'000'000 + second * 1'000'000LL, model, key, endpoint,
                     features, 100 * tokens, tokens);
}

TEST_F(SimulateTest, SendsWhatWasRecorded) {
  std::string past;
  for (int second = 0; second < 40; ++second)
    past += recorded(second, "chat", second % 4 == 0 ? "gone" : "app",
                     second % 2 == 0 ? R"("stream","tools","images")" : R"("reasoning","stop")",
                     second + 1);
  past += recorded(41, "chat", "app", R"("schema")", 0);
  past += recorded(42, "chat", "app", "", 1, "rerank");
  write("past.jsonl", past);
  options.scenario = write("again.yaml", R"(
traffic: { recorded: past.jsonl }
faults: [{ kind: outage, provider: first, at: 10s, lasts: 10s }]
)");
  const Outcome outcome = simulate(options, true, 0);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.out << outcome.error;
  const auto root = boost::json::parse(outcome.out).as_object();
  EXPECT_EQ(root.at("model").as_string(), "chat");
  const auto& run = root.at("runs").at(0).as_object();
  EXPECT_EQ(run.at("requests").to_number<int>(), 41);
  EXPECT_EQ(run.at("answered").to_number<int>(), 41);
  EXPECT_EQ(run.at("tokens_out").to_number<int>(), 40 * 41 / 2);
  EXPECT_EQ(run.at("tokens_in").to_number<int>(), 100 * 40 * 41 / 2);
  EXPECT_TRUE(run.at("broken_rules").as_array().empty());
  for (const char* warning :
       {"10 of gone", "1 with schema", "requests that are no conversations are left out: 1 rerank"})
    EXPECT_NE(outcome.error.find(warning), std::string::npos) << outcome.error;
  EXPECT_EQ(simulate(options, true, 0).out, outcome.out) << "the same file, the same history";
  const std::string report = simulate(options, false, 0).out;
  EXPECT_NE(report.find("model chat, 42 s recorded from 2026-09-21T14:13:20Z, seed 1"),
            std::string::npos)
      << report;

  options.scenario = write("part.yaml", R"(
traffic: { recorded: past.jsonl, from: 2026-09-21T14:13:30Z, until: 2026-09-21T14:13:40Z, speed: 5 }
)");
  const Outcome part = simulate(options, true, 0);
  ASSERT_EQ(part.exit_code, 0) << part.error;
  const auto part_root = boost::json::parse(part.out);
  const auto& short_run = part_root.at("runs").at(0).as_object();
  EXPECT_EQ(short_run.at("requests").to_number<int>(), 10);
  EXPECT_EQ(short_run.at("slices").at(9).at("until_ms").to_number<int>(), 2'000);
}

TEST_F(SimulateTest, RecordedModelsComeOneAfterTheOther) {
  std::string config = config_text;
  config.replace(config.find("models: [chat]"), 14, "models: [chat, other]");
  options.config_path = write("two.yaml", config);
  write("past.jsonl", recorded(1, "other", "app", "", 3) + recorded(2, "chat", "app", "", 4) +
                          recorded(3, "chat", "app", "", 5));
  options.scenario = write("again.yaml", "traffic: { recorded: past.jsonl }\n");
  std::istringstream lines(simulate(options, true, 0).out);
  std::string chat, other;
  ASSERT_TRUE(std::getline(lines, chat) && std::getline(lines, other));
  EXPECT_EQ(boost::json::parse(chat).at("runs").at(0).at("requests").to_number<int>(), 2);
  EXPECT_EQ(boost::json::parse(other).at("model").as_string(), "other");
  options.scenario = write("one.yaml", "model: other\ntraffic: { recorded: past.jsonl }\n");
  EXPECT_EQ(simulate(options, true, 0).out.find(R"("model":"chat")"), std::string::npos);
}

TEST_F(SimulateTest, SaysWhatIsWrongWithWhatIsRecorded) {
  write("past.jsonl", recorded(1, "chat", "app", "", 3) + recorded(90'000, "old", "app", "", 3));
  struct Case {
    const char *rule, *scenario, *want;
  };
  const Case cases[] = {
      {"no such file", "traffic: { recorded: none.db }", "none.db cannot be read or is empty"},
      {"a model that is gone", "traffic: { recorded: past.jsonl, from: 2026-09-22T00:00:00Z }",
       "1 requests for the model old, which the configuration has not: add it, or choose one"},
      {"a model that is not in it", "{ model: other, traffic: { recorded: past.jsonl, speed: 9 } }",
       "no request for the model other in this time; it has some for chat, old"},
      {"nothing in its time", "traffic: { recorded: past.jsonl, until: 2026-01-01T00:00:00Z }",
       "has no conversation"},
      {"more than a day", "traffic: { recorded: past.jsonl }",
       "lasts at most 24: choose a shorter"},
      {"no moment", "traffic: { recorded: past.jsonl, from: tuesday }", "tuesday is no moment"},
      {"the end before the beginning",
       "traffic: { recorded: past.jsonl, from: 2026-09-22T00:00:00Z, until: 2026-09-21T00:00:00Z }",
       "is not behind from"},
      {"a time of nothing", "traffic: { from: 2026-09-22T00:00:00Z }", "is for recorded traffic"},
      {"random traffic besides", "traffic: { recorded: past.jsonl, streams: 3 }",
       "is for random traffic"},
      {"a length besides", "{ lasts: 3s, traffic: { recorded: past.jsonl } }",
       "is for random traffic"},
  };
  for (const Case& c : cases) {
    options.scenario = write("wrong.yaml", c.scenario);
    const Outcome outcome = simulate(options, false, 0);
    EXPECT_EQ(outcome.exit_code, 1) << c.rule;
    EXPECT_NE(outcome.error.find(c.want), std::string::npos) << c.rule << ": " << outcome.error;
  }
}

TEST_F(SimulateTest, SaysWhatIsWrongAndWhatToDo) {
  struct Case {
    const char* rule;
    std::string config, scenario, want;
  };
  const Case cases[] = {
      {"no configuration", "", "outage", "--config FILE is needed"},
      {"a configuration that is wrong", write("bad.yaml", "models: 1\n"), "outage", "bad.yaml:1"},
      {"a name that is none", options.config_path, "outtage", "did you mean \"outage\"?"},
      {"a file that is not there", options.config_path, "./missing.yaml", "missing.yaml"},
      {"a key that is none", options.config_path, write("s1.yaml", "last: 3s\n"), "lasts"},
      {"a fault of nobody", options.config_path,
       write("s2.yaml", "faults: [{ kind: cut, owner: nobody, lasts: 1s }]\n"),
       "hits no provider of the configuration"},
      {"a model that no key may use", options.config_path, write("s4.yaml", "model: other\n"),
       "no key may use the model other"},
      {"a model that is none", options.config_path, write("s3.yaml", "model: nothing\n"),
       "nothing"},
  };
  for (const Case& c : cases) {
    options.config_path = c.config;
    options.scenario = c.scenario;
    const Outcome outcome = simulate(options, false, 0);
    EXPECT_EQ(outcome.exit_code, 1) << c.rule;
    EXPECT_NE(outcome.error.find(c.want), std::string::npos) << c.rule << ": " << outcome.error;
  }
}

}  // namespace
}  // namespace holdfast::cli

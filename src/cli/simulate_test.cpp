#include "cli/simulate.h"

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

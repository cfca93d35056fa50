#include "cli/route.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace holdfast::cli {
namespace {
namespace fs = std::filesystem;

constexpr const char* config = R"(
providers:
  west: { kind: openai_compatible, base_url: "https://west.example/v1", region: eu-west }
  north: { kind: openai_compatible, base_url: "https://north.example/v1", region: eu-north }
  far: { kind: openai_compatible, base_url: "https://far.example/v1", region: us }
keys:
  support-bot: { key: env:ROUTE_TEST_KEY, team: support, regions: [eu] }
models:
  chat:
    policy: conditional
    targets:
      - { provider: far, model: large, when: tokens > 8000 }
      - when: team == "support"
        policy: split
        on: user
        targets:
          - { provider: west, model: m, percent: 90 }
          - { provider: north, model: a-candidate-with-quite-a-long-name, percent: 10 }
      - { provider: far, model: m }
)";

struct Explaining : testing::Test {
  Explaining() {
    std::string name = (fs::temp_directory_path() / "holdfast-route-XXXXXX").string();
    folder = ::mkdtemp(name.data());
    ::setenv("ROUTE_TEST_KEY", "a-key-that-is-long-enough", 1);
    write("holdfast.yaml", config);
  }
  ~Explaining() override { fs::remove_all(folder); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder / name) << text;
    return (folder / name).string();
  }
  Outcome explain(const std::string& request, const std::string& health = {},
                  bool json = false) const {
    return explain_route({(folder / "holdfast.yaml").string(), write("request.json", request),
                          health.empty() ? health : write("health.json", health)},
                         json, 80);
  }
  fs::path folder;
};

TEST_F(Explaining, SaysWhoIsTriedAndWhy) {
  const Outcome outcome = explain(R"({"model": "chat", "key": "support-bot", "user": "u7"})");
  EXPECT_EQ(outcome.error, "");
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.out, R"(model chat
tried, in this order
   1  west/m
   2  north/a-candidate-with-quite-a-long-name
passed over
   -  far/large: not in the regions that the model or the key allows
   -  far/m: not in the regions that the model or the key allows
because
      chat (conditional): holds: team == "support"
      chat.targets[1] (split): 84.96 of 100 by user
)");
}

TEST_F(Explaining, GoesByTheHealthThatIsSupposed) {
  const Outcome outcome = explain(R"({"model": "chat", "key": "support-bot", "user": "u7"})",
                                  R"({"targets": [
    {"provider": "west", "model": "m", "state": "open"},
    {"provider": "far", "model": "m", "in_flight": 3, "first_token_ms": 250.5}]})");
  EXPECT_EQ(outcome.error, "");
  EXPECT_NE(outcome.out.find("   1  north/a-candidate-with-quite-a-long-name\n"
                             "   2  west/m, as the last resort: its breaker is open\n"),
            std::string::npos)
      << outcome.out;
}

TEST_F(Explaining, FitsATerminal) {
  const Outcome outcome =
      explain(R"({"model": "chat", "tokens": 9000})",
              R"({"targets": [{"provider": "far", "model": "m", "state": "cooling"}]})");
  EXPECT_NE(outcome.out.find("far/m: waits out the time that its provider asked for"),
            std::string::npos)
      << outcome.out;
  EXPECT_NE(outcome.out.find("stands under a condition that does not hold"), std::string::npos);
  std::istringstream lines(outcome.out);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
}

TEST_F(Explaining, PrintsJsonToo) {
  const Outcome outcome = explain(R"({"model": "chat", "key": "support-bot", "header": {"x-a": "b"},
                  "features": ["images"], "stream": true, "at_us": 1, "seed": 3})",
                                  {}, true);
  const auto json = boost::json::parse(outcome.out);
  EXPECT_EQ(json.at("order").as_array().size(), 2U);
  EXPECT_EQ(json.at("passed_over").as_array().at(0).at("reason").as_string(), "region");
  EXPECT_EQ(json.at("decisions").as_array().at(1).at("policy").as_string(), "split");
}

TEST_F(Explaining, NamesWhatIsWrong) {
  struct Case {
    const char* rule;
    const char* request;
    const char* health;
    const char* want;
  };
  const Case cases[] = {
      {"no JSON", "{", "", "request.json is not JSON: "},
      {"no object", "[]", "", "the request must be a JSON object"},
      {"no model", "{}", "", "the request's model \"\" is not configured; there are chat"},
      {"an unknown model", R"({"model": "chta"})", "", "did you mean \"chat\"?"},
      {"an unknown field", R"({"model": "chat", "tokns": 3})", "", "did you mean \"tokens\"?"},
      {"an unknown key", R"({"model": "chat", "key": "support-bto"})", "",
       "key: there is no \"support-bto\"; did you mean \"support-bot\"?"},
      {"an unknown feature", R"({"model": "chat", "features": ["image"]})", "",
       "features: there is no \"image\"; did you mean \"images\"?"},
      {"a negative number", R"({"model": "chat", "tokens": -3})", "", "not negative"},
      {"a list of numbers", R"({"model": "chat", "user": [3]})", "", "user: must be a text"},
      {"no targets", R"({"model": "chat"})", "[]", "must be an object with a list targets"},
      {"an unknown target", R"({"model": "chat"})",
       R"({"targets": [{"provider": "west", "model": "n"}]})",
       "the model chat has no target west/n"},
      {"an unknown state", R"({"model": "chat"})",
       R"({"targets": [{"provider": "west", "model": "m", "state": "down"}]})",
       "state must be closed, open or cooling"},
  };
  for (const Case& c : cases) {
    const Outcome outcome = explain(c.request, c.health);
    EXPECT_EQ(outcome.exit_code, 1) << c.rule;
    EXPECT_TRUE(outcome.error.starts_with("holdfast route explain: ")) << c.rule;
    EXPECT_NE(outcome.error.find(c.want), std::string::npos) << c.rule << ": " << outcome.error;
  }
  const Outcome gone = explain_route({"/nowhere.yaml", "/nowhere.json", {}}, false, 80);
  EXPECT_EQ(gone.exit_code, 1);
}

}  // namespace
}  // namespace holdfast::cli

#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/json.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/check.h"
#include "cli/command.h"
#include "cli/completion.h"
#include "cli/verbs.h"
#include "simulation/scenario.h"

namespace holdfast::cli {
namespace {
namespace fs = std::filesystem;

const fs::path source = HF_SOURCE_DIR;

std::string read(const fs::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Folder {  // a temporary one
  Folder() {
    std::string name = (fs::temp_directory_path() / "holdfast-cli-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { fs::remove_all(path); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path / name) << text;
    return (path / name).string();
  }
  fs::path path;
};

TEST(Help, CoversEveryVerbAndFitsATerminal) {
  for (const VerbInfo& verb : list_verbs()) {
    EXPECT_NE(verb.help.find("Example:\n  "), std::string::npos) << verb.path;
    EXPECT_NE(verb.footer.find("holdfast " + verb.path), std::string::npos) << verb.path;
    EXPECT_FALSE(verb.about.empty()) << verb.path;
    for (const OptionInfo& option : verb.options) {
      EXPECT_NE(verb.help.find(option.name), std::string::npos) << verb.path << option.name;
      EXPECT_FALSE(option.about.empty()) << verb.path << " " << option.name << ": is described";
    }
    std::istringstream lines(verb.help);
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
    std::vector<std::string> words;
    std::istringstream path(verb.path);
    for (std::string word; path >> word;) words.push_back(word);
    std::vector<std::string> by_flag = words;
    by_flag.emplace_back("--help");
    std::vector<std::string> by_verb = words;
    by_verb.insert(by_verb.begin(), "help");
    EXPECT_EQ(execute(by_flag, 0).out, verb.help) << verb.path;
    EXPECT_EQ(execute(by_flag, 0).exit_code, 0) << verb.path;
    EXPECT_EQ(execute(by_verb, 0).out, verb.help) << verb.path;
  }
}

TEST(Help, IsNeverSilentlyLeftBehind) {
  const std::vector<VerbInfo> verbs = list_verbs();
  std::vector<std::string> scripts;
  for (const char* shell : {"bash", "zsh", "fish"})
    scripts.push_back(completion_script(shell, verbs));
  const std::string reference = cli_reference();
  for (const VerbInfo& verb : verbs) {
    if (verb.subverbs.empty())
      EXPECT_NE(reference.find("## holdfast " + verb.path + "\n"), std::string::npos) << verb.path;
    for (const std::string& script : scripts) {
      for (const std::string& name : verb.subverbs)
        EXPECT_NE(script.find("\"" + verb.path + " " + name + "\""), std::string::npos)
            << verb.path << " " << name << " is missing in\n"
            << script;
      for (const OptionInfo& option : verb.options) {
        const std::string fish = "at " + verb.path + "' -l " + option.name.substr(2) + " ";
        if (!option.argument)
          EXPECT_TRUE(script.find(option.name) != std::string::npos ||
                      script.find(fish) != std::string::npos)
              << verb.path << " " << option.name << " is missing in\n"
              << script;
      }
    }
    for (const OptionInfo& option : verb.options)
      if (verb.subverbs.empty() && !option.argument)
        EXPECT_NE(reference.find("`" + option.name), std::string::npos) << option.name;
  }
}

TEST(Reference, IsUpToDate) {
  const bool update = std::getenv("HOLDFAST_UPDATE_GOLDENS") != nullptr;
  const std::pair<const char*, std::string> pages[] = {
      {"cli.md", execute({"help", "--markdown"}, 0).out},
      {"configuration.md", execute({"config", "reference"}, 0).out},
      {"scenarios.md", simulation::scenario_reference()}};
  for (const auto& [name, want] : pages) {
    const fs::path path = source / "docs/reference" / name;
    if (update) std::ofstream(path) << want;
    EXPECT_EQ(read(path), want) << path << " is stale: ./dev test cli --update writes it";
  }
}

TEST(Execute, SaysWhatIsWrongWithTheCommandLine) {
  struct Case {
    const char* rule;
    std::vector<std::string> arguments;
    const char* want;
  };
  const Case cases[] = {
      {"no verb", {}, "holdfast: A subcommand is required\nSee holdfast --help\n"},
      {"an unknown verb",
       {"sreve"},
       "holdfast: unknown verb \"sreve\"; did you mean \"serve\"? verbs: serve, config, alerts, "
       "route, "
       "prices, target, key, admin, audit, simulate, vault, version, "
       "completion, help\nSee holdfast --help\n"},
      {"an unknown verb below one",
       {"config", "x"},
       "holdfast config: unknown verb \"x\"; verbs: check, reference\nSee holdfast config "
       "--help\n"},
      {"an unknown option",
       {"serve", "--confg=x"},
       "holdfast serve: unknown option --confg; did you mean \"--config\"? options: --help, "
       "--config, --state\nSee holdfast serve --help\n"},
      {"a required option",
       {"serve"},
       "holdfast serve: --config is required\nSee holdfast serve --help\n"},
      {"an unknown shell",
       {"completion", "tcsh"},
       "holdfast completion: bash|zsh|fish: tcsh not in {bash,zsh,fish}\nSee holdfast completion "
       "--help\n"},
      {"help for an unknown verb",
       {"help", "nothing"},
       "holdfast: unknown verb \"nothing\"; verbs: serve, config, alerts, route, prices, target, "
       "key, admin, "
       "audit, simulate, vault, "
       "version, "
       "completion, "
       "help\nSee "
       "holdfast --help\n"}};
  for (const Case& c : cases) {
    const Outcome outcome = execute(c.arguments, 0);
    EXPECT_EQ(outcome.exit_code, 1) << c.rule;
    EXPECT_EQ(outcome.error, c.want) << c.rule;
    EXPECT_EQ(outcome.out, "") << c.rule;
  }
}

TEST(Version, IsTextAndJson) {
  EXPECT_EQ(execute({"version"}, 0).out, execute({"--version"}, 0).out);
  EXPECT_TRUE(execute({"version"}, 0).out.starts_with("holdfast "));
  const auto json = boost::json::parse(execute({"version", "--json"}, 0).out);
  EXPECT_EQ(json.at("name").as_string(), "holdfast");
  EXPECT_FALSE(json.at("version").as_string().empty());
}

TEST(ConfigCheck, AcceptsEveryExample) {
  for (const char* name :
       {"OPENAI_API_KEY", "OPENAI_TEAM_KEY", "OPENAI_SPARE_KEY", "VLLM_KEY", "APP_KEY"})
    ::setenv(name, "sk-for-the-test", 1);
  for (const char* name :
       {"AZURE_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "MISTRAL_API_KEY", "COHERE_API_KEY"})
    ::setenv(name, "sk-for-the-test", 1);
  ::setenv("SUPPORT_BOT_KEY", "a-key-that-is-long-enough", 1);
  ::setenv("HOLDFAST_KEY", "one-more-key-that-is-long-enough", 1);
  ::setenv("BATCH_KEY", "another-key-that-is-long-enough", 1);
  ::setenv("HOLDFAST_ENGINE", "/usr/bin/true", 1);
  ::setenv("HOLDFAST_MODEL", HF_SOURCE_DIR "/LICENSE", 1);
  int seen = 0;
  for (const auto& entry : fs::directory_iterator(source / "examples")) {
    if (entry.path().extension() != ".yaml") continue;
    ++seen;
    const Outcome outcome = execute({"config", "check", entry.path().string()}, 0);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.out;
  }
  EXPECT_GE(seen, 3);
}

TEST(ConfigCheck, PrintsProblemsForPeopleAndForPrograms) {
  const Folder folder;
  const std::string path = folder.write("t.yaml", "models: {}\nadmin: { lisen: x }\n");
  const Outcome lines = execute({"config", "check", path}, 0);
  EXPECT_EQ(lines.exit_code, 1);
  EXPECT_EQ(lines.out, path +
                           ":1:1: models: empty; name at least one, as in models: {chat: {targets: "
                           "[...]}}\n" +
                           path +
                           ":2:10: admin.lisen: unknown key; did you mean \"listen\"? allowed: "
                           "listen, open_reading, session_idle, session_time, tls\n" +
                           path + ": 2 errors, 0 warnings\n");
  const Outcome json = execute({"config", "check", "--json", path}, 0);
  EXPECT_EQ(json.exit_code, 1);
  const auto result = boost::json::parse(json.out);
  EXPECT_FALSE(result.at("ok").as_bool());
  EXPECT_EQ(result.at("errors").as_int64(), 2);
  const auto& problem = result.at("problems").at(1);
  EXPECT_EQ(problem.at("line").as_int64(), 2);
  EXPECT_EQ(problem.at("column").as_int64(), 10);
  EXPECT_EQ(problem.at("key").as_string(), "admin.lisen");
  EXPECT_EQ(problem.at("what").as_string(), "unknown key");
  EXPECT_EQ(problem.at("allowed").as_string(),
            "listen, open_reading, session_idle, session_time, tls");
  std::istringstream wrapped(execute({"config", "check", path}, 80).out);
  for (std::string line; std::getline(wrapped, line);) EXPECT_LE(line.size(), 80U) << line;
}

TEST(PricesCheck, NamesEveryTargetAndWhoHasNoPrice) {
  const Folder folder;
  const std::string text =
      "providers: { p: { kind: openai_compatible, base_url: 'http://127.0.0.1:1' } }\n"
      "prices: { list: [ { provider: p, model: x, input: 2.5, output: 10 } ] }\n"
      "models:\n  m: { targets: [ { provider: p, model: x } ] }\n";
  const std::string path = folder.write("t.yaml", text);
  const Outcome known = execute({"prices", "check", path}, 0);
  EXPECT_EQ(known.exit_code, 0);
  EXPECT_EQ(
      known.out,
      "m: p/x: 2.5 in, 10 out, USD per million tokens; 1000 and 1000 cost 0.0125 (configuration)\n"
      "1 target, 0 without a price\n");
  const std::string more =
      folder.write("more.yaml", text + "  n: { targets: [ { provider: p, model: y } ] }\n");
  const Outcome unknown = execute({"prices", "check", more}, 0);
  EXPECT_EQ(unknown.exit_code, 1) << "a price that is not known is a finding";
  EXPECT_NE(unknown.out.find("n: p/y: no price; write one under prices.list"), std::string::npos);
  EXPECT_NE(unknown.out.find("2 targets, 1 without a price"), std::string::npos);
  const auto json = boost::json::parse(execute({"prices", "check", "--json", more}, 0).out);
  const auto& first = json.at("data").at(0);
  EXPECT_TRUE(first.at("known").as_bool());
  EXPECT_EQ(first.at("prices").at(0).at("pico_usd_per_token").at("input").as_int64(), 2'500'000);
  EXPECT_FALSE(json.at("data").at(1).at("known").as_bool());
  const std::string wrong = folder.write("wrong.yaml", "models: {}\n");
  EXPECT_EQ(execute({"prices", "check", wrong}, 0).out, execute({"config", "check", wrong}, 0).out);
}

TEST(ConfigCheck, LooksIntoTheCurrentFolder) {
  const Folder folder;
  const fs::path before = fs::current_path();
  fs::current_path(folder.path);
  EXPECT_EQ(execute({"config", "check"}, 0).out,
            ".: has no *.yaml in it\n.: 1 error, 0 warnings\n");
  folder.write("a.yaml", "models: [\n");
  EXPECT_TRUE(execute({"config", "check"}, 0).out.starts_with("./a.yaml:2:1: not YAML"));
  folder.write("holdfast.yaml",
               "providers: { p: { kind: openai_compatible, base_url: 'http://127.0.0.1:1' } }\n"
               "models: { m: { targets: [ { provider: p, model: x } ] } }\n");
  const Outcome outcome = execute({"config", "check"}, 0);
  fs::current_path(before);
  EXPECT_EQ(outcome.out, "holdfast.yaml: no problems\n");
  EXPECT_EQ(outcome.exit_code, 0);
}

TEST(Wrap, BreaksAtSpaces) {
  EXPECT_EQ(wrap("one two three", 0), "one two three");
  EXPECT_EQ(wrap("one two three", 7), "one two\n    three");
  EXPECT_EQ(wrap("averylongword two", 7), "averylongword\n    two");
  EXPECT_EQ(wrap("", 7), "");
}

// What bash offers after `words`, sorted.
std::string bash_offers(const std::string& script, const std::string& words, int at) {
  const std::string command = "bash -c '. " + script + "; COMP_WORDS=(" + words +
                              "); COMP_CWORD=" + std::to_string(at) +
                              "; _holdfast; printf \"%s \" \"${COMPREPLY[@]}\"'";
  std::FILE* pipe = ::popen(command.c_str(), "r");
  std::string out(4096, '\0');
  out.resize(std::fread(out.data(), 1, out.size(), pipe));
  ::pclose(pipe);
  return out;
}

TEST(Completion, WorksInBash) {
  if (!fs::exists("/bin/bash")) GTEST_SKIP() << "bash is not installed";
  const Folder folder;
  const std::string script = folder.write("completion", execute({"completion", "bash"}, 0).out);
  const std::string file = folder.write("some.yaml", "");
  struct Case {
    const char* rule;
    std::string words;
    int at;
    std::string want;
  };
  const Case cases[] = {
      {"verbs first", "holdfast \"\"", 1,
       "serve config alerts route prices target key admin audit simulate vault version "
       "completion help --help --version "},
      {"verbs by their beginning", "holdfast ver", 1, "version "},
      {"verbs below", "holdfast config \"\"", 2, "check reference --help "},
      {"verbs of the audit log", "holdfast audit \"\"", 2, "verify prove export tail key --help "},
      {"options", "holdfast serve --", 2, "--help --config --state "},
      {"files of an option", "holdfast serve --config " + folder.path.string() + "/so", 3,
       file + " "},
      {"files of an argument", "holdfast config check " + folder.path.string() + "/so", 3,
       file + " "},
      {"fixed words", "holdfast completion \"\"", 2, "--help bash zsh fish "}};
  for (const Case& c : cases) EXPECT_EQ(bash_offers(script, c.words, c.at), c.want) << c.rule;
}
constexpr std::string_view one_target =
    "providers:\n  openai: { kind: openai, key: env:HOLDFAST_CLI_TEST_KEY }\n"
    "models:\n  chat:\n    targets:\n      - { provider: openai, model: gpt-5.4 }\n";

// What is assumed is printed so that it can be written into the configuration, and charges the same
// once it is agreed.
TEST(Prices, WhatIsAssumedCanBeAgreedTo) {
  ::setenv("HOLDFAST_CLI_TEST_KEY", "sk-test", 1);
  const Folder folder;
  const std::string assuming = folder.write("a.yaml", std::string(one_target));
  const Outcome before = execute({"prices", "check", assuming}, 0);
  EXPECT_EQ(before.exit_code, 0);
  EXPECT_NE(before.out.find("(assumed: list prices as of 2026-11"), std::string::npos)
      << before.out;
  EXPECT_NE(before.out.find("0 without a price, 1 with an assumed one: holdfast prices hints"),
            std::string::npos)
      << before.out;
  const Outcome checked = execute({"config", "check", assuming}, 0);
  EXPECT_EQ(checked.exit_code, 0);
  EXPECT_EQ(checked.out, assuming +
                             ": no problems\nprices are assumed, of lists that come with this "
                             "program, for openai/gpt-5.4: holdfast prices hints prints what to "
                             "write under prices.list to agree to them\n");
  const Outcome as_json = execute({"config", "check", assuming, "--json"}, 0);
  const auto named = boost::json::parse(as_json.out).at("assumed_prices").as_array();
  ASSERT_EQ(named.size(), 1U);
  EXPECT_EQ(named[0].at("model"), "gpt-5.4");
  const Outcome hints = execute({"prices", "hints", assuming}, 0);
  EXPECT_EQ(hints.exit_code, 0) << hints.error;
  EXPECT_NE(hints.out.find("above: [{tokens: 272000, input: 5, output: 22.5, cached: 0.5}]"),
            std::string::npos)
      << hints.out;
  const std::string agreed = folder.write("b.yaml", std::string(one_target) + hints.out);
  const Outcome after = execute({"prices", "check", agreed}, 0);
  EXPECT_EQ(after.exit_code, 0) << after.out;
  EXPECT_EQ(after.out.find("assumed"), std::string::npos) << after.out;
  EXPECT_EQ(execute({"config", "check", agreed}, 0).out, agreed + ": no problems\n");
  const auto prices_of = [](const std::string& path) {
    const Outcome told = execute({"prices", "check", path, "--json"}, 0);
    return boost::json::parse(told.out).at("data").at(0).at("prices").at(0);
  };
  EXPECT_EQ(prices_of(agreed).at("version"), prices_of(assuming).at("version"));
  EXPECT_EQ(prices_of(assuming).at("assumed"), true);
  EXPECT_EQ(prices_of(agreed).at("assumed"), false);
  const Outcome nothing = execute({"prices", "hints", agreed}, 0);
  EXPECT_EQ(nothing.exit_code, 1);
  EXPECT_EQ(nothing.error, "no target has an assumed price: holdfast prices check lists them\n");
  // All of a kind at once, for a provider of its name.
  const Outcome all = execute({"prices", "hints", "--kind", "openai"}, 0);
  const std::string full = folder.write("c.yaml", std::string(one_target) + all.out);
  EXPECT_EQ(execute({"config", "check", full}, 0).out, full + ": no problems\n");
}

TEST(Prices, WhoseListsAreNotKnown) {
  const Outcome own = execute({"prices", "hints", "--kind", "vllm"}, 0);
  EXPECT_EQ(own.exit_code, 1);
  EXPECT_EQ(own.error,
            "no list prices are known of vllm: write down what you pay, or what the machine costs, "
            "under prices.list\n");
  const Outcome typo = execute({"prices", "hints", "--kind", "togehter"}, 0);
  EXPECT_EQ(typo.exit_code, 1);
  EXPECT_NE(typo.error.find("no kind of providers is called togehter; did you mean \"together\""),
            std::string::npos)
      << typo.error;
}

}  // namespace
}  // namespace holdfast::cli

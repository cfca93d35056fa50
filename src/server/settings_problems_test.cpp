// Every rule of the configuration, with the words in which an operator hears of it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "config/test_support.h"
#include "server/settings.h"

namespace holdfast::server {
namespace {
using Lines = std::vector<std::string>;

Lines problems_of(const std::string& text) {
  const auto settings =
      read_settings(config::parse(text, "t.yaml",
                                  config::environment_of({{"OPENAI_KEY", "sk-value"},
                                                          {"APP_KEY", "app-key-0123456789"},
                                                          {"SAME_KEY", "app-key-0123456789"},
                                                          {"SHORT_KEY", "short"},
                                                          {"GGUF", HF_SOURCE_DIR "/LICENSE"}})));
  return config::lines_of(settings ? settings->warnings : settings.error());
}

// `text` is line 1; the rest is right.
Lines with_line(std::string_view text) {
  return problems_of(
      fmt::format("{}\n"
                  "providers: {{ openai: {{ kind: openai, key: env:OPENAI_KEY }} }}\n"
                  "models: {{ chat: {{ targets: [ {{ provider: openai, model: m }} ] }} }}\n",
                  text));
}

// The keys of a provider, from line 1 column 17.
Lines with_provider(std::string_view keys) {
  return problems_of(
      fmt::format("providers: {{p: {{{}}}}}\n"
                  "models: {{ chat: {{ targets: [ {{ provider: p, model: m }} ] }} }}\n",
                  keys));
}

// The keys of a model, from line 1 column 11.
Lines with_model(std::string_view keys) {
  return problems_of(
      fmt::format("models: {{m: {{{}}}}}\n"
                  "providers: {{ openai: {{ kind: openai, key: env:OPENAI_KEY }},\n"
                  "  own: {{ kind: openai_compatible, base_url: https://own.example/v1 }} }}\n",
                  keys));
}

struct Case {
  const char* rule;
  std::string text;
  Lines want;
};

TEST(ReadSettings, RulesOfTheListeners) {
  const Case cases[] = {
      {"nothing is wrong", "", {}},
      {"an unknown section",
       "provider: {}",
       {"t.yaml:1:1: provider: unknown key; did you mean \"providers\"? allowed: server, admin, "
        "providers, prices, models, keys, teams, budgets, records, responses, audit, alerts"}},
      {"an unknown key",
       "server: { lisen: x }",
       {"t.yaml:1:11: server.lisen: unknown key; did you mean \"listen\"? allowed: listen, "
        "tls, region, threads, max_body, response_buffer, cache_size, drain_timeout, queue_length, "
        "queue_timeout, memory_limit, cors_origins"}},
      {"an unknown key unlike any",
       "admin: { password: x }",
       {"t.yaml:1:10: admin.password: unknown key; allowed: listen, open_reading, session_idle, "
        "session_time, tls"}},
      {"a section that is text",
       "server: 8080",
       {"t.yaml:1:9: server: must be a map of keys, not text"}},
      {"a section with nothing in it", "server:", {}},
      {"a key with nothing in it",
       "server: { threads: }",
       {"t.yaml:1:11: server.threads: has no value; give it one, or remove the key"}},
      {"a list for a value",
       "server: { threads: [1] }",
       {"t.yaml:1:20: server.threads: must be one value, not a list"}},
      {"not a number",
       "server: { threads: many }",
       {"t.yaml:1:20: server.threads: is not a whole number; allowed: 0 to 1024"}},
      {"a number out of range",
       "server: { threads: -1 }",
       {"t.yaml:1:20: server.threads: is out of range; allowed: 0 to 1024"}},
      {"a size without a unit",
       "server: { max_body: 32 }",
       {"t.yaml:1:21: server.max_body: a size needs a unit, as in 32MiB; allowed: 1KiB to 1GiB"}},
      {"a size out of range",
       "server: { max_body: 2GiB }",
       {"t.yaml:1:21: server.max_body: is out of range; allowed: 1KiB to 1GiB"}},
      {"a duration without a unit",
       "server: { drain_timeout: 30 }",
       {"t.yaml:1:26: server.drain_timeout: a duration needs a unit, as in 15s; allowed: 1ms to "
        "1h"}},
      {"a duration out of range",
       "server: { drain_timeout: 2h }",
       {"t.yaml:1:26: server.drain_timeout: is out of range; allowed: 1ms to 1h"}},
      {"a duration finer than its use",
       "records: { keep: 90m }",
       {"t.yaml:1:18: records.keep: must be a multiple of 1h"}},
      {"not an address",
       "server: { listen: 8080 }",
       {"t.yaml:1:19: server.listen: must be ADDRESS:PORT, as in 127.0.0.1:8080 or [::1]:8080"}},
      {"open to strangers",
       "server: { listen: \"0.0.0.0:8080\" }",
       {"t.yaml:1:11: server.listen: open to strangers: with no keys it must be a loopback "
        "address; "
        "write 127.0.0.1:8080, or add client keys under keys"}},
      {"administration for strangers",
       "admin: { listen: \"[::]:8081\" }",
       {"t.yaml:1:10: admin.listen: must be a loopback address while everybody may read there; "
        "write 127.0.0.1:8081, or admin.open_reading: no",
        "t.yaml:1:10: admin.listen: must be a loopback address: tokens would be sent in the clear; "
        "write 127.0.0.1:8081, or give it a certificate under admin.tls"}},
      {"administration for strangers who must say who they are, in the clear",
       "admin: { listen: \"[::]:8081\", open_reading: no }",
       {"t.yaml:1:10: admin.listen: must be a loopback address: tokens would be sent in the clear; "
        "write 127.0.0.1:8081, or give it a certificate under admin.tls"}},
      {"one port for both",
       "admin: { listen: 127.0.0.1:8080 }",
       {"t.yaml:1:10: admin.listen: the same address and port as server.listen"}},
      {"port 0 is never the same",
       "server: { listen: 127.0.0.1:0 }\nadmin: { listen: 127.0.0.1:0 }",
       {}},
      {"origins have no path",
       "server: { cors_origins: [https://a.example, https://b.example/x] }",
       {"t.yaml:1:11: server.cors_origins: entry 2 is not an origin; write it as in "
        "https://app.example, without a path"}},
      {"origins have a scheme",
       "server: { cors_origins: [https] }",
       {"t.yaml:1:11: server.cors_origins: entry 1 is not an origin; write it as in "
        "https://app.example, without a path"}},
      {"origins are a list",
       "server: { cors_origins: https://a.example }",
       {"t.yaml:1:25: server.cors_origins: must be a list; write it as in [one, two]"}},
      {"a list of lists",
       "server: { cors_origins: [[x], 'a b'] }",
       {"t.yaml:1:26: server.cors_origins[0]: must be text",
        "t.yaml:1:31: server.cors_origins[1]: has a space or a character that is not ASCII in "
        "it"}}};
  for (const Case& c : cases) EXPECT_EQ(with_line(c.text), c.want) << c.rule;
}

TEST(ReadSettings, RulesOfKeys) {
  const Case cases[] = {
      {"keys open the applications' side",
       "server: { listen: \"0.0.0.0:80\" }\nkeys: { app: { key: env:APP_KEY } }",
       {}},
      {"no key is no protection",
       "server: { listen: \"0.0.0.0:80\" }\nkeys: {}",
       {"t.yaml:1:11: server.listen: open to strangers: with no keys it must be a loopback "
        "address; "
        "write 127.0.0.1:8080, or add client keys under keys"}},
      {"a key without its secret",
       "keys: { app: { models: [chat] } }",
       {"t.yaml:1:9: keys.app.key: missing; every client key names its secret, as in key: "
        "env:APP_KEY"}},
      {"a secret in the file, which is not shown",
       "keys: { app: { key: sk-value } }",
       {"t.yaml:1:21: keys.app.key: a secret is never written here, only where it is kept; if this "
        "was one, replace it; allowed: env:NAME, file:PATH, vault:PATH"}},
      {"no path of the vault",
       "keys: { app: { key: vault:../app } }",
       {"t.yaml:1:21: keys.app.key: vault: must be followed by a path, as in vault:openai/prod, or "
        "by one and a version, as in vault:openai/prod@2; allowed: env:NAME, file:PATH, "
        "vault:PATH"}},
      {"a variable that is not set",
       "keys: { app: { key: env:NO_KEY } }",
       {"t.yaml:1:21: keys.app.key: the environment variable NO_KEY is not set; allowed: env:NAME, "
        "file:PATH, vault:PATH"}},
      {"two clients with one secret",
       "keys: { a: { key: env:APP_KEY }, b: { key: env:SAME_KEY } }",
       {"t.yaml:1:39: keys.b.key: the same secret as keys.a; give each key its own"}},
      {"a short secret",
       "keys: { app: { key: env:SHORT_KEY } }",
       {"t.yaml:1:16: warning: keys.app.key: shorter than 16 characters: it can be guessed"}},
      {"a model that is not there",
       "keys: { app: { key: env:APP_KEY, models: [chat, chta] } }",
       {"t.yaml:1:34: keys.app.models: entry 2 names a model that is not configured; did you mean "
        "\"chat\"? allowed: chat"}},
      {"not a name",
       "keys: { \"a b\": { key: env:APP_KEY } }",
       {"t.yaml:1:9: keys.a b: is not a name; allowed: letters, digits and . _ - : / @, at most "
        "128 "
        "of them"}},
      {"a key that is text",
       "keys: { app: env:APP_KEY }",
       {"t.yaml:1:9: keys.app.key: missing; every client key names its secret, as in key: "
        "env:APP_KEY",
        "t.yaml:1:14: keys.app: must be a map of keys, not text"}}};
  for (const Case& c : cases) EXPECT_EQ(with_line(c.text), c.want) << c.rule;
}

TEST(ReadSettings, RulesOfProviders) {
  constexpr const char* own = "kind: openai_compatible, base_url: ";
  constexpr const char* range =
      "t.yaml:1:42: providers.p.base_url: an address in a private range; write network: private if "
      "it is meant";
  constexpr const char* refused =
      "t.yaml:1:42: providers.p.base_url: an address to which no provider can be connected";
  constexpr const char* clear =
      "t.yaml:1:42: providers.p.base_url: http:// sends prompts and keys in the clear; write "
      "https://, or network: private if no stranger can listen there";
  const auto url = [](const std::string& rest) { return own + rest; };
  const Case cases[] = {
      {"no kind",
       "key: env:OPENAI_KEY",
       {"t.yaml:1:13: providers.p.kind: missing; say what it is, as in kind: openai_compatible"}},
      {"an unknown kind",
       "kind: openai_compatable, base_url: https://x.example",
       {"t.yaml:1:23: providers.p.kind: unknown value; did you mean \"openai_compatible\"? "
        "allowed: "
        "openai, openai_compatible, llama_cpp, azure_openai, anthropic, bedrock, gemini, vertex, "
        "cohere, mistral, groq, deepseek, xai, together, fireworks, openrouter, ollama, vllm, "
        "sglang, tgi"}},
      {"openai without a key",
       "kind: openai",
       {"t.yaml:1:13: providers.p.key: missing; say where its API key is, as in key: "
        "env:OPENAI_API_KEY"}},
      {"a key beside what is in its place",
       "kind: bedrock, region: eu-central-1, key: env:OPENAI_KEY, auth: {source: aws_instance}",
       {"t.yaml:1:54: providers.p.key: stands beside auth, which is in its place; remove one of "
        "the two"}},
      {"an unknown key",
       "kind: openai, kye: env:OPENAI_KEY",
       {"t.yaml:1:13: providers.p.key: missing; say where its API key is, as in key: "
        "env:OPENAI_API_KEY",
        "t.yaml:1:31: providers.p.kye: unknown key; did you mean \"key\"? allowed: kind, "
        "owner, host, region, organization, project, api_version, anthropic_version, location, "
        "key, keys, "
        "auth, network, ca_file, base_url, probe, usage, timeouts, limits, health, concurrency, "
        "binary, model, "
        "standby, frame, "
        "threads, "
        "parallel, context, start_timeout, idle_stop"}},
      {"openai_compatible without an address",
       "kind: openai_compatible",
       {"t.yaml:1:13: providers.p.base_url: missing; say where it is, as in base_url: "
        "https://vllm.internal/v1"}},
      {"not a URL",
       url("ftp://x.example"),
       {"t.yaml:1:42: providers.p.base_url: the scheme is neither https nor http; write "
        "https://host[:port][/path]"}},
      {"a URL without a scheme",
       url("https"),
       {"t.yaml:1:42: providers.p.base_url: has no scheme; write https://host[:port][/path]"}},
      {"a password in the URL, not shown",
       url("https://me:s3cret@x.example"),
       {"t.yaml:1:42: providers.p.base_url: a user name or password in the URL is not used; give "
        "the key as `key`; write https://host[:port][/path]"}},
      {"http to the world", url("http://x.example"), {clear}},
      {"http on a private network", url("http://x.example, network: private"), {}},
      {"http on loopback", url("\"http://127.0.0.1:1\""), {}},
      {"http on loopback by name", url("\"http://localhost:1\""), {}},
      {"10/8", url("https://10.0.0.1"), {range}},
      {"172.16/12", url("https://172.31.0.1"), {range}},
      {"192.168/16", url("https://192.168.1.1"), {range}},
      {"100.64/10", url("https://100.64.0.1"), {range}},
      {"unique local", url("\"https://[fd00::1]\""), {range}},
      {"IPv4 inside IPv6", url("\"https://[::ffff:10.0.0.1]\""), {range}},
      {"a private range that is meant", url("https://10.0.0.1, network: private"), {}},
      {"172.32 is public", url("https://172.32.0.1"), {}},
      {"metadata services, even if private",
       url("https://169.254.169.254, network: private"),
       {refused}},
      {"link-local IPv6", url("\"https://[fe80::1]\", network: private"), {refused}},
      {"the unspecified address", url("https://0.0.0.0, network: private"), {refused}},
      {"multicast", url("https://224.0.0.1"), {refused}},
      {"an address in disguise",
       url("https://0x7f.1"),
       {"t.yaml:1:42: providers.p.base_url: the host is not a name or an address; write "
        "https://host[:port][/path]"}},
      {"no such authorities",
       url("https://x.example, ca_file: /none.pem"),
       {"t.yaml:1:71: providers.p.ca_file: cannot be read; name a PEM file that this user may "
        "read"}},
      {"authorities that are no certificates",
       url("https://x.example, ca_file: \"${GGUF}\""),
       {"t.yaml:1:71: providers.p.ca_file: has no certificate that can be read; name a PEM file"}},
      {"organization is openai's",
       url("https://x.example, organization: org"),
       {"t.yaml:1:71: providers.p.organization: only for kind: openai; remove it"}},
      {"the engine's keys are the engine's",
       "kind: openai, key: env:OPENAI_KEY, model: x.gguf",
       {"t.yaml:1:52: providers.p.model: only for kind: llama_cpp; remove it"}},
      {"the engine has no address",
       "kind: llama_cpp, model: \"${GGUF}\", base_url: http://x",
       {"t.yaml:1:52: providers.p.base_url: only for all kinds but llama_cpp; remove it"}},
      {"the engine needs a model",
       "kind: llama_cpp",
       {"t.yaml:1:13: providers.p.model: missing; name a GGUF file, as in model: "
        "models/standby.gguf"}},
      {"the model's file is missing",
       "kind: llama_cpp, model: /none.gguf",
       {"t.yaml:1:34: warning: providers.p.model: there is no such file; the standby cannot start "
        "without it"}},
      {"a warm standby does not stop",
       "kind: llama_cpp, model: \"${GGUF}\", idle_stop: 1m",
       {"t.yaml:1:52: providers.p.idle_stop: only for standby: cold; remove it"}},
      {"text with a line break",
       "kind: openai, key: env:OPENAI_KEY, owner: \"a\\nb\"",
       {"t.yaml:1:59: providers.p.owner: has a line break or another control character in it"}},
      {"empty text",
       "kind: openai, key: env:OPENAI_KEY, owner: ''",
       {"t.yaml:1:59: providers.p.owner: is empty"}},
      {"the gateway itself",
       url("http://127.0.0.1:8080/v1"),
       {"t.yaml:1:42: providers.p.base_url: leads to Holdfast itself: requests would go round for "
        "ever; write the address of the provider, or let server.listen and admin.listen be "
        "others"}},
      {"the gateway itself by its name",
       url("http://localhost:8081"),
       {"t.yaml:1:42: providers.p.base_url: leads to Holdfast itself: requests would go round for "
        "ever; write the address of the provider, or let server.listen and admin.listen be "
        "others"}},
      {"another address of this machine", url("http://127.0.0.2:8080/v1"), {}},
      {"a header with a space",
       "kind: openai, key: env:OPENAI_KEY, project: 'a b'",
       {"t.yaml:1:61: providers.p.project: has a space or a character that is not ASCII in it"}},
      {"an attempt that ends before",
       "kind: openai, key: env:OPENAI_KEY, timeouts: {connect: 9s, total: 5s}",
       {"t.yaml:1:63: providers.p.timeouts.connect: longer than total; the attempt ends before"}},
      {"longer than the default total",
       "kind: openai, key: env:OPENAI_KEY, timeouts: {idle: 11m}",
       {"t.yaml:1:63: providers.p.timeouts.idle: longer than total; the attempt ends before"}},
      {"no time at all",
       "kind: openai, key: env:OPENAI_KEY, timeouts: {idle: 0s}",
       {"t.yaml:1:69: providers.p.timeouts.idle: is out of range; allowed: 1ms to 1d"}}};
  for (const Case& c : cases) EXPECT_EQ(with_provider(c.text), c.want) << c.rule;
}

TEST(ReadSettings, RulesOfModels) {
  const std::string target = "{provider: openai, model: m}";
  std::string seventeen = "targets: [" + target;
  for (int i = 1; i < 17; ++i) seventeen += ", " + target;
  const Case cases[] = {
      {"an unknown provider",
       "targets: [{provider: opneai, model: m}]",
       {"t.yaml:1:25: models.m.targets[0].provider: not the name of a provider; did you mean "
        "\"openai\"? allowed: openai, own"}},
      {"no provider and no model",
       "targets: [{timeouts: {}}]",
       {"t.yaml:1:24: models.m.targets[0].model: missing; say what the provider calls it, as in "
        "model: gpt-4o-mini",
        "t.yaml:1:24: models.m.targets[0].provider: missing; name one of providers"}},
      {"no targets",
       "deadline: 5s",
       {"t.yaml:1:10: models.m.targets: missing; list who answers for it, as in targets: "
        "[{provider: ..., model: ...}]"}},
      {"empty targets",
       "targets: []",
       {"t.yaml:1:14: models.m.targets: empty; list at least one, as in {provider: ..., model: "
        "...}"}},
      {"targets that are no list",
       "targets: " + target,
       {"t.yaml:1:23: models.m.targets: must be a list, not a map of keys"}},
      {"a target that is text",
       "targets: [openai, " + target + "]",
       {"t.yaml:1:24: models.m.targets[0]: must be a map of keys, not text"}},
      {"more than 16 targets",
       seventeen + "]",
       {"t.yaml:1:504: models.m.targets[16]: more than 16 targets"}},
      {"an unknown policy",
       "policy: cheapest, targets: [" + target + "]",
       {"t.yaml:1:22: models.m.policy: unknown value; allowed: failover, weighted, round_robin, "
        "least_latency, least_cost, least_busy, sticky, conditional, split"}},
      {"a target's attempt that ends before",
       "targets: [{provider: own, model: m, timeouts: {idle: 11m}}]",
       {"t.yaml:1:61: models.m.targets[0].timeouts.idle: longer than total; the attempt ends "
        "before"}},
      {"an unknown key of a target",
       "targets: [{provider: own, modle: m, model: m}]",
       {"t.yaml:1:40: models.m.targets[0].modle: unknown key; did you mean \"model\"? allowed: "
        "provider, model, vector_space, context_window, overrides, price, timeouts, weight, "
        "percent, "
        "when"}}};
  for (const Case& c : cases) EXPECT_EQ(with_model(c.text), c.want) << c.rule;
}

TEST(ReadSettings, NeedsAModel) {
  EXPECT_EQ(problems_of(""),
            Lines{"t.yaml: models: missing; name at least one, as in models: {chat: {targets: "
                  "[...]}}"});
  EXPECT_EQ(problems_of("models: text\n"),
            Lines{"t.yaml:1:9: models: must be a map of keys, not text"});
  EXPECT_EQ(problems_of("models: {}\n"),
            Lines{"t.yaml:1:1: models: empty; name at least one, as in models: {chat: {targets: "
                  "[...]}}"});
}

TEST(ReadSettings, BoundsTargetsAndProblems) {
  std::string text =
      "providers: {p: {kind: openai_compatible, base_url: https://x.example}}\nmodels:\n";
  for (int i = 0; i < 65; ++i) {
    text += fmt::format("  m{}: {{targets: [", i);
    for (int k = 0; k < 16; ++k) text += "{provider: p, model: m},";
    text += "]}\n";
  }
  EXPECT_EQ(problems_of(text),
            Lines{"t.yaml:67:19: models.m64.targets[0]: more than 1024 targets in all"});
  text =
      "models: {m: {targets: [{provider: p, model: m}]}}\nproviders:\n  p: {kind: llama_cpp, "
      "model: \"${GGUF}\"}\n";
  for (int i = 0; i < 500; ++i) text += fmt::format("  p{}: {{kind: x}}\n", i);
  const Lines lines = problems_of(text);
  EXPECT_EQ(lines.size(), 101U);
  EXPECT_EQ(lines.back(), "t.yaml: more problems than the 100 shown");
}

TEST(ReadSettings, NamesOfTheFileCannotDisturbATerminal) {
  EXPECT_EQ(
      problems_of("providers: {\"a\\eb\": {kind: llama_cpp, model: \"${GGUF}\"}}\n"
                  "models: {m: {targets: [{provider: x, model: m}]}}\n"),
      (Lines{"t.yaml:1:13: providers.a?b: is not a name; allowed: letters, digits and . _ - : "
             "/ @, at most 128 of them",
             "t.yaml:2:25: models.m.targets[0].provider: not the name of a provider; allowed: "
             "a?b"}));
}

TEST(ReadSettings, ReportsEveryProblemAtOnceByPlace) {
  const Lines lines = problems_of(R"(server: { listen: nowhere, listen: x }
models:
  chat: { targets: [ { provider: opnai, model: "${NO}" } ] }
providers:
  openai: { kind: openai, key: secret, timeouts: { idle: 15 } }
)");
  EXPECT_EQ(fmt::format("{}\n", fmt::join(lines, "\n")),
            R"(t.yaml:1:19: server.listen: must be ADDRESS:PORT, as in 127.0.0.1:8080 or [::1]:8080
t.yaml:1:28: server.listen: key given twice; the first is on line 1
t.yaml:3:24: models.chat.targets[0].provider: not the name of a provider; did you mean "openai"? allowed: openai
t.yaml:3:48: models.chat.targets[0].model: the environment variable NO is not set; set it, or give a default as in ${NAME:-default}
t.yaml:5:32: providers.openai.key: a secret is never written here, only where it is kept; if this was one, replace it; allowed: env:NAME, file:PATH, vault:PATH
t.yaml:5:58: providers.openai.timeouts.idle: a duration needs a unit, as in 15s; allowed: 1ms to 1d
)");
}

TEST(ReadSettings, SaysOnlyWhyTheFileIsNotYaml) {
  EXPECT_EQ(problems_of("server: [\n"),
            Lines{"t.yaml:2:1: not YAML: end of sequence flow not found"});
}
TEST(ReadSettings, RulesOfLimits) {
  const Case cases[] = {
      {"a limit below nothing",
       "keys: { a: { key: env:APP_KEY, limits: { requests_per_minute: -1 } } }",
       {"t.yaml:1:63: keys.a.limits.requests_per_minute: is out of range; allowed: 0 to "
        "2147483647"}},
      {"a team that no key names",
       "teams: { shop: {} }",
       {"t.yaml:1:10: warning: teams.shop: no key names this team; write team: under its keys"}},
      {"an unknown kind",
       "keys: { a: { key: env:APP_KEY, limits: { per_minute: 1 } } }",
       {"t.yaml:1:42: keys.a.limits.per_minute: unknown key; allowed: requests_per_second, "
        "requests_per_minute, tokens_per_minute, concurrent_requests"}}};
  for (const Case& c : cases) EXPECT_EQ(with_line(c.text), c.want) << c.rule;
}

TEST(ReadSettings, RulesOfConcurrency) {
  const Case cases[] = {
      {"no least above the most",
       "kind: openai, key: env:OPENAI_KEY, concurrency: {most: 4, least: 5}",
       {"t.yaml:1:75: providers.p.concurrency.least: more than most; write a smaller one"}},
      {"nothing adapts without a most",
       "kind: openai, key: env:OPENAI_KEY, concurrency: {least: 5}",
       {"t.yaml:1:52: providers.p.concurrency: has no `most`; say how many at once, as in most: "
        "64"}}};
  for (const Case& c : cases) EXPECT_EQ(with_provider(c.text), c.want) << c.rule;
}

}  // namespace
}  // namespace holdfast::server

#include "server/settings.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

#include "config/test_support.h"

namespace holdfast::server {
namespace {
using namespace std::chrono_literals;
using config::environment_of;
using config::lines_of;
using Lines = std::vector<std::string>;

config::Environment usual_environment() {
  return environment_of({{"OPENAI_KEY", "sk-value"},
                         {"APP_KEY", "app-key-0123456789"},
                         {"OTHER_KEY", "other-key-0123456789"},
                         {"SAME_KEY", "app-key-0123456789"},
                         {"SHORT_KEY", "short"}});
}

// A configuration that is right, but for what a case adds.
constexpr const char* providers = R"(
  openai: { kind: openai, key: env:OPENAI_KEY }
  local: { kind: llama_cpp, model: /dev/null/standby.gguf }
)";
constexpr const char* models = R"(
  chat: { targets: [ { provider: openai, model: m } ] }
)";

Lines problems_of(const std::string& text) {
  const auto settings = read_settings(config::parse(text, "t.yaml", usual_environment()));
  return lines_of(settings ? settings->warnings : settings.error());
}

std::string around(std::string_view extra) {
  return fmt::format("{}\nproviders:{}models:{}", extra, providers, models);
}

Lines of_provider(std::string_view provider) {
  return problems_of(
      fmt::format("providers:\n  p: {}\nmodels: {{m: {{targets: [{{provider: p, "
                  "model: m}}]}}}}\n",
                  provider));
}

constexpr const char* missing_gguf =
    "t.yaml:4:29: warning: providers.local.model: there is no such file; "
    "the standby cannot start without it";

struct Case {
  const char* rule;
  std::string text;
  Lines want;
};

TEST(ReadSettings, ReadsEveryKey) {
  const std::string text = R"(
server:
  listen: "[::1]:80"
  threads: 3
  max_body: 1MiB
  response_buffer: 64 KiB
  drain_timeout: 2m
  cors_origins: [https://app.example, "*"]
admin: { listen: 127.0.0.1:0 }
records: { keep: 7d, max_size: 2GiB, fsync: 250ms }
keys:
  app: { key: env:APP_KEY, models: [chat] }
  any: { key: env:OTHER_KEY }
providers:
  openai:
    kind: openai
    key: env:OPENAI_KEY
    organization: org
    project: proj
    owner: OpenAI Inc
    host: Azure
    region: eu-west
    usage: never
    timeouts: { connect: 1s, headers: 2s, first_content: 3s, idle: 4s, total: 5s }
  own: { kind: openai_compatible, base_url: "http://VLLM.internal:8000/v1/", network: private }
  near: { kind: openai_compatible, base_url: "http://127.0.0.1:11434/v1" }
  local:
    kind: llama_cpp
    binary: bin/llama-server
    model: /dev/null
    standby: cold
    frame: user_assistant
    threads: 2
    parallel: 3
    context: 4096
    start_timeout: 30s
    idle_stop: 5m
models:
  chat:
    policy: failover
    deadline: 60s
    hold_keepalive: 5s
    targets:
      - { provider: openai, model: gpt-4o-mini }
      - { provider: own, model: org/model, vector_space: v1, timeouts: { idle: 9s } }
)";
  const auto read =
      read_settings(config::parse(text, "t.yaml", usual_environment(), "/etc/holdfast"));
  ASSERT_TRUE(read) << fmt::format("{}", fmt::join(lines_of(read.error()), "\n"));
  EXPECT_EQ(lines_of(read->warnings), Lines());
  EXPECT_EQ(read->applications, (Listen{"::1", 80}));
  EXPECT_EQ(read->administration, (Listen{"127.0.0.1", 0}));
  EXPECT_EQ(read->threads, 3);
  EXPECT_EQ(read->max_body, 1U << 20U);
  EXPECT_EQ(read->response_buffer, 64U << 10U);
  EXPECT_EQ(read->drain_timeout, 2min);
  EXPECT_EQ(read->cors_origins, (Lines{"https://app.example", "*"}));
  EXPECT_EQ(read->records.keep, 24h * 7);
  EXPECT_EQ(read->records.max_bytes, 2ULL << 30U);
  EXPECT_EQ(read->records.fsync, 250ms);
  ASSERT_EQ(read->keys.size(), 2U);
  EXPECT_EQ(read->keys[0].name, "app");
  EXPECT_EQ(read->keys[0].key.reveal(), "app-key-0123456789");
  EXPECT_EQ(read->keys[0].models, Lines{"chat"});
  ASSERT_EQ(read->providers.size(), 4U);
  const provider::Settings& openai = read->providers[0];
  EXPECT_EQ(openai.name, "openai");
  EXPECT_EQ(openai.kind, provider::Kind::openai);
  EXPECT_EQ(openai.base.origin.host, "api.openai.com");
  EXPECT_EQ(openai.base.path, "/v1");
  EXPECT_EQ(openai.key.reveal(), "sk-value");
  EXPECT_EQ(openai.organization + openai.project, "orgproj");
  EXPECT_EQ(openai.owner + "," + openai.host + "," + openai.region, "OpenAI Inc,Azure,eu-west");
  EXPECT_EQ(openai.usage, provider::UsageAsk::never);
  EXPECT_EQ(openai.timeouts.first_content, 3s);
  EXPECT_FALSE(openai.private_network);
  const provider::Settings& own = read->providers[1];
  EXPECT_EQ(own.base.origin.authority(), "vllm.internal:8000");
  EXPECT_EQ(own.base.path, "/v1");
  EXPECT_TRUE(own.private_network);
  EXPECT_TRUE(own.base.origin.private_allowed);
  EXPECT_TRUE(read->providers[2].private_network) << "loopback is private by itself";
  const provider::Settings& local = read->providers[3];
  EXPECT_EQ(local.engine.binary, "/etc/holdfast/bin/llama-server");
  EXPECT_EQ(local.engine.model, "/dev/null");
  EXPECT_EQ(local.engine.standby, provider::Standby::cold);
  EXPECT_EQ(local.engine.frame, provider::Frame::user_assistant);
  EXPECT_EQ(local.engine.threads * 100'000 + local.engine.parallel * 10'000 + local.engine.context,
            234'096);
  EXPECT_EQ(local.engine.start_timeout, 30s);
  EXPECT_EQ(local.engine.idle_stop, 5min);
  ASSERT_EQ(read->models.size(), 1U);
  const routing::ModelSettings& chat = read->models[0];
  EXPECT_EQ(chat.deadline, 60s);
  EXPECT_EQ(chat.hold_keepalive, 5s);
  ASSERT_EQ(chat.targets.size(), 2U);
  EXPECT_EQ(chat.targets[0].timeouts.connect, 1s) << "the provider's own";
  EXPECT_EQ(chat.targets[1].timeouts.idle, 9s);
  EXPECT_EQ(chat.targets[1].timeouts.connect, 5s) << "the default";
  EXPECT_EQ(chat.targets[1].vector_space, "v1");
}

}  // namespace
}  // namespace holdfast::server

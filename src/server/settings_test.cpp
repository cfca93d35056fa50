#include "server/settings.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "config/test_support.h"
#include "provider/kind.h"

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
                         {"GGUF", HF_SOURCE_DIR "/LICENSE"}});
}

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
    model: ${GGUF}
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
  EXPECT_EQ(openai.kind->name, "openai");
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
  EXPECT_EQ(local.engine.model, HF_SOURCE_DIR "/LICENSE");
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

TEST(ReadSettings, LeavesDefaultsWhereTheFileIsSilent) {
  const auto read = read_settings(config::parse(R"(
providers: { openai: { kind: openai, key: env:OPENAI_KEY } }
models: { chat: { targets: [ { provider: openai, model: m } ] } }
)",
                                                "t.yaml", usual_environment()));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->applications, (Listen{"127.0.0.1", 8080}));
  EXPECT_EQ(read->administration, (Listen{"127.0.0.1", 8081}));
  EXPECT_EQ(read->max_body, limits::request_body_bytes);
  EXPECT_EQ(read->providers[0].timeouts.first_content, 60s);
  EXPECT_TRUE(read->keys.empty());
}

TEST(ReadSettings, ReadsWhatOverloadGoesBy) {
  const auto read = read_settings(config::parse(R"(
server: { queue_length: 7, queue_timeout: 3s, memory_limit: 64MiB }
providers:
  openai: { kind: openai, key: env:OPENAI_KEY, concurrency: { most: 50, least: 3, adapt: no } }
models: { chat: { targets: [ { provider: openai, model: m } ] } }
)",
                                                "t.yaml", usual_environment()));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->queue_length, 7);
  EXPECT_EQ(read->queue_timeout, 3s);
  EXPECT_EQ(read->memory_limit, 64U << 20U);
  const provider::ConcurrencyBounds& bounds = read->providers[0].concurrency;
  EXPECT_EQ(bounds.most * 100 + bounds.least, 5'003);
  EXPECT_FALSE(bounds.adapts);
  EXPECT_EQ(provider::ConcurrencyBounds{}.most, 0) << "nothing waits unless it is said";
}

TEST(ReadSettings, ReadsLimitsWhereverTheyStand) {
  const auto read = read_settings(config::parse(R"(
providers: { openai: { kind: openai, key: env:OPENAI_KEY, limits: { requests_per_second: 3 } } }
models:
  chat: { targets: [ { provider: openai, model: m } ], limits: { concurrent_requests: 4 } }
teams: { shop: { limits: { tokens_per_minute: 5000 } } }
keys: { app: { key: env:OPENAI_KEY, team: shop, limits: { requests_per_minute: 6 } } }
)",
                                                "t.yaml", usual_environment()));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->providers[0].limits.requests_per_second, 3);
  EXPECT_EQ(read->models[0].limits.concurrent_requests, 4);
  ASSERT_EQ(read->teams.size(), 1U);
  EXPECT_EQ(read->teams[0].limits.tokens_per_minute, 5'000);
  EXPECT_EQ(read->keys[0].limits.requests_per_minute, 6);
  EXPECT_FALSE(config::LimitSettings{}.any());
}

TEST(ReadSettings, AsksTheEnvironmentForProxies) {
  const auto read =
      read_settings(config::parse(R"(
providers:
  openai: { kind: openai, key: env:OPENAI_KEY }
  own: { kind: openai_compatible, base_url: https://vllm.internal/v1, network: private }
  near: { kind: openai_compatible, base_url: "http://localhost:1/v1" }
models: { chat: { targets: [ { provider: openai, model: m } ] } }
)",
                                  "t.yaml",
                                  environment_of({{"OPENAI_KEY", "sk-value"},
                                                  {"HTTPS_PROXY", "http://proxy:8080"},
                                                  {"http_proxy", "http://proxy:8080"},
                                                  {"NO_PROXY", ".internal"}})));
  ASSERT_TRUE(read);
  ASSERT_TRUE(read->providers[0].base.origin.proxy);
  EXPECT_EQ(read->providers[0].base.origin.proxy->host, "proxy");
  EXPECT_FALSE(read->providers[1].base.origin.proxy) << "named by NO_PROXY";
  EXPECT_FALSE(read->providers[2].base.origin.proxy) << "loopback";
}

TEST(ReadSettings, KeepsATotalOverAllTimeouts) {
  const auto read = read_settings(config::parse(R"(
providers: { openai: { kind: openai, key: env:OPENAI_KEY, timeouts: { total: 20s } } }
models: { chat: { targets: [ { provider: openai, model: m, timeouts: { total: 2s } } ] } }
)",
                                                "t.yaml", usual_environment()));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->providers[0].timeouts.headers, 20s);
  EXPECT_EQ(read->providers[0].timeouts.connect, 5s);
  EXPECT_EQ(read->models[0].targets[0].timeouts.connect, 2s);
}

}  // namespace
}  // namespace holdfast::server

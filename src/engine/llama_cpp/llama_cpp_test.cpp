// The local engine with the real llama-server and the real default model, when they are there:
// HOLDFAST_ENGINE and HOLDFAST_MODEL, as ./dev env prints them.
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/llama_cpp/launch.h"
#include "engine/test_support.h"

namespace holdfast::engine {
namespace {

// Whole answer to `body` at /v1/chat/completions; empty when there is none.
std::string ask(const Endpoint& endpoint, const std::string& body) {
  const Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval limit{60, 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(endpoint.port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return "no connection";
  const std::string request = fmt::format(
      "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
      "Authorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
      endpoint.key.reveal(), body.size(), body);
  if (::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return "not sent";
  std::string out;
  std::array<char, 4096> buffer;
  while (true) {
    const ssize_t got = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (got <= 0) return out;
    out.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

// As the gateway asks: the frame's stop strings put into the request.
std::string question(std::string_view messages, double temperature, bool stream) {
  std::string stops;
  for (const std::string& one : stop_strings(provider::Frame::user_assistant)) {
    std::string escaped;
    for (const char c : one) escaped += c == '\n' ? "\\n" : std::string(1, c);
    stops += fmt::format("{}\"{}\"", stops.empty() ? "" : ",", escaped);
  }
  return fmt::format(
      R"({{"model":"x","max_tokens":32,"temperature":{},"stream":{},"stop":[{}],"messages":[{}]}})",
      temperature, stream, stops, messages);
}

struct Real : testing::Test {
  void SetUp() override {
    const char* const binary = std::getenv("HOLDFAST_ENGINE");
    const char* const model = std::getenv("HOLDFAST_MODEL");
    if (binary == nullptr || model == nullptr || !std::filesystem::exists(binary) ||
        !std::filesystem::exists(model))
      GTEST_SKIP() << "HOLDFAST_ENGINE and HOLDFAST_MODEL do not name an engine and a model: "
                      "eval \"$(./dev env)\" after ./dev up";
    settings.binary = binary;
    settings.model = model;
    settings.frame = provider::Frame::user_assistant;
  }
  TemporaryFolder folder;
  provider::EngineSettings settings;
};

constexpr std::string_view italy = R"({"role":"user","content":"What is the capital of Italy?"})";
constexpr std::string_view answer = "The capital of Italy is Rome.";

TEST_F(Real, AnswersRomeAtAnyUsualTemperature) {
  const NothingLeftBehind check;
  const auto engine = make_llama_cpp("local", settings, folder.path(), system_clock());
  engine->start();
  ASSERT_TRUE(wait_ready(*engine));
  const Endpoint endpoint = *engine->endpoint();
  struct Case {
    const char* rule;
    std::string messages;
  };
  const Case cases[] = {
      {"the question alone", std::string(italy)},
      {"a system message leads",
       R"({"role":"system","content":"Answer well."},)" + std::string(italy)},
      {"a content of parts is joined",
       R"({"role":"user","content":[{"type":"text","text":"What is the capital"},)"
       R"({"type":"text","text":"of Italy?"}]})"},
      {"a conversation before it",
       R"({"role":"user","content":"What is the capital of France?"},)"
       R"({"role":"assistant","content":"The capital of France is Paris."},)" +
           std::string(italy)}};
  for (const Case& c : cases)
    for (const double temperature : {0.0, 0.8, 0.8, 0.8}) {
      const std::string reply = ask(endpoint, question(c.messages, temperature, false));
      EXPECT_NE(reply.find("200 OK"), std::string::npos) << c.rule << reply;
      EXPECT_NE(reply.find(fmt::format("\"content\":\"{}\"", answer)), std::string::npos)
          << c.rule << " at " << temperature << ": " << reply;
    }
}

TEST_F(Real, StreamsAndNamesNoPath) {
  const auto engine = make_llama_cpp("local", settings, folder.path(), system_clock());
  engine->start();
  ASSERT_TRUE(wait_ready(*engine));
  const std::string reply = ask(*engine->endpoint(), question(italy, 0.8, true));
  EXPECT_NE(reply.find(" Rome"), std::string::npos) << reply;
  EXPECT_NE(reply.find("data: [DONE]"), std::string::npos) << reply;
  EXPECT_EQ(reply.find("User:"), std::string::npos) << reply;
  EXPECT_EQ(reply.find(settings.model), std::string::npos) << reply;
}

TEST_F(Real, OnlyItsKeyOpensIt) {
  const auto engine = make_llama_cpp("local", settings, folder.path(), system_clock());
  engine->start();
  ASSERT_TRUE(wait_ready(*engine));
  Endpoint other = *engine->endpoint();
  const std::string key(other.key.reveal());
  other.key = Secret("something-else");
  EXPECT_NE(ask(other, question(italy, 0, false)).find(" 401 "), std::string::npos);
  const std::string line = contents(fmt::format("/proc/{}/cmdline", engine->status().pid));
  EXPECT_EQ(line.find(key), std::string::npos);
}

TEST_F(Real, ComesBackAfterKillMinusNine) {
  const NothingLeftBehind check;
  int pid = 0;
  {
    const auto engine = make_llama_cpp("local", settings, folder.path(), system_clock());
    engine->start();
    ASSERT_TRUE(wait_ready(*engine));
    const EngineStatus first = engine->status();
    ASSERT_EQ(::kill(first.pid, SIGKILL), 0);
    while (engine->status().starts < 2) ASSERT_TRUE(wait_ready(*engine));
    ASSERT_TRUE(wait_ready(*engine));
    const EngineStatus second = engine->status();
    pid = second.pid;
    EXPECT_NE(second.pid, first.pid);
    EXPECT_EQ(second.port, first.port);
    EXPECT_EQ(second.starts, 2U);
    EXPECT_NE(ask(*engine->endpoint(), question(italy, 0, false)).find(answer), std::string::npos);
  }
  EXPECT_FALSE(runs(pid));
}

TEST(LlamaCpp, WhatIsMissingIsNamedWithItsRemedy) {
  const NothingLeftBehind check;
  const TemporaryFolder folder;
  const std::string text = folder.path() / "text.gguf";
  std::ofstream(text) << "GGML, not what it says";
  const std::string gguf = folder.path() / "model.gguf";
  std::ofstream(gguf) << "GGUF and so on";
  struct Case {
    const char* rule;
    std::string binary, model, want;
  };
  const Case cases[] = {
      {"no binary", "/nowhere/llama-server", gguf,
       "/nowhere/llama-server is not a program that this user may run: set `binary` to a "
       "llama-server of llama.cpp"},
      {"a binary that is no program", gguf, gguf,
       gguf + " is not a program that this user may run: set `binary` to a llama-server of "
              "llama.cpp"},
      {"no model", "/bin/true", "/nowhere/m.gguf",
       "there is no model file /nowhere/m.gguf: set `model` to a GGUF file"},
      {"a model that is not GGUF", "/bin/true", text,
       text + " is not a GGUF file: set `model` to one"}};
  for (const Case& c : cases) {
    provider::EngineSettings settings;
    settings.binary = c.binary;
    settings.model = c.model;
    const auto engine = make_llama_cpp("local", settings, folder.path(), system_clock());
    engine->start();
    const auto ready = wait_ready(*engine);
    ASSERT_FALSE(ready) << c.rule;
    EXPECT_EQ(ready.error().code, ErrorCode::configuration) << c.rule;
    EXPECT_EQ(ready.error().detail, c.want) << c.rule;
    EXPECT_EQ(engine->status().state, EngineState::failed) << c.rule;
    EXPECT_EQ(engine->status().starts, 0U) << c.rule;
  }
}

TEST(LlamaCpp, TheCommandLineFollowsTheSettings) {
  provider::EngineSettings settings;
  settings.model = "/m.gguf";
  settings.threads = 3;
  settings.parallel = 5;
  settings.context = 1000;
  const Endpoint endpoint{4321, Secret("secret-key")};
  const Command command =
      llama_server_command("/bin/llama-server", "local", settings, endpoint, "/t.jinja", "/state");
  const auto value = [&](std::string_view option) -> std::string {
    const auto at = std::find(command.arguments.begin(), command.arguments.end(), option);
    return at == command.arguments.end() ? "none" : *(at + 1);
  };
  EXPECT_EQ(value("--host"), "127.0.0.1");
  EXPECT_EQ(value("--port"), "4321");
  EXPECT_EQ(value("--model"), "/m.gguf");
  EXPECT_EQ(value("--parallel"), "5");
  EXPECT_EQ(value("--ctx-size"), "5000");
  EXPECT_EQ(value("--threads"), "3");
  EXPECT_EQ(value("--chat-template-file"), "/t.jinja");
  for (const std::string& word : command.arguments)
    EXPECT_EQ(word.find("secret-key"), std::string::npos);
  EXPECT_EQ(command.environment.back(), "LLAMA_API_KEY=secret-key");
}

}  // namespace
}  // namespace holdfast::engine

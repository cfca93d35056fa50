// Puts the pieces together: files checked and template written before each start, then the
// supervisor.
#include <fmt/format.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/random.h"
#include "engine/llama_cpp/frame.h"
#include "engine/llama_cpp/launch.h"
#include "engine/reserved_port.h"
#include "engine/supervisor.h"

namespace holdfast::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t key_bytes = 24;

Result<std::string> write_template(const fs::path& path) {
  std::ofstream file(path, std::ios::trunc);
  file << user_assistant_template();
  file.close();
  if (!file)
    return fail(ErrorCode::io,
                fmt::format("{} cannot be written: {}", path.string(), std::strerror(errno)));
  return path.string();
}

Result<Command> prepare(const std::string& name, const provider::EngineSettings& settings,
                        const Endpoint& endpoint, const fs::path& folder) {
  if (endpoint.port == 0) return fail(ErrorCode::io, "no free port on 127.0.0.1 for the engine");
  auto binary = find_llama_server(settings.binary);
  if (!binary) return std::unexpected(std::move(binary).error());
  if (auto model = check_gguf(settings.model); !model)
    return std::unexpected(std::move(model).error());
  std::error_code error;
  fs::create_directories(folder, error);
  fs::permissions(folder, fs::perms::owner_all, error);
  if (error) return fail(ErrorCode::io, fmt::format("{}: {}", folder.string(), error.message()));
  std::string chat_template;
  if (settings.frame == provider::Frame::user_assistant) {
    auto written = write_template(folder / (name + ".jinja"));
    if (!written) return std::unexpected(std::move(written).error());
    chat_template = std::move(*written);
  }
  return llama_server_command(*binary, name, settings, endpoint, chat_template, folder.string());
}

// The engine, and the port that stays its own while it is down.
struct LlamaCpp {
  LlamaCpp(ReservedPort reserved, Plan plan, Endpoint endpoint, const Clock& clock)
      : port(std::move(reserved)), supervisor(std::move(plan), std::move(endpoint), clock) {}
  ReservedPort port;
  Supervisor supervisor;
};

}  // namespace

std::shared_ptr<Engine> make_llama_cpp(const std::string& name,
                                       const provider::EngineSettings& settings,
                                       const std::string& state_dir, const Clock& clock) {
  auto port = reserve_port();
  ReservedPort reserved = port ? std::move(*port) : ReservedPort{};
  const Endpoint endpoint{reserved.number, Secret(secret_token(key_bytes))};
  const fs::path folder = fs::absolute(fs::path(state_dir)) / "engine";
  Plan plan;
  plan.name = name;
  plan.prepare = [=] { return prepare(name, settings, endpoint, folder); };
  plan.warm = settings.standby == provider::Standby::warm;
  plan.start_timeout = settings.start_timeout;
  plan.idle_stop = settings.idle_stop;
  plan.log_path = (folder / (name + ".log")).string();
  auto whole = std::make_shared<LlamaCpp>(std::move(reserved), std::move(plan), endpoint, clock);
  Engine* const supervisor = &whole->supervisor;
  return {std::move(whole), supervisor};
}

}  // namespace holdfast::engine

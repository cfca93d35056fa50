#include "engine/llama_cpp/launch.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "engine/llama_cpp/frame.h"

namespace holdfast::engine {
namespace {

namespace fs = std::filesystem;

constexpr int default_context = 2048;
// Below the gateway, yet not starved by every other program of the machine.
constexpr int engine_nice = 5;
// A request occupies one of them from its arrival to its end, also while it waits for a slot, and
// a health check needs one: with llama-server's own number it goes unanswered among 200 clients.
// They cost 20 KiB each.
constexpr int http_threads = 1024;
// What an engine may inherit: where its libraries and accelerators are.
constexpr std::array inherited{"PATH",   "LD_LIBRARY_PATH",      "TMPDIR",
                               "LANG",   "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES",
                               "LC_ALL", "ROCR_VISIBLE_DEVICES", "GGML_VK_VISIBLE_DEVICES"};

bool is_program(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error) && ::access(path.c_str(), X_OK) == 0;
}

// One core is left to the gateway: threads of the engine that wait for a core wait for each other,
// too, and on a busy machine one thread answers sooner than one for each core.
int threads_of(const provider::EngineSettings& settings) {
  if (settings.threads > 0) return settings.threads;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()) - 1);
}

}  // namespace

Result<std::string> find_llama_server(const std::string& binary) {
  if (!binary.empty()) {
    if (is_program(binary)) return binary;
    return fail(ErrorCode::configuration,
                fmt::format("{} is not a program that this user may run: set `binary` to a "
                            "llama-server of llama.cpp",
                            binary));
  }
  std::error_code error;
  const fs::path beside = fs::read_symlink("/proc/self/exe", error).parent_path() / "llama-server";
  if (!error && is_program(beside)) return beside.string();
  const char* const path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "" : path;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    const fs::path found = fs::path(rest.substr(0, end)) / "llama-server";
    if (end > 0 && is_program(found)) return found.string();
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return fail(ErrorCode::configuration,
              fmt::format("there is no llama-server at {} or in PATH: set `binary` to one",
                          beside.string()));
}

Result<void> check_gguf(const std::string& model) {
  std::error_code error;
  if (!fs::exists(model, error))
    return fail(ErrorCode::configuration,
                fmt::format("there is no model file {}: set `model` to a GGUF file", model));
  std::ifstream file(model, std::ios::binary);
  std::array<char, 4> magic{};
  if (!fs::is_regular_file(model, error) || !file)
    return fail(ErrorCode::configuration,
                fmt::format("the model file {} cannot be read by this user", model));
  file.read(magic.data(), magic.size());
  if (std::string_view(magic.data(), magic.size()) != "GGUF")
    return fail(ErrorCode::configuration,
                fmt::format("{} is not a GGUF file: set `model` to one", model));
  return {};
}

Command llama_server_command(const std::string& binary, const std::string& name,
                             const provider::EngineSettings& settings, const Endpoint& endpoint,
                             const std::string& template_path, const std::string& state_dir) {
  const int per_slot = settings.context > 0 ? settings.context : default_context;
  const std::int64_t context = static_cast<std::int64_t>(per_slot) * settings.parallel;
  Command out;
  out.program = binary;
  out.nice = engine_nice;
  out.arguments = {
      "--host",
      "127.0.0.1",
      "--port",
      std::to_string(endpoint.port),
      "--model",
      settings.model,
      "--alias",
      name,  // what answers call the model: not a path of this machine
      "--parallel",
      std::to_string(settings.parallel),
      "--ctx-size",
      std::to_string(context),
      "--threads",
      std::to_string(threads_of(settings)),
      "--threads-http",
      std::to_string(http_threads),
      "--cache-ram",
      "0",  // its prompt cache would grow to 8 GiB
      "--no-webui",
      "--jinja",
  };
  if (!template_path.empty())
    out.arguments.insert(out.arguments.end(), {"--chat-template-file", template_path,  //
                                               "--min-p", std::string(user_assistant_min_p)});
  for (const char* variable : inherited)
    if (const char* value = std::getenv(variable); value != nullptr)
      out.environment.push_back(fmt::format("{}={}", variable, value));
  out.environment.push_back("HOME=" + state_dir);  // it looks for a cache there
  out.environment.push_back(fmt::format("LLAMA_API_KEY={}", endpoint.key.reveal()));
  return out;
}

}  // namespace holdfast::engine

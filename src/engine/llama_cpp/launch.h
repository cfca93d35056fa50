// What llama-server is started with. Pure but for looking at files.
#pragma once
#include <string>

#include "engine/engine.h"
#include "engine/process.h"

namespace holdfast::engine {

// Where `binary` is; an empty one is looked for beside our own program, then in PATH.
//   errors   configuration: there is none, or it may not be executed
Result<std::string> find_llama_server(const std::string& binary);

// Whether `model` is a file in GGUF form, as far as its first bytes tell.
//   errors   configuration: missing, unreadable, or something else
Result<void> check_gguf(const std::string& model);

// The command line. The key travels in the environment, where `ps` does not show it.
//   template_path   of a chat template; empty: the model's own
Command llama_server_command(const std::string& binary, const std::string& name,
                             const provider::EngineSettings& settings, const Endpoint& endpoint,
                             const std::string& template_path, const std::string& state_dir);

}  // namespace holdfast::engine

// A local model server that Holdfast starts, watches and stops. To provider/ it is an endpoint and
// a key.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/secret.h"
#include "net/task.h"
#include "provider/settings.h"

namespace holdfast::engine {

enum class EngineState : std::uint8_t { stopped, starting, ready, backing_off, failed, stopping };

struct EngineStatus {
  EngineState state = EngineState::stopped;
  int pid = 0;  // 0: none runs
  std::uint16_t port = 0;
  double time_to_ready_seconds = -1;  // of the last start, measured; -1: it was never ready
  std::uint64_t starts = 0, deaths = 0;
  std::string last_error;  // with a remedy; empty: none
};

struct Endpoint {
  std::uint16_t port = 0;  // on 127.0.0.1
  Secret key;
};

struct Engine {                 // thread-safe
  virtual ~Engine() = default;  // stops the server; blocks up to some seconds
  // Starts it (warm), or makes it startable (cold).
  virtual void start() = 0;
  virtual bool ready() const = 0;
  // Resumes when it is ready; starts a cold one.
  //   errors   deadline_exceeded: may be called again; configuration, io: it cannot run
  virtual Task<Result<void>> wait_ready(net::Deadline deadline) = 0;
  // Where it is; not null. Cheap enough for every request.
  virtual std::shared_ptr<const Endpoint> endpoint() const = 0;
  // A request is about to use it: puts off the idle stop of a cold one.
  virtual void note_use() = 0;
  virtual EngineStatus status() const = 0;
};

// The stop strings that go with a frame (see provider::Frame); empty for none.
std::vector<std::string> stop_strings(provider::Frame frame);

// An engine of kind llama_cpp. `state_dir` takes its log and its template.
std::shared_ptr<Engine> make_llama_cpp(const std::string& name,
                                       const provider::EngineSettings& settings,
                                       const std::string& state_dir, const Clock& clock);

}  // namespace holdfast::engine

// What the engine's tests share: a supervisor over a fake server, its history, and the process
// table.
#pragma once
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "engine/reserved_port.h"
#include "engine/supervisor.h"

namespace holdfast::engine {
using namespace std::chrono_literals;

inline constexpr auto patience = 60s;  // a loaded machine is slow; nothing waits for so long

// Every state that an engine went through; wait_for() waits for one that `is_it` accepts.
class History {
 public:
  void add(const EngineStatus& status) {
    const std::lock_guard lock(mutex_);
    seen_.push_back(status);
    changed_.notify_all();
  }
  template <class Predicate>
  bool wait_for(Predicate is_it) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience,
                             [&] { return std::any_of(seen_.begin(), seen_.end(), is_it); });
  }
  bool wait_for_state(EngineState state) {
    return wait_for([state](const EngineStatus& one) { return one.state == state; });
  }
  EngineStatus last() {
    const std::lock_guard lock(mutex_);
    return seen_.empty() ? EngineStatus{} : seen_.back();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<EngineStatus> seen_;
};

inline Result<void> wait_ready(Engine& engine, Duration how_long = patience) {
  boost::asio::io_context loop(1);
  Result<void> out = fail(ErrorCode::io, "the loop ended");
  const net::Deadline deadline = system_clock().now() + how_long;
  boost::asio::co_spawn(loop, engine.wait_ready(deadline),
                        [&](const std::exception_ptr&, Result<void> result) { out = result; });
  loop.run();
  return out;
}

inline std::size_t open_descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& one : std::filesystem::directory_iterator("/proc/self/fd"))
    ++count;
  return count;
}

// Whether a process runs (a zombie does not).
inline bool runs(int pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(stat, line);
  const auto end = line.rfind(')');
  return end != std::string::npos && line[end + 2] != 'Z';
}

// Neither running nor dead children, and as many descriptors as before.
class NothingLeftBehind {
 public:
  NothingLeftBehind() : descriptors_(open_descriptors()) {}
  NothingLeftBehind(const NothingLeftBehind&) = delete;
  NothingLeftBehind& operator=(const NothingLeftBehind&) = delete;
  ~NothingLeftBehind() {
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child is left";
    EXPECT_EQ(open_descriptors(), descriptors_) << "descriptors leaked";
  }

 private:
  std::size_t descriptors_;
};

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "engine.XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline std::string contents(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream out;
  out << file.rdbuf();
  return out.str();
}

// A supervisor over fake_engine.py.
struct Fake {
  explicit Fake(std::string behaviour, const std::function<void(Plan&)>& change = {}) {
    auto reserved = reserve_port();
    port = std::move(*reserved);
    Plan plan;
    plan.name = behaviour;
    plan.log_path = (folder.path() / "fake.log").string();
    plan.prepare = [behaviour, number = port.number]() -> Result<Command> {
      return Command{
          "/usr/bin/python3",
          {HF_SOURCE_DIR "/src/engine/fake_engine.py", behaviour, std::to_string(number)},
          {"ONLY=this"},
          3};
    };
    plan.limits.probe_every = 20ms;
    plan.limits.first_backoff = 10ms;
    plan.limits.longest_backoff = 40ms;
    plan.on_change = [this](const EngineStatus& status) { history.add(status); };
    if (change) change(plan);
    engine.emplace(std::move(plan), Endpoint{port.number, Secret("k")}, system_clock());
    engine->start();
  }

  TemporaryFolder folder;
  ReservedPort port;
  History history;
  std::optional<Supervisor> engine;
};

}  // namespace holdfast::engine

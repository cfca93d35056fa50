// One child process: spawned without a shell, watched through a pidfd, ended with certainty.
#pragma once
#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/descriptor.h"
#include "base/error.h"

namespace holdfast::engine {

struct Command {
  std::string program;                   // path
  std::vector<std::string> arguments;    // without the program's own name
  std::vector<std::string> environment;  // NAME=value; nothing is inherited
  int nice = 0;                          // added to our own
};

// The child dies with the thread that spawned it (PR_SET_PDEATHSIG), so one thread owns it from
// spawn to reap. Destroying it while it runs kills and reaps it.
class Process {
 public:
  Process() = default;
  Process(Process&& other) noexcept;
  Process& operator=(Process&&) = delete;
  ~Process();

  // Starts `command` in a process group of its own, with /dev/null as its input, its output and
  // errors in one pipe, and no other descriptor of ours.
  //   errors   io: no descriptor, no process, or the program cannot be executed
  static Result<Process> spawn(const Command& command);

  pid_t pid() const { return pid_; }
  int exit_descriptor() const { return pidfd_.get(); }     // readable once it has ended
  int output_descriptor() const { return output_.get(); }  // non-blocking
  // Processor time that it has used so far; zero when it has ended.
  std::chrono::nanoseconds cpu_time() const;
  // Sends `signal` to the child's whole group.
  void signal(int signal) const;
  // Waits for its end, kills what its group left behind, and says how it ended, in words.
  std::string reap();

 private:
  pid_t pid_ = 0;  // 0: none, or reaped
  Descriptor pidfd_, output_;
};

}  // namespace holdfast::engine

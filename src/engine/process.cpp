#include "engine/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace holdfast::engine {
namespace {

constexpr int cannot_execute = 127;

struct Launch {  // all that the child needs: between vfork and exec it may not allocate
  const char* program;
  char* const* arguments;
  char* const* environment;
  int input, output, error, nice;
  pid_t parent;
};

// The child's half. Only calls that POSIX lists as safe in a signal handler, and plain system
// calls.
[[noreturn]] void become(const Launch& launch) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != launch.parent) _exit(cannot_execute);  // it died before the line above
  setpgid(0, 0);
  setpriority(PRIO_PROCESS, 0, launch.nice);
  dup2(launch.input, STDIN_FILENO);
  dup2(launch.output, STDOUT_FILENO);
  dup2(launch.output, STDERR_FILENO);
  close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  // Handlers are reset by exec; what we ignore or block would be inherited.
  struct sigaction standard = {};
  standard.sa_handler = SIG_DFL;
  for (const int number : {SIGPIPE, SIGHUP, SIGINT, SIGTERM, SIGCHLD})
    sigaction(number, &standard, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execve(launch.program, launch.arguments, launch.environment);
  const int error = errno;
  [[maybe_unused]] const ssize_t put = ::write(launch.error, &error, sizeof error);
  _exit(cannot_execute);
}

// vfork: the child shares our memory until exec, so a gateway of any size starts it at once.
[[gnu::noinline]] pid_t start(const Launch& launch) {
  const pid_t pid = vfork();  // NOLINT(bugprone-unsafe-functions): the child only execs
  if (pid == 0) become(launch);
  return pid;
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> out;
  out.reserve(words.size() + 1);
  for (const std::string& word : words) out.push_back(const_cast<char*>(word.c_str()));
  out.push_back(nullptr);
  return out;
}

bool make_pipe(Descriptor& from, Descriptor& to) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return false;
  from = Descriptor(ends[0]);
  to = Descriptor(ends[1]);
  return true;
}

std::string system_error(const char* what, int error) {
  return fmt::format("{}: {}", what, strerror(error));
}

}  // namespace

Result<Process> Process::spawn(const Command& command) {
  Process out;
  Descriptor output, error_in, error_out;
  if (!make_pipe(out.output_, output) || !make_pipe(error_in, error_out))
    return fail(ErrorCode::io, system_error("no pipe", errno));
  fcntl(out.output_.get(), F_SETFL, O_NONBLOCK);
  const Descriptor null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!null) return fail(ErrorCode::io, system_error("/dev/null", errno));

  std::vector<std::string> words = command.arguments;
  words.insert(words.begin(), command.program);
  const std::vector<char*> arguments = pointers(words);
  const std::vector<char*> environment = pointers(command.environment);
  const int nice = getpriority(PRIO_PROCESS, 0) + command.nice;
  const Launch launch{.program = command.program.c_str(),
                      .arguments = arguments.data(),
                      .environment = environment.data(),
                      .input = null.get(),
                      .output = output.get(),
                      .error = error_out.get(),
                      .nice = nice,
                      .parent = getpid()};
  // The handlers of this program must not run in the child while it shares our memory.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = start(launch);
  const int fork_error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return fail(ErrorCode::io, system_error("no process", fork_error));
  out.pid_ = pid;
  out.pidfd_ = Descriptor(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  error_out.reset();
  int error = 0;
  if (::read(error_in.get(), &error, sizeof error) == sizeof error)
    return fail(ErrorCode::io,
                fmt::format("{} cannot be executed: {}", command.program, strerror(error)));
  if (!out.pidfd_) return fail(ErrorCode::io, system_error("no pidfd", errno));
  return out;
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      pidfd_(std::move(other.pidfd_)),
      output_(std::move(other.output_)) {}

Process::~Process() {
  if (pid_ == 0) return;
  signal(SIGKILL);
  reap();
}

std::chrono::nanoseconds Process::cpu_time() const {
  clockid_t clock{};
  timespec used{};
  if (pid_ == 0 || clock_getcpuclockid(pid_, &clock) != 0 || clock_gettime(clock, &used) != 0)
    return {};
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

void Process::signal(int signal) const {
  if (pid_ > 0) ::kill(-pid_, signal);
}

std::string Process::reap() {
  if (pid_ == 0) return {};
  // Its number is ours until it is reaped, so the group cannot be anybody else's.
  siginfo_t info = {};
  while (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
  ::kill(-pid_, SIGKILL);
  while (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED) != 0 && errno == EINTR) {
  }
  pid_ = 0;
  pidfd_.reset();
  if (info.si_code == CLD_EXITED) return fmt::format("it ended with exit code {}", info.si_status);
  return fmt::format("it was ended by signal {} ({})", info.si_status, strsignal(info.si_status));
}

}  // namespace holdfast::engine

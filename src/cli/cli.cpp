#include "cli/cli.h"

#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "cli/command.h"

namespace holdfast::cli {
int run(int argc, char** argv) {
  constexpr std::size_t terminal_columns = 80;
  constexpr int infrastructure = 4;
  const std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  const Outcome outcome = execute(arguments, ::isatty(STDOUT_FILENO) == 1 ? terminal_columns : 0);
  std::fputs(outcome.error.c_str(), stderr);
  std::fputs(outcome.out.c_str(), stdout);
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return outcome.exit_code;
  std::fputs("holdfast: the output could not be written\n", stderr);
  return infrastructure;
}
}  // namespace holdfast::cli

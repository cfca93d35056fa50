// What each verb does, as text, so that tests see what a user sees.
#pragma once
#include <string>
#include <vector>

namespace holdfast::cli {

struct Outcome {
  int exit_code = 0;
  std::string out;    // for stdout
  std::string error;  // for stderr
};

// Runs the command line without the program's name; `serve` returns when the server has stopped.
//   columns   width to which problems are wrapped; 0: one line each
Outcome execute(const std::vector<std::string>& arguments, std::size_t columns);

// docs/reference/cli.md.
std::string cli_reference();

}  // namespace holdfast::cli

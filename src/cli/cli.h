// The `holdfast` command.
#pragma once

namespace holdfast::cli {

// Runs the command line and returns the exit code: 0 ok, 1 usage or configuration, 2 a gate failed,
// 4 infrastructure.
int run(int argc, char** argv);

}  // namespace holdfast::cli

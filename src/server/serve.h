// `holdfast serve`: from a configuration to a running gateway.
#pragma once
#include <string>

namespace holdfast::server {

struct ServeOptions {
  std::string config_path;  // a file, or a folder of *.yaml
  std::string state_dir;    // records and locks; made if it is not there
};

// Serves until SIGTERM or SIGINT, then drains. Prints one line per listener on stdout when ready.
// Returns the exit code of the process: 0 stopped as asked, 1 configuration, 4 infrastructure
// (a port or the state directory is taken, the disk fails). Called once, by the main thread.
int serve(const ServeOptions& options);

}  // namespace holdfast::server

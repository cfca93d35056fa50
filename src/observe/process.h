// What the kernel says of this process.
#pragma once
#include <cstdint>

namespace holdfast::observe {

struct ProcessFacts {
  std::uint64_t resident_bytes = 0;
  std::uint64_t open_fds = 0;
  double started_seconds = 0;  // since 1970
  double cpu_seconds = 0;
};
// Reads /proc; what it does not tell stays 0. Any thread.
ProcessFacts process_facts();

}  // namespace holdfast::observe

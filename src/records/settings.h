// `records`: what is kept of what happened.
#pragma once
#include <chrono>
#include <cstdint>

namespace holdfast::config {
class Section;
}

namespace holdfast::records {
struct Settings {
  bool operator==(const Settings&) const = default;
  std::chrono::hours keep{24 * 30};        // older attempts are deleted
  std::uint64_t max_bytes = 1ULL << 30U;   // of the records' database; the oldest go first
  std::chrono::milliseconds fsync{1'000};  // power loss costs at most this much
};

// Reads `records` of the top level.
void read_settings(config::Section& top, Settings& into);
}  // namespace holdfast::records

// `responses`: whether answers are kept for those who ask for them again.
#pragma once
#include <chrono>
#include <cstdint>

namespace holdfast::config {
class Section;
}

namespace holdfast::responses {

struct Settings {
  bool operator==(const Settings&) const = default;
  bool store = false;                     // prompts and answers go to disk only when asked for
  std::chrono::hours keep{24 * 30};       // older ones are deleted
  std::uint64_t max_bytes = 1ULL << 30U;  // of the database; the oldest go first
};

// Reads `responses` of the top level.
void read_settings(config::Section& top, Settings& into);

}  // namespace holdfast::responses

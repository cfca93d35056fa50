// How the audit log is kept. There is no switch that turns it off.
#pragma once
#include <chrono>
#include <cstdint>

namespace holdfast::config {
class Section;
}

namespace holdfast::audit {

struct Settings {
  std::chrono::milliseconds checkpoint_interval{300'000};  // audit.checkpoint_interval
  int checkpoint_entries = 100;                            // audit.checkpoint_entries
  bool operator==(const Settings&) const = default;
};

void read_settings(config::Section& top, Settings& into);

}  // namespace holdfast::audit

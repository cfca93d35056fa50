#include "records/settings.h"

#include "config/section.h"

namespace holdfast::records {
void read_settings(config::Section& top, Settings& into) {
  using namespace std::chrono_literals;
  top.section("records", "What is kept of what happened", [&](config::Section& section) {
    section.duration("keep", into.keep, 1h, 24h * 3650, "older attempts are deleted");
    section.size("max_size", into.max_bytes, 1ULL << 20U, 1ULL << 40U,
                 "most that the records take on disk; the oldest go first");
    section.duration("fsync", into.fsync, 1ms, 1min, "what a loss of power costs at most");
  });
}
}  // namespace holdfast::records

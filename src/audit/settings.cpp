#include "audit/settings.h"

#include "config/section.h"

namespace holdfast::audit {

void read_settings(config::Section& top, Settings& into) {
  using namespace std::chrono_literals;
  top.section("audit", "The log of what was done to this Holdfast, and what was tried",
              [&](config::Section& section) {
                section.duration("checkpoint_interval", into.checkpoint_interval, 1s, 24h,
                                 "new entries are signed for at the latest after so long");
                section.integer("checkpoint_entries", into.checkpoint_entries, 1, 100'000,
                                "and as soon as there are so many");
              });
}

}  // namespace holdfast::audit

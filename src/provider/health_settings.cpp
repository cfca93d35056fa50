#include "provider/health_settings.h"

#include "config/section.h"

namespace holdfast::provider {
using namespace std::chrono_literals;

void read_health(config::Section& section, HealthSettings& into) {
  section.section("health", "when its targets count as unwell", [&](config::Section& health) {
    health.integer("failures", into.failures, 1, 1000, "so many in a row take a target out");
    health.integer("error_rate", into.error_rate, 1, 100,
                   "percent of the requests of `window` that failed and take a target out");
    health.integer("min_requests", into.min_requests, 1, 10'000,
                   "in `window`, before error_rate is looked at");
    health.duration("window", into.window, 1s, 10min, "over which error_rate is taken");
    health.integer("slow_factor", into.slow_factor, 0, 1000,
                   "an answer that takes so many times as long as usual is slow; after three in a "
                   "row, or half of sixteen, another target goes first; 0: never");
    health.duration("slow_after", into.slow_after, 0ms, 24h,
                    "first content later than that is slow too; 0s: no such bound");
    health.duration("open_first", into.open_first, 10ms, 24h,
                    "out for so long at first, then twice as long each time");
    health.duration("open_longest", into.open_longest, 10ms, 24h, "and never for longer");
    health.duration("slow_start", into.slow_start, 0ms, 24h,
                    "after it was out, its share of requests grows over so long at most");
    if (into.open_first > into.open_longest)
      health.problem(health.has("open_first") ? "open_first" : "open_longest",
                     "open_first is longer than open_longest", "make it the shorter one");
  });
}

}  // namespace holdfast::provider

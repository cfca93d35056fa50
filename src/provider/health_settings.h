// When a provider's targets count as unwell: `providers.NAME.health`. Per provider, since a target
// has one health however many models name it.
#pragma once
#include <chrono>

namespace holdfast::config {
class Section;
}

namespace holdfast::provider {

struct HealthSettings {
  int failures = 3;  // in a row; two may be chance, and each more is one more client that waits
  int error_rate =
      50;  // percent of `window` that failed; beyond, most requests need another target
  int min_requests = 20;  // in `window`, before its rate says anything: 3 of 5 may be chance
  std::chrono::milliseconds window{30'000};  // ten buckets; shorter than a person's reaction
  // Answers that take so many times as long as this target's usually do are slow; 0: none are.
  // Five is beyond what a longer prompt does, and half of what a brown-out does.
  int slow_factor = 5;
  std::chrono::milliseconds slow_after{0};  // first content later than that is slow; 0: no bound
  std::chrono::milliseconds open_first{1'000};     // out for so long at first, doubling ...
  std::chrono::milliseconds open_longest{60'000};  // ... up to this
  // Its share of requests grows from a tenth to all over so long, or over the time that it was
  // out if that was shorter: what has just recovered has cold caches and few connections.
  std::chrono::milliseconds slow_start{10'000};
  bool operator==(const HealthSettings&) const = default;
};

// Reads `health` of a provider over what stands in `into`.
void read_health(config::Section& section, HealthSettings& into);

}  // namespace holdfast::provider

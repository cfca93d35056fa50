// The sentences on what does not hold in a history. Private to the rules.
#pragma once
#include <fmt/format.h>

#include <string>
#include <vector>

#include "base/clock.h"
#include "simulation/invariants.h"

namespace holdfast::simulation {

// How late the gateway may notice that something is due.
inline constexpr Duration lateness = std::chrono::milliseconds(50);

class Broken {
 public:
  // One sentence more, while there are fewer than `broken_rules`.
  template <class... Args>
  void operator()(fmt::format_string<Args...> format, Args&&... args) {
    if (all_.size() < broken_rules)
      all_.push_back(fmt::format(format, std::forward<Args>(args)...));
  }
  std::vector<std::string> take() { return std::move(all_); }

 private:
  std::vector<std::string> all_;
};

inline double in_seconds(Duration time) { return std::chrono::duration<double>(time).count(); }
inline std::string at(MonoTime when) {
  return fmt::format("{:.3f} s", in_seconds(when.time_since_epoch()));
}

}  // namespace holdfast::simulation

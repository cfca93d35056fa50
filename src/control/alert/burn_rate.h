// How fast an error budget burns, seen through two windows at once: the long one says that it
// matters, the short one that it still goes on. (Google, The Site Reliability Workbook, chapter 5;
// the windows of other periods as Sloth's catalogue has them.) Pure.
#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "base/error.h"

namespace holdfast::control::alert {

enum class Severity : std::uint8_t {
  page,    // somebody gets up
  ticket,  // somebody looks at it tomorrow
};
std::string_view to_string(Severity severity);

struct BurnWindows {
  std::string_view name;  // "page_quick"
  Severity severity = Severity::page;
  std::chrono::minutes short_window{}, long_window{};
  double budget_percent = 0;  // of the period's budget, gone within the long window
  double factor = 0;          // how many times faster than evenly over the period
};

// The four pairs of windows of an objective over `period`.
//   errors   configuration: only 7, 28 and 30 days are known
Result<std::array<BurnWindows, 4>> burn_windows(std::chrono::days period);

// The share of failures from which `windows` fire.   objective   in (0, 1): 0.999
double threshold(const BurnWindows& windows, double objective);

// Shares of failures, 0..1.
inline bool burns(const BurnWindows& windows, double objective, double short_share,
                  double long_share) {
  const double limit = threshold(windows, objective);
  return short_share > limit && long_share > limit;
}

}  // namespace holdfast::control::alert

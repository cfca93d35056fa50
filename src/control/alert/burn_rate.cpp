#include "control/alert/burn_rate.h"

namespace holdfast::control::alert {
namespace {
using namespace std::chrono_literals;
constexpr std::chrono::minutes hour = 60min, day = 24 * hour;

struct Shares {  // percent of the budget that each pair may take
  double page_quick, page_slow, ticket_quick, ticket_slow;
};
}  // namespace

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::page:
      return "page";
    case Severity::ticket:
      return "ticket";
  }
  return "";
}

Result<std::array<BurnWindows, 4>> burn_windows(std::chrono::days period) {
  Shares shares{};
  if (period == std::chrono::days(30) || period == std::chrono::days(28))
    shares = {2, 5, 10, 10};
  else if (period == std::chrono::days(7))
    shares = {8, 12.5, 20, 42};
  else
    return fail(ErrorCode::configuration, "objectives are over 7, 28 or 30 days");
  std::array<BurnWindows, 4> out = {{
      {"page_quick", Severity::page, 5min, hour, shares.page_quick, 0},
      {"page_slow", Severity::page, 30min, 6 * hour, shares.page_slow, 0},
      {"ticket_quick", Severity::ticket, 2 * hour, day, shares.ticket_quick, 0},
      {"ticket_slow", Severity::ticket, 6 * hour, 3 * day, shares.ticket_slow, 0},
  }};
  const auto period_hours = static_cast<double>(std::chrono::hours(period).count());
  for (BurnWindows& pair : out) {
    const double long_hours = static_cast<double>(pair.long_window.count()) / 60.0;
    pair.factor = pair.budget_percent * period_hours / 100 / long_hours;
  }
  return out;
}

double threshold(const BurnWindows& windows, double objective) {
  return windows.factor * (1 - objective);
}

}  // namespace holdfast::control::alert

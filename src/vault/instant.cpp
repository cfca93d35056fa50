#include "vault/instant.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <span>

namespace holdfast::vault {
namespace {
using std::string_view;

// Takes text apart from the front; what does not fit spoils the whole.
class Cursor {
 public:
  explicit Cursor(string_view text) : rest_(text) {}
  int digits(std::size_t count) {
    int number = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const char c = rest_.empty() ? ' ' : rest_[0];
      if (c < '0' || c > '9') {
        fine_ = false;
        return 0;
      }
      number = number * 10 + (c - '0');
      rest_.remove_prefix(1);
    }
    return number;
  }
  void literal(string_view text) {
    fine_ = fine_ && rest_.starts_with(text);
    if (fine_) rest_.remove_prefix(text.size());
  }
  bool skip(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  // Which of `words` comes next, counted from 0.
  int one_of(std::span<const string_view> words) {
    for (std::size_t i = 0; i < words.size(); ++i)
      if (rest_.starts_with(words[i])) {
        rest_.remove_prefix(words[i].size());
        return static_cast<int>(i);
      }
    fine_ = false;
    return 0;
  }
  void skip_digits() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of("0123456789"), rest_.size()));
  }
  bool starts_with_digit() const { return !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9'; }
  void spoil() { fine_ = false; }
  bool done() const { return fine_ && rest_.empty(); }

 private:
  string_view rest_;
  bool fine_ = true;
};

struct Parts {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
};

std::optional<std::int64_t> instant_us(const Parts& parts, int east_minutes) {
  using namespace std::chrono;
  const year_month_day date(year(parts.year), month(static_cast<unsigned>(parts.month)),
                            day(static_cast<unsigned>(parts.day)));
  const bool right = date.ok() && parts.year >= 1970 && parts.year < 3000 && parts.hour < 24 &&
                     parts.minute < 60 && parts.second <= 60;
  if (!right) return std::nullopt;
  const auto at = sys_days(date) + hours(parts.hour) + minutes(parts.minute - east_minutes) +
                  seconds(parts.second);
  return duration_cast<microseconds>(at.time_since_epoch()).count();
}
}  // namespace

std::optional<std::int64_t> parse_rfc3339(string_view text) {
  Cursor at(text);
  Parts parts;
  parts.year = at.digits(4);
  at.literal("-");
  parts.month = at.digits(2);
  at.literal("-");
  parts.day = at.digits(2);
  at.literal("T");
  parts.hour = at.digits(2);
  at.literal(":");
  parts.minute = at.digits(2);
  at.literal(":");
  parts.second = at.digits(2);
  if (at.skip('.')) {
    if (!at.starts_with_digit()) at.spoil();
    at.skip_digits();  // less than a second does not matter
  }
  int east = 0;
  if (!at.skip('Z')) {
    const bool west = at.skip('-');
    if (!west) at.literal("+");
    const int hours = at.digits(2);
    at.literal(":");
    east = hours * 60 + at.digits(2);
    if (east >= 24 * 60) at.spoil();
    if (west) east = -east;
  }
  if (!at.done()) return std::nullopt;
  return instant_us(parts, east);
}

std::optional<std::int64_t> parse_http_date(string_view text) {
  constexpr std::array<string_view, 7> days = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
  constexpr std::array<string_view, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  Cursor at(text);
  Parts parts;
  at.one_of(days);
  at.literal(", ");
  parts.day = at.digits(2);
  at.literal(" ");
  parts.month = at.one_of(months) + 1;
  at.literal(" ");
  parts.year = at.digits(4);
  at.literal(" ");
  parts.hour = at.digits(2);
  at.literal(":");
  parts.minute = at.digits(2);
  at.literal(":");
  parts.second = at.digits(2);
  at.literal(" GMT");
  if (!at.done()) return std::nullopt;
  return instant_us(parts, 0);
}

}  // namespace holdfast::vault

// What was spent, day by day: kept up with the attempts, so that a total needs no walk through them
// and outlives their retention.
#pragma once
#include <boost/json/value.hpp>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "records/attempt.h"
#include "store/database.h"

namespace holdfast::records {

inline constexpr std::int64_t spending_days = 400;  // older days are deleted

// The day of a moment: days of UTC since 1970.
constexpr std::int64_t day_of(std::int64_t wall_us) {
  constexpr std::int64_t day_us = 86'400'000'000;
  return wall_us / day_us - (wall_us % day_us < 0 ? 1 : 0);
}

// What one batch of records changes. Used by the drain's thread, within its transaction.
class SpendingChanges {
 public:
  void started(const AttemptStart& start);  // counts as charged what was reserved
  // After started(), in this batch or an earlier one; what was reserved is what was really charged.
  void ended(const AttemptStart& start, const AttemptEnd& end);
  Result<void> add_to(store::Database& database) const;

 private:
  struct Sums {
    std::int64_t attempts = 0, unknown = 0, cost = 0, charged = 0, tokens_in = 0, tokens_out = 0;
  };
  using Who = std::pair<std::int64_t, std::array<std::string, 6>>;
  Sums& of(const AttemptStart& start);
  std::map<Who, Sums> sums_;
  std::map<Who, Sums>::value_type* last_ = nullptr;  // most often the next one's too
};

// Counts the open attempts for which `condition` (SQL) holds as ones whose cost is not known.
Result<void> note_unsettled(store::Database& database, const std::string& condition);
Result<void> forget_spending(store::Database& database, std::int64_t wall_us);

// By what totals are told apart.
enum class SpendingBy : std::uint8_t { provider, model, logical_model, key, team, service, day };
std::string_view to_string(SpendingBy by);
std::optional<SpendingBy> spending_by_from(std::string_view name);

struct SpendingRow {
  std::string name;  // the provider's ...; of a day "2026-11-27"; empty: not said
  std::int64_t attempts = 0;
  std::int64_t unknown = 0;  // of these have ended without their cost being known
  NanoUsd cost;              // of the others
  NanoUsd charged;           // what budgets count
  std::int64_t tokens_in = 0, tokens_out = 0;
};
boost::json::value to_json(const SpendingRow& row);

// Whose spending. What is empty matches everything.
struct SpendingScope {
  std::string key = {}, team = {}, service = {}, logical_model = {}, provider = {};
  bool operator==(const SpendingScope&) const = default;
};

// Totals of the days from `from_day` on, before `until_day`, dearest first (days in their order);
// at most spending_rows_most of them.
inline constexpr std::int64_t spending_rows_most = 1'000;
//   errors   io; deadline_exceeded, see Database::limit_time
Result<std::vector<SpendingRow>> spending(store::Database& database, SpendingBy by,
                                          std::int64_t from_day, std::int64_t until_day);
// What budgets count for `scope` in these days.   errors   as above
Result<NanoUsd> charged_in(store::Database& database, const SpendingScope& scope,
                           std::int64_t from_day, std::int64_t until_day);

}  // namespace holdfast::records

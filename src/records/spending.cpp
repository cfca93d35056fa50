#include "records/spending.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/object.hpp>

#include "records/price.h"

namespace holdfast::records {
namespace {
struct Name {
  SpendingBy by;
  std::string_view name, column;
};
constexpr std::array<Name, 7> names = {
    {{SpendingBy::provider, "provider", "provider"},
     {SpendingBy::model, "model", "model"},
     {SpendingBy::logical_model, "logical_model", "logical_model"},
     {SpendingBy::key, "key", "key_name"},
     {SpendingBy::team, "team", "team"},
     {SpendingBy::service, "service", "service"},
     {SpendingBy::day, "day", "day"}}};

// Sums stop at the largest number instead of wrapping around.
void add(std::int64_t& to, std::int64_t by) {
  if (__builtin_add_overflow(to, by, &to)) to = std::numeric_limits<std::int64_t>::max();
}
}  // namespace

SpendingChanges::Sums& SpendingChanges::of(const AttemptStart& start) {
  const std::int64_t day = day_of(start.started_us);
  const std::array<std::string_view, 6> who = {start.provider, start.model, start.logical_model,
                                               start.key_name, start.team,  start.service};
  if (last_ == nullptr || last_->first.first != day ||
      !std::ranges::equal(last_->first.second, who)) {
    Who key{day, {}};
    std::ranges::copy(who, key.second.begin());
    last_ = &*sums_.try_emplace(std::move(key)).first;
  }
  return last_->second;
}

void SpendingChanges::started(const AttemptStart& start) {
  Sums& sums = of(start);
  ++sums.attempts;
  add(sums.charged, start.reserved.value);
}

void SpendingChanges::ended(const AttemptStart& start, const AttemptEnd& end) {
  Sums& sums = of(start);
  if (end.cost)
    add(sums.cost, end.cost->value);
  else
    ++sums.unknown;
  add(sums.charged, end.charged.value);
  add(sums.charged, -start.reserved.value);
  add(sums.tokens_in, std::max<std::int64_t>(end.tokens_in.value_or(0), 0));
  add(sums.tokens_out, std::max<std::int64_t>(end.tokens_out.value_or(0), 0));
}

Result<void> SpendingChanges::add_to(store::Database& database) const {
  if (sums_.empty()) return {};
  auto upsert = database.prepare(
      "INSERT INTO spending VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET "
      "attempts=attempts+excluded.attempts, unknown=unknown+excluded.unknown, "
      "cost_nano_usd=cost_nano_usd+excluded.cost_nano_usd, "
      "charged_nano_usd=charged_nano_usd+excluded.charged_nano_usd, "
      "tokens_in=tokens_in+excluded.tokens_in, tokens_out=tokens_out+excluded.tokens_out");
  if (!upsert) return std::unexpected(std::move(upsert).error());
  for (const auto& [who, sums] : sums_) {
    int index = 1;
    upsert->bind(index++, who.first);
    for (const std::string& name : who.second) upsert->bind(index++, std::string_view(name));
    for (const std::int64_t sum :
         {sums.attempts, sums.unknown, sums.cost, sums.charged, sums.tokens_in, sums.tokens_out})
      upsert->bind(index++, sum);
    auto done = upsert->run();
    if (!done) return done;
  }
  return {};
}

Result<void> note_unsettled(store::Database& database, const std::string& condition) {
  return database.execute(fmt::format(
      "INSERT INTO spending SELECT started_us/86400000000, provider, model, logical_model, "
      "key_name, "
      "team, service, 0, count(*), 0, 0, 0, 0 FROM attempts WHERE {} "
      "GROUP BY 1, 2, 3, 4, 5, 6, 7 ON CONFLICT DO UPDATE SET unknown=unknown+excluded.unknown",
      condition));
}

Result<void> forget_spending(store::Database& database, std::int64_t wall_us) {
  return database.execute(
      fmt::format("DELETE FROM spending WHERE day < {}", day_of(wall_us) - spending_days));
}

std::string_view to_string(SpendingBy by) { return std::ranges::find(names, by, &Name::by)->name; }

std::optional<SpendingBy> spending_by_from(std::string_view name) {
  const auto* found = std::ranges::find(names, name, &Name::name);
  return found == names.end() ? std::nullopt : std::optional(found->by);
}

boost::json::value to_json(const SpendingRow& row) {
  return {{"name", row.name.empty() ? boost::json::value() : boost::json::value(row.name)},
          {"attempts", row.attempts},
          {"unknown", row.unknown},
          {"cost_nano_usd", row.cost.value},
          {"cost_usd", format_usd(row.cost)},
          {"charged_nano_usd", row.charged.value},
          {"tokens_in", row.tokens_in},
          {"tokens_out", row.tokens_out}};
}

Result<std::vector<SpendingRow>> spending(store::Database& database, SpendingBy by,
                                          std::int64_t from_day, std::int64_t until_day) {
  const std::string_view column = std::ranges::find(names, by, &Name::by)->column;
  auto statement = database.prepare(fmt::format(
      "SELECT {0}, sum(attempts), sum(unknown), sum(cost_nano_usd), sum(charged_nano_usd), "
      "sum(tokens_in), sum(tokens_out) FROM spending WHERE day>=? AND day<? GROUP BY 1 "
      "ORDER BY {1} LIMIT {2}",
      column, by == SpendingBy::day ? "1" : "4 DESC, 2 DESC, 1", spending_rows_most));
  if (!statement) return std::unexpected(std::move(statement).error());
  statement->bind(1, from_day);
  statement->bind(2, until_day);
  std::vector<SpendingRow> rows;
  while (true) {
    auto more = statement->step();
    if (!more) return std::unexpected(std::move(more).error());
    if (!*more) return rows;
    SpendingRow& row = rows.emplace_back();
    row.name = by == SpendingBy::day ? format_date(statement->integer(0) * 86'400'000'000)
                                     : std::string(statement->text(0));
    row.attempts = statement->integer(1);
    row.unknown = statement->integer(2);
    row.cost.value = statement->integer(3);
    row.charged.value = statement->integer(4);
    row.tokens_in = statement->integer(5);
    row.tokens_out = statement->integer(6);
  }
}

Result<NanoUsd> charged_in(store::Database& database, const SpendingScope& scope,
                           std::int64_t from_day, std::int64_t until_day) {
  const std::pair<std::string_view, std::string_view> fields[] = {
      {"key_name", scope.key},
      {"team", scope.team},
      {"service", scope.service},
      {"logical_model", scope.logical_model},
      {"provider", scope.provider}};
  std::string sql =
      "SELECT coalesce(sum(charged_nano_usd), 0) FROM spending WHERE day>=? AND day<?";
  for (const auto& [column, value] : fields)
    if (!value.empty()) sql += fmt::format(" AND {}=?", column);
  auto statement = database.prepare(sql);
  if (!statement) return std::unexpected(std::move(statement).error());
  int index = 1;
  statement->bind(index++, from_day);
  statement->bind(index++, until_day);
  for (const auto& [column, value] : fields)
    if (!value.empty()) statement->bind(index++, value);
  auto row = statement->step();
  if (!row) return std::unexpected(std::move(row).error());
  return NanoUsd{statement->integer(0)};
}

}  // namespace holdfast::records

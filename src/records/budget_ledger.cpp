#include "records/budget_ledger.h"

#include <array>
#include <fstream>

namespace holdfast::records {
namespace {
constexpr std::array<std::string_view, 1> schema = {R"sql(
CREATE TABLE slices(
  name TEXT NOT NULL, from_day INTEGER NOT NULL, leased_nano_usd INTEGER NOT NULL,
  boot TEXT NOT NULL, notified INTEGER NOT NULL, PRIMARY KEY(name, from_day)) WITHOUT ROWID;
)sql"};
}  // namespace

Result<std::unique_ptr<BudgetLedger>> BudgetLedger::open(const std::string& state_dir) {
  auto database = store::Database::open(state_dir + "/budgets.db", store::Access::write);
  if (!database) return std::unexpected(std::move(database).error());
  auto migrated = database->migrate("budgets", schema);
  if (!migrated) return std::unexpected(std::move(migrated).error());
  return std::unique_ptr<BudgetLedger>(new BudgetLedger(*std::move(database)));
}

Result<std::optional<Slice>> BudgetLedger::find(std::string_view name, std::int64_t from_day) {
  auto statement = database_.prepare(
      "SELECT leased_nano_usd, boot, notified FROM slices WHERE name=? AND from_day=?");
  if (!statement) return std::unexpected(std::move(statement).error());
  statement->bind(1, name);
  statement->bind(2, from_day);
  auto row = statement->step();
  if (!row) return std::unexpected(std::move(row).error());
  if (!*row) return std::nullopt;
  return Slice{{statement->integer(0)},
               std::string(statement->text(1)),
               static_cast<int>(statement->integer(2))};
}

Result<void> BudgetLedger::save(std::string_view name, std::int64_t from_day, const Slice& slice) {
  constexpr std::int64_t kept_days = 400;
  auto transaction = store::Transaction::begin(database_);
  if (!transaction) return std::unexpected(std::move(transaction).error());
  auto statement = database_.prepare(
      "INSERT INTO slices VALUES(?,?,?,?,?) ON CONFLICT DO UPDATE SET "
      "leased_nano_usd=excluded.leased_nano_usd, boot=excluded.boot, notified=excluded.notified");
  if (!statement) return std::unexpected(std::move(statement).error());
  statement->bind(1, name);
  statement->bind(2, from_day);
  statement->bind(3, slice.leased.value);
  statement->bind(4, std::string_view(slice.boot));
  statement->bind(5, std::int64_t{slice.notified});
  auto saved = statement->run();
  if (!saved) return saved;
  auto old = database_.prepare("DELETE FROM slices WHERE name=? AND from_day<?");
  if (!old) return std::unexpected(std::move(old).error());
  old->bind(1, name);
  old->bind(2, from_day - kept_days);
  auto forgotten = old->run();
  if (!forgotten) return forgotten;
  return transaction->commit();
}

std::string boot_id() {
  std::ifstream in("/proc/sys/kernel/random/boot_id");
  std::string id;
  in >> id;
  return id;
}

}  // namespace holdfast::records

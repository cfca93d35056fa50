#include "records/ledger.h"

#include <fmt/format.h>

#include <algorithm>

#include "records/batch.h"
#include "records/schema.h"

namespace holdfast::records {
namespace {
constexpr std::int64_t retention_batch = 2'000;  // attempts deleted in one transaction
constexpr std::int64_t vacuum_batch = 2'000;     // pages given back in one

std::int64_t number(std::uint64_t value) { return static_cast<std::int64_t>(value); }
}  // namespace

struct Ledger::Statements {
  std::unique_ptr<Batch> batch;  // what `insert` reads
  store::Statement insert, settle, position, forget, count;
};

Ledger::Ledger(store::Database database, Sealer* sealer)
    : database_(std::move(database)), segments_(sealer) {}
Ledger::Ledger(Ledger&&) noexcept = default;
Ledger::~Ledger() = default;

Result<Ledger> Ledger::open(const std::string& path, std::int64_t wall_us, Sealer* sealer) {
  auto database = store::Database::open(path, store::Access::write);
  if (!database) return std::unexpected(std::move(database).error());
  auto migrated = database->migrate("records", schema);
  if (!migrated) return std::unexpected(std::move(migrated).error());
  Ledger ledger(*std::move(database), sealer);
  auto prepared = ledger.prepare();
  if (!prepared) return std::unexpected(std::move(prepared).error());
  auto last_run = ledger.database_.integer("SELECT last_run FROM counts");
  if (!last_run) return std::unexpected(std::move(last_run).error());
  const std::int64_t run = std::max(wall_us, *last_run + 1);
  auto begun = ledger.database_.execute(fmt::format("UPDATE counts SET last_run={}", run));
  if (!begun) return std::unexpected(std::move(begun).error());
  ledger.run_ = static_cast<std::uint64_t>(run);
  const auto sealed = last_in_segment(ledger.database_);
  if (!sealed) return std::unexpected(sealed.error());
  const auto last = ledger.database_.integer("SELECT coalesce(max(id), 0) FROM attempts");
  if (!last) return std::unexpected(last.error());
  ledger.sealed_id_ = *sealed;
  ledger.next_id_ = std::max(*sealed, *last) + 1;
  return ledger;
}

Result<void> Ledger::prepare() {
  auto batch = std::make_unique<Batch>();
  const std::string columns = fmt::format("{}, {}, id", start_columns, end_columns);
  auto offered = database_.offer("batch", columns, *batch);
  if (!offered) return offered;
  auto insert =
      database_.prepare(fmt::format("INSERT INTO attempts({0}) SELECT {0} FROM batch", columns));
  if (!insert) return std::unexpected(std::move(insert).error());
  std::string values = "?";
  for (std::size_t i = 1; i < end_values; ++i) values += ",?";
  auto settle = database_.prepare(
      fmt::format("UPDATE attempts SET state=1, ({})=({}) WHERE state=0 AND run=? AND thread=? AND "
                  "serial=? RETURNING started_us, reserved_nano_usd, provider, model, "
                  "logical_model, key_name, team, service",
                  end_columns, values));
  if (!settle) return std::unexpected(std::move(settle).error());
  auto position = database_.prepare(
      "INSERT INTO journals VALUES(?,?) ON CONFLICT(name) DO UPDATE SET "
      "position=excluded.position");
  if (!position) return std::unexpected(std::move(position).error());
  auto forget = database_.prepare("DELETE FROM journals WHERE name=?");
  if (!forget) return std::unexpected(std::move(forget).error());
  auto count = database_.prepare(
      "UPDATE counts SET attempts=attempts+?, settled=settled+?, unsettled=unsettled+?, "
      "unmatched=unmatched+?, damaged=damaged+?");
  if (!count) return std::unexpected(std::move(count).error());
  auto counts =
      database_.prepare("SELECT attempts, settled, unsettled, unmatched, damaged FROM counts");
  if (!counts) return std::unexpected(std::move(counts).error());
  auto row = counts->step();
  if (!row) return std::unexpected(std::move(row).error());
  counts_ = {counts->integer(0), counts->integer(1), counts->integer(2), counts->integer(3),
             counts->integer(4)};
  statements_ =
      std::make_unique<Statements>(std::move(batch), *std::move(insert), *std::move(settle),
                                   *std::move(position), *std::move(forget), *std::move(count));
  return {};
}

Result<void> Ledger::commit(store::Transaction& transaction, const Counts& change) {
  store::Statement& count = statements_->count;
  int index = 0;
  for (const std::int64_t by :
       {change.attempts, change.settled, change.unsettled, change.unmatched, change.damaged})
    count.bind(++index, by);
  auto counted = count.run();
  if (!counted) return counted;
  auto committed = transaction.commit();
  if (!committed) return committed;
  counts_.attempts += change.attempts;
  counts_.settled += change.settled;
  counts_.unsettled += change.unsettled;
  counts_.unmatched += change.unmatched;
  counts_.damaged += change.damaged;
  return {};
}

Result<bool> Ledger::settle(const JournalHead& head, const AttemptEnd& end,
                            SpendingChanges& spent) {
  store::Statement& statement = statements_->settle;
  std::string upstream_id;
  std::array<store::Value, end_values + 3> values;
  put_end(std::span(values).first<end_values>(), end, upstream_id);
  values[end_values] = number(head.run);
  values[end_values + 1] = std::int64_t{head.thread};
  values[end_values + 2] = number(end.serial);
  statement.bind_all(values);
  auto found = statement.step();
  if (found && *found) {
    AttemptStart start;
    start.started_us = statement.integer(0);
    start.reserved.value = statement.integer(1);
    start.provider = statement.text(2);
    start.model = statement.text(3);
    start.logical_model = statement.text(4);
    start.key_name = statement.text(5);
    start.team = statement.text(6);
    start.service = statement.text(7);
    spent.ended(start, end);
    if (auto over = statement.step(); !over) found = std::unexpected(std::move(over).error());
  }
  statement.reset();
  return found;
}

Result<void> Ledger::post(std::string_view name, const JournalHead& head,
                          std::span<const Record> records, std::uint64_t position) {
  auto transaction = store::Transaction::begin(database_);
  if (!transaction) return std::unexpected(std::move(transaction).error());
  Counts change;
  SpendingChanges spent;
  Batch& batch = *statements_->batch;
  batch.set(head, records, next_id_);
  auto inserted = statements_->insert.run();
  if (!inserted) return inserted;
  for (const Batch::Attempt& attempt : batch.attempts()) {
    ++change.attempts;
    spent.started(attempt.start->start);
    if (attempt.end == nullptr) continue;
    ++change.settled;
    spent.ended(attempt.start->start, *attempt.end);
  }
  for (const AttemptEnd* end : batch.ends_alone()) {
    auto settled = settle(head, *end, spent);
    if (!settled) return std::unexpected(std::move(settled).error());
    ++(*settled ? change.settled : change.unmatched);
  }
  auto added = spent.add_to(database_);
  if (!added) return added;
  statements_->position.bind(1, name);
  statements_->position.bind(2, number(position));
  auto noted = statements_->position.run();
  if (!noted) return noted;
  auto committed = commit(*transaction, change);
  if (committed) next_id_ += change.attempts;
  return committed;
}

Result<bool> Ledger::seal() {
  auto more = segments_.seal(database_);
  if (!more) return more;
  const auto sealed = last_in_segment(database_);
  if (!sealed) return std::unexpected(sealed.error());
  sealed_id_ = *sealed;
  return more;
}

Result<std::uint64_t> Ledger::position(std::string_view name) {
  auto statement = database_.prepare("SELECT position FROM journals WHERE name=?");
  if (!statement) return std::unexpected(std::move(statement).error());
  statement->bind(1, name);
  auto row = statement->step();
  if (!row) return std::unexpected(std::move(row).error());
  return *row ? static_cast<std::uint64_t>(statement->integer(0)) : 0;
}

Result<void> Ledger::forget(std::string_view name, bool damaged) {
  auto transaction = store::Transaction::begin(database_);
  if (!transaction) return std::unexpected(std::move(transaction).error());
  statements_->forget.bind(1, name);
  auto forgotten = statements_->forget.run();
  if (!forgotten) return forgotten;
  Counts change;
  change.damaged = damaged ? 1 : 0;
  return commit(*transaction, change);
}

Result<void> Ledger::forget_all_but(std::span<const std::string> names) {
  std::vector<std::string> known;
  {
    auto statement = database_.prepare("SELECT name FROM journals");
    if (!statement) return std::unexpected(std::move(statement).error());
    while (true) {
      auto row = statement->step();
      if (!row) return std::unexpected(std::move(row).error());
      if (!*row) break;
      known.emplace_back(statement->text(0));
    }
  }
  for (const std::string& name : known) {
    if (std::ranges::find(names, name) != names.end()) continue;
    auto forgotten = forget(name, false);
    if (!forgotten) return forgotten;
  }
  return {};
}

Result<void> Ledger::settle_dead_runs() {
  return settle_where(fmt::format("state=0 AND run<>{}", run_), "process_ended");
}

Result<void> Ledger::settle_lost(std::int64_t last_id) {
  return settle_where(fmt::format("state=0 AND id<={}", last_id), "end_lost");
}

Result<void> Ledger::settle_where(const std::string& condition, std::string_view reason) {
  auto transaction = store::Transaction::begin(database_);
  if (!transaction) return std::unexpected(std::move(transaction).error());
  auto unknown = note_unsettled(database_, condition);
  if (!unknown) return unknown;
  // The partial index has few rows; by the times it could be a walk through many.
  auto done = database_.execute(
      fmt::format("UPDATE attempts INDEXED BY attempts_open SET state=2, unsettled_reason='{}' "
                  "WHERE {}",
                  reason, condition));
  if (!done) return done;
  Counts change;
  change.unsettled = database_.changes();
  return commit(*transaction, change);
}

Result<bool> Ledger::too_large(const Settings& settings) {
  auto used = database_.integer(
      "SELECT (SELECT page_count FROM pragma_page_count) - (SELECT freelist_count FROM "
      "pragma_freelist_count)");
  auto page_bytes = database_.integer("PRAGMA page_size");
  if (!used) return std::unexpected(std::move(used).error());
  if (!page_bytes) return std::unexpected(std::move(page_bytes).error());
  return static_cast<std::uint64_t>(*used * *page_bytes) > settings.max_bytes;
}

Result<bool> Ledger::retain(const Settings& settings, std::int64_t wall_us) {
  using std::chrono::duration_cast;
  const auto until = last_expired(database_);
  if (!until) return std::unexpected(until.error());
  auto deleted = database_.execute(
      fmt::format("DELETE FROM attempts WHERE id IN (SELECT id FROM attempts WHERE id<={} "
                  "ORDER BY id LIMIT {})",
                  *until, retention_batch));
  if (!deleted) return std::unexpected(std::move(deleted).error());
  bool more = database_.changes() > 0;
  if (!more) {  // what may be deleted is: is there anything else?
    const auto too_much = too_large(settings);
    if (!too_much) return too_much;
    const std::int64_t oldest =
        wall_us - duration_cast<std::chrono::microseconds>(settings.keep).count();
    const auto expired = segments_.expire(database_, oldest, *too_much);
    if (!expired) return expired;
    more = *expired;
  }
  auto forgotten = forget_spending(database_, wall_us);
  if (!forgotten) return std::unexpected(std::move(forgotten).error());
  auto shrunk = database_.execute(fmt::format("PRAGMA incremental_vacuum({})", vacuum_batch));
  if (!shrunk) return std::unexpected(std::move(shrunk).error());
  return more;
}

}  // namespace holdfast::records

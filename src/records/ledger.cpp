#include "records/ledger.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "records/schema.h"

namespace holdfast::records {
namespace {
constexpr std::int64_t retention_batch = 2'000;  // attempts deleted in one transaction
constexpr std::int64_t vacuum_batch = 2'000;     // pages given back in one

std::int64_t number(std::uint64_t value) { return static_cast<std::int64_t>(value); }

// The text as it is kept: ids come from outside, and may hold bytes that are not text.
std::string_view clean(std::string_view text, std::string& scratch) {
  const auto printable = [](char c) { return c >= 0x20 && c < 0x7f; };
  if (std::ranges::all_of(text, printable)) return text;
  scratch = text;
  std::ranges::replace_if(scratch, [&](char c) { return !printable(c); }, '?');
  return scratch;
}

// The ends among records of one thread. Most attempts start and end between two drains: those are
// inserted whole. Serials count a thread's starts, so that those of one batch follow each other; a
// start that does not is kept as open, and its end settles it.
class Ends {
 public:
  explicit Ends(std::span<const Record> records) {
    for (const Record& record : records) {
      const auto* start = std::get_if<StartRecord>(&record);
      if (start == nullptr) continue;
      if (ends_.empty()) first_ = start->serial;
      if (start->serial == first_ + ends_.size()) ends_.push_back(nullptr);
    }
    for (const Record& record : records) {
      const auto* end = std::get_if<AttemptEnd>(&record);
      if (end != nullptr && with_start(end->serial)) ends_[end->serial - first_] = end;
    }
  }
  // Whether the end of this serial is inserted with its start.
  bool with_start(std::uint64_t serial) const { return serial - first_ < ends_.size(); }
  // The end that goes with a start, once.
  const AttemptEnd* take(std::uint64_t serial) {
    return with_start(serial) ? std::exchange(ends_[serial - first_], nullptr) : nullptr;
  }

 private:
  std::uint64_t first_ = 0;
  std::vector<const AttemptEnd*> ends_;
};
}  // namespace

struct Ledger::Statements {
  store::Statement insert, settle, position, forget, count;
};

Ledger::Ledger(store::Database database) : database_(std::move(database)) {}
Ledger::Ledger(Ledger&&) noexcept = default;
Ledger::~Ledger() = default;

Result<Ledger> Ledger::open(const std::string& path, std::int64_t wall_us) {
  auto database = store::Database::open(path, store::Access::write);
  if (!database) return std::unexpected(std::move(database).error());
  auto migrated = database->migrate("records", schema);
  if (!migrated) return std::unexpected(std::move(migrated).error());
  Ledger ledger(*std::move(database));
  auto prepared = ledger.prepare();
  if (!prepared) return std::unexpected(std::move(prepared).error());
  auto last_run = ledger.database_.integer("SELECT last_run FROM counts");
  if (!last_run) return std::unexpected(std::move(last_run).error());
  const std::int64_t run = std::max(wall_us, *last_run + 1);
  auto begun = ledger.database_.execute(fmt::format("UPDATE counts SET last_run={}", run));
  if (!begun) return std::unexpected(std::move(begun).error());
  ledger.run_ = static_cast<std::uint64_t>(run);
  return ledger;
}

Result<void> Ledger::prepare() {
  auto insert = database_.prepare(
      "INSERT INTO attempts VALUES(NULL,?,?,?,?, ?,?,?,?,?,?, ?,?,?, ?,?,?,?,?, ?,?,?,?, ?,?,?,?, "
      "?, NULL, ?28,?29,?30, ?31,?32,?33)");
  if (!insert) return std::unexpected(std::move(insert).error());
  auto settle = database_.prepare(
      "UPDATE attempts SET state=1, ended_us=?, failure=?, status=?, answer_status=?, flags=?, "
      "tokens_in=?, tokens_out=?, tokens_cached=?, tokens_reasoning=?, first_content_us=?, "
      "total_us=?, bytes_sent=?, bytes_received=?, upstream_request_id=?, cost_nano_usd=?, "
      "charged_nano_usd=?, price_version=? WHERE state=0 AND run=? AND thread=? AND serial=? "
      "RETURNING started_us, reserved_nano_usd, provider, model, logical_model, key_name, team, "
      "service");
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
      std::make_unique<Statements>(*std::move(insert), *std::move(settle), *std::move(position),
                                   *std::move(forget), *std::move(count));
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

namespace {
// Binds an end's columns from parameter `index` on; returns the next parameter.
int bind_end(store::Statement& statement, int index, const AttemptEnd& end, std::string& scratch) {
  const unsigned flags = (end.client_left ? client_left_flag : 0U) |
                         (end.committed ? committed_flag : 0U) |
                         (end.usage_from_provider ? from_provider_flag : 0U) |
                         (end.continuation ? continuation_flag : 0U);
  statement.bind(index++, end.ended_us);
  statement.bind(index++, static_cast<std::int64_t>(end.failure));
  statement.bind(index++, std::int64_t{end.status});
  statement.bind(index++, std::int64_t{end.answer_status});
  statement.bind(index++, std::int64_t{flags});
  statement.bind(index++, end.tokens_in);
  statement.bind(index++, end.tokens_out);
  statement.bind(index++, end.tokens_cached);
  statement.bind(index++, end.tokens_reasoning);
  statement.bind(index++, end.first_content_us);
  statement.bind(index++, end.total_us);
  statement.bind(index++, number(end.bytes_sent));
  statement.bind(index++, number(end.bytes_received));
  statement.bind(index++, clean(end.upstream_request_id, scratch));
  return index;
}

// The same for what it has cost.
int bind_cost(store::Statement& statement, int index, const AttemptEnd& end) {
  statement.bind(index++, end.cost ? std::optional(end.cost->value) : std::nullopt);
  statement.bind(index++, end.charged.value);
  statement.bind(index++, std::int64_t{end.price_version});
  return index;
}
}  // namespace

Result<void> Ledger::insert(const JournalHead& head, const StartRecord& record,
                            const AttemptEnd* end) {
  store::Statement& statement = statements_->insert;
  const AttemptStart& start = record.start;
  std::string request_id, upstream_id;
  int index = 1;
  statement.bind(index++, number(head.run));
  statement.bind(index++, std::int64_t{head.thread});
  statement.bind(index++, number(record.serial));
  statement.bind(index++, static_cast<std::int64_t>(end == nullptr ? State::open : State::settled));
  statement.bind(index++, start.started_us);
  statement.bind(index++, clean(start.request_id, request_id));
  statement.bind(index++, std::int64_t{start.attempt});
  statement.bind(index++, start.logical_model);
  statement.bind(index++, start.provider);
  statement.bind(index++, start.model);
  statement.bind(index++, static_cast<std::int64_t>(start.endpoint));
  statement.bind(index++, start.key_name);
  statement.bind(index++, std::int64_t{start.features});
  constexpr int last_of_end = 27;
  if (end != nullptr) {
    bind_end(statement, index, *end, upstream_id);
  } else {
    for (; index <= last_of_end; ++index) statement.bind(index, std::optional<std::int64_t>());
  }
  index = last_of_end + 1;
  statement.bind(index++, start.team);
  statement.bind(index++, start.service);
  statement.bind(index++, start.reserved.value);
  if (end != nullptr) {
    bind_cost(statement, index, *end);
  } else {
    for (const int last = index + 2; index <= last; ++index)
      statement.bind(index, std::optional<std::int64_t>());
  }
  return statement.run();
}

Result<bool> Ledger::settle(const JournalHead& head, const AttemptEnd& end,
                            SpendingChanges& spent) {
  store::Statement& statement = statements_->settle;
  std::string upstream_id;
  int index = bind_cost(statement, bind_end(statement, 1, end, upstream_id), end);
  statement.bind(index++, number(head.run));
  statement.bind(index++, std::int64_t{head.thread});
  statement.bind(index++, number(end.serial));
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
  Ends ends(records);
  for (const Record& record : records) {
    if (const auto* end = std::get_if<AttemptEnd>(&record)) {
      if (ends.with_start(end->serial)) continue;
      auto settled = settle(head, *end, spent);
      if (!settled) return std::unexpected(std::move(settled).error());
      ++(*settled ? change.settled : change.unmatched);
      continue;
    }
    const auto& start = std::get<StartRecord>(record);
    const AttemptEnd* const end = ends.take(start.serial);
    auto inserted = insert(head, start, end);
    if (!inserted) return inserted;
    ++change.attempts;
    spent.started(start.start);
    if (end == nullptr) continue;
    spent.ended(start.start, *end);
    ++change.settled;
  }
  auto added = spent.add_to(database_);
  if (!added) return added;
  statements_->position.bind(1, name);
  statements_->position.bind(2, number(position));
  auto noted = statements_->position.run();
  if (!noted) return noted;
  return commit(*transaction, change);
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
  auto transaction = store::Transaction::begin(database_);
  if (!transaction) return std::unexpected(std::move(transaction).error());
  auto unknown = note_unsettled(database_, run_);
  if (!unknown) return unknown;
  auto done = database_.execute(fmt::format(
      "UPDATE attempts SET state=2, unsettled_reason='process_ended' WHERE state=0 AND run<>{}",
      run_));
  if (!done) return done;
  Counts change;
  change.unsettled = database_.changes();
  return commit(*transaction, change);
}

Result<bool> Ledger::retain(const Settings& settings, std::int64_t wall_us) {
  using std::chrono::duration_cast;
  const std::int64_t oldest =
      wall_us - duration_cast<std::chrono::microseconds>(settings.keep).count();
  auto used = database_.integer(
      "SELECT (SELECT page_count FROM pragma_page_count) - (SELECT freelist_count FROM "
      "pragma_freelist_count)");
  auto page_bytes = database_.integer("PRAGMA page_size");
  if (!used) return std::unexpected(std::move(used).error());
  if (!page_bytes) return std::unexpected(std::move(page_bytes).error());
  const bool too_much = static_cast<std::uint64_t>(*used * *page_bytes) > settings.max_bytes;
  const std::string age = too_much ? "" : fmt::format(" AND started_us < {}", oldest);
  auto deleted = database_.execute(
      fmt::format("DELETE FROM attempts WHERE id IN (SELECT id FROM attempts WHERE state<>0{} "
                  "ORDER BY started_us LIMIT {})",
                  age, retention_batch));
  if (!deleted) return std::unexpected(std::move(deleted).error());
  const bool some = database_.changes() > 0;
  auto forgotten = forget_spending(database_, wall_us);
  if (!forgotten) return std::unexpected(std::move(forgotten).error());
  auto shrunk = database_.execute(fmt::format("PRAGMA incremental_vacuum({})", vacuum_batch));
  if (!shrunk) return std::unexpected(std::move(shrunk).error());
  return some;
}

}  // namespace holdfast::records

#include "store/database.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include "base/log.h"

namespace holdfast::store {
namespace {
constexpr int busy_timeout_ms = 5'000;
constexpr int steps_between_checks = 1'000;  // of SQLite's machine, for limit_time

ErrorCode code_of(int result) {
  switch (result & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ErrorCode::configuration;
    case SQLITE_INTERRUPT:
      return ErrorCode::deadline_exceeded;
    default:
      return ErrorCode::io;
  }
}

std::string remedy(const std::string& path, std::string_view reason) {
  return fmt::format(
      "{} is damaged ({}): restore it from a backup, or move it and its -wal and -shm files away "
      "to begin anew",
      path, reason);
}

// Before anything else of SQLite's: what it counts of its memory costs a lock for each allocation.
// An error leaves it counting.
void count_no_memory() {
  static const int configured = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  static_cast<void>(configured);
}

std::unexpected<Error> fail_with(sqlite3* handle, int result) {
  const char* file = sqlite3_db_filename(handle, "main");
  const std::string path = file == nullptr ? "" : file;
  if (code_of(result) == ErrorCode::configuration)
    return fail(ErrorCode::configuration, remedy(path, sqlite3_errstr(result)));
  if (code_of(result) == ErrorCode::deadline_exceeded)
    return fail(ErrorCode::deadline_exceeded, "the query took too long");
  return fail(code_of(result), fmt::format("{}: {}", path, sqlite3_errmsg(handle)));
}
}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

void Statement::bind(int index, std::int64_t value) {
  sqlite3_bind_int64(statement_.get(), index, value);
}
void Statement::bind(int index, std::string_view text) {
  // A null pointer would bind NULL.
  sqlite3_bind_text(statement_.get(), index, text.empty() ? "" : text.data(),
                    static_cast<int>(text.size()), SQLITE_STATIC);
}
void Statement::bind(int index, std::optional<std::int64_t> value) {
  if (value)
    bind(index, *value);
  else
    sqlite3_bind_null(statement_.get(), index);
}
void Statement::bind_bytes(int index, std::string_view value) {
  sqlite3_bind_blob(statement_.get(), index, value.empty() ? "" : value.data(),
                    static_cast<int>(value.size()), SQLITE_STATIC);
}
void Statement::bind_all(std::span<const Value> values) {
  int index = 0;
  for (const Value& value : values) {
    ++index;
    if (const auto* number = std::get_if<std::int64_t>(&value))
      bind(index, *number);
    else if (const auto* text = std::get_if<std::string_view>(&value))
      bind(index, *text);
    else
      sqlite3_bind_null(statement_.get(), index);
  }
}
Result<bool> Statement::step() {
  const int result = sqlite3_step(statement_.get());
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  return fail_with(sqlite3_db_handle(statement_.get()), result);
}
Result<void> Statement::run() {
  auto stepped = step();
  reset();
  if (!stepped) return std::unexpected(std::move(stepped).error());
  return {};
}
void Statement::reset() { sqlite3_reset(statement_.get()); }
std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}
std::optional<std::int64_t> Statement::optional_integer(int column) const {
  if (sqlite3_column_type(statement_.get(), column) == SQLITE_NULL) return std::nullopt;
  return integer(column);
}
std::string_view Statement::text(int column) const {
  const auto* text = sqlite3_column_text(statement_.get(), column);
  const int bytes = sqlite3_column_bytes(statement_.get(), column);
  return {reinterpret_cast<const char*>(text), static_cast<std::size_t>(bytes)};
}
std::string_view Statement::bytes(int column) const {
  const void* bytes = sqlite3_column_blob(statement_.get(), column);
  const int count = sqlite3_column_bytes(statement_.get(), column);
  return {static_cast<const char*>(bytes), static_cast<std::size_t>(count)};
}

// The handle, and what SQLite calls back with: its address must not move.
struct Database::Connection {
  sqlite3* handle = nullptr;
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  ~Connection() { sqlite3_close_v2(handle); }
};

Database::Database(std::string path)
    : path_(std::move(path)), connection_(std::make_unique<Connection>()) {}
Database::Database(Database&&) noexcept = default;
Database& Database::operator=(Database&&) noexcept = default;
Database::~Database() = default;

Result<Database> Database::open(const std::string& path, Access access) {
  count_no_memory();
  Database database(path);
  const int flags =
      SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
      (access == Access::write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY);
  sqlite3*& handle = database.connection_->handle;
  const int result = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  if (result != SQLITE_OK)
    return fail(ErrorCode::io, fmt::format("cannot open {}: {}", path, sqlite3_errstr(result)));
  sqlite3_busy_timeout(handle, busy_timeout_ms);
  if (access == Access::read) return database;
  auto ready = database.prepare_to_write();
  if (!ready) return std::unexpected(std::move(ready).error());
  return database;
}

Result<void> Database::prepare_to_write() {
  // auto_vacuum takes effect only before the first table is made.
  auto set = execute(
      "PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
      "PRAGMA journal_size_limit=67108864; PRAGMA foreign_keys=ON;");
  if (!set) return set;
  auto checked = quick_check();
  if (!checked) return checked;
  return execute(
      "CREATE TABLE IF NOT EXISTS migrations(room TEXT PRIMARY KEY, version INTEGER NOT NULL, "
      "applied_us INTEGER NOT NULL) WITHOUT ROWID");
}

Result<void> Database::quick_check() {
  auto statement = prepare("PRAGMA quick_check(1)");
  if (!statement) return std::unexpected(std::move(statement).error());
  auto row = statement->step();
  if (!row) return std::unexpected(std::move(row).error());
  const std::string_view verdict = statement->text(0);
  if (verdict == "ok") return {};
  return fail(ErrorCode::configuration, remedy(path_, verdict));
}

Result<void> Database::migrate(std::string_view room, std::span<const std::string_view> steps) {
  auto stored = prepare("SELECT version FROM migrations WHERE room=?");
  if (!stored) return std::unexpected(std::move(stored).error());
  stored->bind(1, room);
  auto row = stored->step();
  if (!row) return std::unexpected(std::move(row).error());
  const std::size_t version = *row ? static_cast<std::size_t>(stored->integer(0)) : 0;
  stored->reset();
  if (version > steps.size())
    return fail(ErrorCode::configuration,
                fmt::format("{}: its tables of {} are of version {}, this program knows {}: "
                            "start a newer Holdfast, or restore the backup made before the upgrade",
                            path_, room, version, steps.size()));
  for (std::size_t next = version; next < steps.size(); ++next) {
    auto transaction = Transaction::begin(*this);
    if (!transaction) return std::unexpected(std::move(transaction).error());
    auto done = execute(std::string(steps[next]));
    if (!done) return done;
    auto note = prepare(
        "INSERT INTO migrations VALUES(?,?,CAST((julianday('now')-2440587.5)*86400e6 AS INTEGER)) "
        "ON CONFLICT(room) DO UPDATE SET version=excluded.version, applied_us=excluded.applied_us");
    if (!note) return std::unexpected(std::move(note).error());
    note->bind(1, room);
    note->bind(2, static_cast<std::int64_t>(next + 1));
    auto noted = note->run();
    if (!noted) return noted;
    auto committed = transaction->commit();
    if (!committed) return committed;
  }
  return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int result = sqlite3_prepare_v2(connection_->handle, sql.data(),
                                        static_cast<int>(sql.size()), &statement, nullptr);
  if (result != SQLITE_OK) return fail_with(connection_->handle, result);
  return Statement(statement);
}

Result<void> Database::execute(const std::string& sql) {
  const int result = sqlite3_exec(connection_->handle, sql.c_str(), nullptr, nullptr, nullptr);
  if (result != SQLITE_OK) return fail_with(connection_->handle, result);
  return {};
}

Result<void> Database::offer_module(const std::string& name, const sqlite3_module* module,
                                    void* data, void (*forget)(void*)) {
  const int result =
      sqlite3_create_module_v2(connection_->handle, name.c_str(), module, data, forget);
  if (result != SQLITE_OK) return fail_with(connection_->handle, result);
  return {};
}

Result<std::int64_t> Database::integer(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement) return std::unexpected(std::move(statement).error());
  auto row = statement->step();
  if (!row) return std::unexpected(std::move(row).error());
  return *row ? statement->integer(0) : 0;
}

std::int64_t Database::changes() const { return sqlite3_changes64(connection_->handle); }
std::int64_t Database::last_id() const { return sqlite3_last_insert_rowid(connection_->handle); }

void Database::limit_time(std::chrono::milliseconds limit) {
  connection_->deadline = std::chrono::steady_clock::now() + limit;
  sqlite3_progress_handler(
      connection_->handle, steps_between_checks,
      [](void* data) {
        const auto* connection = static_cast<const Connection*>(data);
        return std::chrono::steady_clock::now() >= connection->deadline ? 1 : 0;
      },
      connection_.get());
}

Result<Transaction> Transaction::begin(Database& database) {
  auto begun = database.execute("BEGIN IMMEDIATE");
  if (!begun) return std::unexpected(std::move(begun).error());
  return Transaction(database);
}

Transaction::~Transaction() {
  if (database_ == nullptr) return;
  // After some errors SQLite has rolled back by itself, and says so here: nothing is left to do.
  [[maybe_unused]] const auto rolled_back = database_->execute("ROLLBACK");
}

Result<void> Transaction::commit() {
  auto committed = database_->execute("COMMIT");
  if (committed) database_ = nullptr;
  return committed;
}

}  // namespace holdfast::store

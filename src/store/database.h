// SQLite, as every room uses it: errors are values, statements and transactions close themselves.
//
// One connection of the process writes a database and checkpoints it; every other opens it for
// reading only. That keeps readers off the writer's way, and clear of the WAL-reset bug of
// SQLite 3.40.1, which needs two connections that checkpoint.
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "store/rows.h"

struct sqlite3;
struct sqlite3_module;  // NOLINT(readability-identifier-naming): it is SQLite's
struct sqlite3_stmt;

namespace holdfast::store {

enum class Access { write, read };

// One prepared statement. It lives no longer than its Database, and on the same thread.
class Statement {
 public:
  // Binds parameter `index` (from 1) until the next bind. Text must stay until the next reset().
  void bind(int index, std::int64_t value);
  void bind(int index, std::string_view text);
  void bind(int index, std::optional<std::int64_t> value);  // nothing: NULL
  // Any bytes, as a BLOB; they must stay as text must.
  void bind_bytes(int index, std::string_view value);
  // Binds all of them, the first as parameter 1.
  void bind_all(std::span<const Value> values);
  // Whether there is a (further) row.
  //   errors   io; deadline_exceeded: see Database::limit_time
  Result<bool> step();
  // Steps once, for statements that return no row, and resets.
  Result<void> run();
  void reset();
  std::int64_t integer(int column) const;
  std::optional<std::int64_t> optional_integer(int column) const;
  std::string_view text(int column) const;   // until the next step or reset
  std::string_view bytes(int column) const;  // of a BLOB; likewise

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

// One connection: used by one thread at a time.
class Database {
 public:
  // Opens the file; for writing it is made when it is not there, and a quick check is done.
  //   errors   configuration: not a database, or damaged: says which file and what to do
  //            io
  static Result<Database> open(const std::string& path, Access access);
  Database(Database&&) noexcept;
  Database& operator=(Database&&) noexcept;
  ~Database();

  // Brings a room's tables up to date: runs, each in a transaction, the steps that have not yet
  // been run. Steps are only ever added at the end.
  //   errors   configuration: the database was written by a newer version; io
  Result<void> migrate(std::string_view room, std::span<const std::string_view> steps);

  Result<Statement> prepare(std::string_view sql);
  // Runs statements that return no rows.
  Result<void> execute(const std::string& sql);
  // From now on statements of this connection can read `rows` like a table.
  //   columns   their names, with commas between
  //   rows      there whenever a statement that names them runs
  Result<void> offer(const std::string& name, const std::string& columns, Rows& rows);
  // The first column of the first row.
  Result<std::int64_t> integer(std::string_view sql);
  // Rows that the last insert, update or delete has changed.
  std::int64_t changes() const;
  std::int64_t last_id() const;
  // Everything fails with deadline_exceeded once `limit` has passed since the last such call.
  void limit_time(std::chrono::milliseconds limit);
  const std::string& path() const { return path_; }

 private:
  struct Connection;
  explicit Database(std::string path);
  Result<void> prepare_to_write();
  Result<void> offer_module(const std::string& name, const sqlite3_module* module, void* data,
                            void (*forget)(void*));
  Result<void> quick_check();
  std::string path_;
  std::unique_ptr<Connection> connection_;
};

// A transaction that is rolled back unless commit() succeeded.
class Transaction {
 public:
  static Result<Transaction> begin(Database& database);
  Transaction(Transaction&& other) noexcept : database_(other.database_) {
    other.database_ = nullptr;
  }
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Result<void> commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;
};

}  // namespace holdfast::store

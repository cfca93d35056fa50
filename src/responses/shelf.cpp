#include "responses/shelf.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "responses/schema.h"

namespace holdfast::responses {
namespace {
constexpr std::int64_t retention_batch = 200;  // responses deleted in one transaction

// SQLite's other files take over the mode of the first.
Result<void> make_private(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0)
    return fail(ErrorCode::io, fmt::format("cannot open {}: {}", path, std::strerror(errno)));
  ::close(descriptor);
  return {};
}
}  // namespace

struct Shelf::Statements {
  std::optional<store::Statement> find, insert, remove;
};

Shelf::Shelf(store::Database database)
    : database_(std::move(database)), statements_(std::make_unique<Statements>()) {}
Shelf::Shelf(Shelf&&) noexcept = default;
Shelf::~Shelf() = default;

Result<Shelf> Shelf::open(const std::string& path) {
  auto made = make_private(path);
  if (!made) return std::unexpected(std::move(made).error());
  auto database = store::Database::open(path, store::Access::write);
  if (!database) return std::unexpected(std::move(database).error());
  auto overwrites = database->execute("PRAGMA secure_delete=ON");
  if (!overwrites) return std::unexpected(std::move(overwrites).error());
  auto migrated = database->migrate("responses", schema);
  if (!migrated) return std::unexpected(std::move(migrated).error());
  Shelf shelf(*std::move(database));
  auto prepared = shelf.prepare(true);
  if (!prepared) return std::unexpected(std::move(prepared).error());
  return shelf;
}

Result<Shelf> Shelf::open_reader(const std::string& path) {
  auto database = store::Database::open(path, store::Access::read);
  if (!database) return std::unexpected(std::move(database).error());
  Shelf shelf(*std::move(database));
  auto prepared = shelf.prepare(false);
  if (!prepared) return std::unexpected(std::move(prepared).error());
  return shelf;
}

Result<void> Shelf::prepare(bool writes) {
  const auto into = [this](std::optional<store::Statement>& place,
                           std::string_view sql) -> Result<void> {
    auto statement = database_.prepare(sql);
    if (!statement) return std::unexpected(std::move(statement).error());
    place.emplace(*std::move(statement));
    return {};
  };
  auto found = into(statements_->find,
                    "SELECT previous, kept_by, created_us, input, response FROM responses "
                    "WHERE owner=? AND id=?");
  if (!found || !writes) return found;
  auto inserted = into(statements_->insert,
                       "INSERT OR REPLACE INTO responses(owner, id, previous, kept_by, created_us, "
                       "input, response) VALUES(?,?,?,?,?,?,?)");
  if (!inserted) return inserted;
  return into(statements_->remove, "DELETE FROM responses WHERE owner=? AND id=?");
}

Result<std::vector<bool>> Shelf::apply(std::span<const Change> changes) {
  auto transaction = store::Transaction::begin(database_);
  if (!transaction) return std::unexpected(std::move(transaction).error());
  std::vector<bool> changed;
  changed.reserve(changes.size());
  for (const Change& change : changes) {
    const auto* removal = std::get_if<Removal>(&change);
    store::Statement& statement = removal != nullptr ? *statements_->remove : *statements_->insert;
    if (removal != nullptr) {
      statement.bind(1, std::string_view(removal->owner));
      statement.bind(2, std::string_view(removal->id));
    } else {
      const Entry& entry = *std::get<SharedEntry>(change);
      int index = 1;
      for (const std::string_view text :
           {std::string_view(entry.owner), std::string_view(entry.id),
            std::string_view(entry.previous), std::string_view(entry.kept_by)})
        statement.bind(index++, text);
      statement.bind(index++, entry.created_us);
      statement.bind(index++, std::string_view(entry.input));
      statement.bind(index++, std::string_view(entry.response));
    }
    auto done = statement.run();
    if (!done) return std::unexpected(std::move(done).error());
    changed.push_back(database_.changes() > 0);
  }
  auto committed = transaction->commit();
  if (!committed) return std::unexpected(std::move(committed).error());
  return changed;
}

Result<SharedEntry> Shelf::find(std::string_view owner, std::string_view id,
                                std::chrono::milliseconds limit) {
  database_.limit_time(limit);
  store::Statement& statement = *statements_->find;
  statement.bind(1, owner);
  statement.bind(2, id);
  auto row = statement.step();
  std::shared_ptr<Entry> entry;
  if (row && *row) {
    entry = std::make_shared<Entry>();
    entry->owner = owner;
    entry->id = id;
    entry->previous = statement.text(0);
    entry->kept_by = statement.text(1);
    entry->created_us = statement.integer(2);
    entry->input = statement.text(3);
    entry->response = statement.text(4);
  }
  statement.reset();  // ends the read, which would hold up a checkpoint
  if (!row) return std::unexpected(std::move(row).error());
  return entry;
}

Result<bool> Shelf::retain(const Settings& settings, std::int64_t wall_us) {
  using std::chrono::duration_cast;
  const std::int64_t oldest =
      wall_us - duration_cast<std::chrono::microseconds>(settings.keep).count();
  auto used = database_.integer(
      "SELECT (SELECT page_count FROM pragma_page_count) - (SELECT freelist_count FROM "
      "pragma_freelist_count)");
  if (!used) return std::unexpected(std::move(used).error());
  auto page_bytes = database_.integer("PRAGMA page_size");
  if (!page_bytes) return std::unexpected(std::move(page_bytes).error());
  const bool too_much = static_cast<std::uint64_t>(*used * *page_bytes) > settings.max_bytes;
  const std::string age = too_much ? "" : fmt::format("WHERE created_us < {} ", oldest);
  // Too much goes in smaller bites: one of them may be enough.
  auto deleted = database_.execute(
      fmt::format("DELETE FROM responses WHERE number IN (SELECT number FROM responses {}"
                  "ORDER BY created_us LIMIT {})",
                  age, too_much ? retention_batch / 10 : retention_batch));
  if (!deleted) return std::unexpected(std::move(deleted).error());
  return database_.changes() > 0;
}

Result<void> Shelf::shrink() {
  return database_.execute("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)");
}

}  // namespace holdfast::responses

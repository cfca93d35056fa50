#include "identity/key_store.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "identity/key_scope_json.h"

namespace holdfast::identity {
namespace {

namespace json = boost::json;
constexpr std::array<std::string_view, 1> schema = {R"sql(
CREATE TABLE virtual_keys(
  number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE,
  parent TEXT NOT NULL, owner_kind INTEGER NOT NULL, owner TEXT NOT NULL, note TEXT NOT NULL,
  scope TEXT NOT NULL, created_us INTEGER NOT NULL, changed_us INTEGER NOT NULL,
  revoked_us INTEGER NOT NULL, hash BLOB NOT NULL, old_hash BLOB NOT NULL,
  old_until_us INTEGER NOT NULL);
CREATE TABLE pepper(only INTEGER PRIMARY KEY CHECK(only = 1), hash BLOB NOT NULL);
)sql"};
// Its hash tells the pepper of this database from others.
constexpr std::string_view known_text = "holdfast virtual keys";

std::string_view bytes_of(const KeyHash& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

std::unexpected<Error> damaged(std::string_view what) {
  return fail(
      ErrorCode::configuration,
      fmt::format("keys.db is damaged: {}. Put it back from a backup of the state directory",
                  what));
}

bool read_hash(std::string_view bytes, KeyHash& into) {
  if (bytes.size() != into.size()) return false;
  std::ranges::copy(bytes, into.begin());
  return true;
}

bool read_scope(std::string_view text, KeyScope& into) {
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  if (error || !value.is_object()) return false;
  return std::ranges::all_of(value.as_object(), [&into](const auto& field) {
    return read_field(field.key(), field.value(), into) == FieldRead::read;
  });
}

Result<VirtualKey> read_row(const store::Statement& row) {
  VirtualKey key;
  key.id = row.text(0);
  key.name = row.text(1);
  key.parent = row.text(2);
  const std::int64_t kind = row.integer(3);
  key.owner = row.text(4);
  key.note = row.text(5);
  key.created_us = row.integer(7);
  key.changed_us = row.integer(8);
  key.revoked_us = row.integer(9);
  key.old_until_us = row.integer(12);
  if (kind < 0 || kind >= static_cast<std::int64_t>(owner_kinds.size()))
    return damaged(fmt::format("the owner of {}", key.name));
  key.owner_kind = owner_kinds.at(static_cast<std::size_t>(kind));
  if (!read_scope(row.text(6), key.scope)) return damaged(fmt::format("the scope of {}", key.name));
  if (!read_hash(row.bytes(10), key.hash) || !read_hash(row.bytes(11), key.old_hash))
    return damaged(fmt::format("the hash of {}", key.name));
  return key;
}

}  // namespace

Result<KeyStore> KeyStore::open(const std::string& directory, const Pepper& pepper) {
  const std::string path = directory + "/keys.db";
  auto database = store::Database::open(path, store::Access::write);
  if (!database) return std::unexpected(std::move(database).error());
  if (::chmod(path.c_str(), 0600) != 0)
    return fail(ErrorCode::io, fmt::format("{}: its mode cannot be set", path));
  auto migrated = database->migrate("keys", schema);
  if (!migrated) return std::unexpected(std::move(migrated).error());
  KeyStore store(*std::move(database));
  if (auto same = store.check_pepper(pepper); !same) return std::unexpected(same.error());
  if (auto read = store.read(); !read) return std::unexpected(read.error());
  return store;
}

Result<void> KeyStore::check_pepper(const Pepper& pepper) {
  const KeyHash hash = pepper.hash(known_text);
  auto asked = database_.prepare("SELECT hash FROM pepper WHERE only = 1");
  if (!asked) return std::unexpected(asked.error());
  const auto found = asked->step();
  if (!found) return std::unexpected(found.error());
  if (*found) {
    KeyHash kept;
    if (read_hash(asked->bytes(0), kept) && equal(kept, hash)) return {};
    return fail(
        ErrorCode::configuration,
        fmt::format("{} was made with another pepper, so no virtual key would be known: put "
                    "back the pepper that belongs to it, from a backup",
                    database_.path()));
  }
  auto insert = database_.prepare("INSERT INTO pepper(only, hash) VALUES(1, ?)");
  if (!insert) return std::unexpected(insert.error());
  insert->bind_bytes(1, bytes_of(hash));
  return insert->run();
}

Result<void> KeyStore::read() {
  auto rows = database_.prepare(
      "SELECT id, name, parent, owner_kind, owner, note, scope, created_us, changed_us, "
      "revoked_us, "
      "hash, old_hash, old_until_us FROM virtual_keys ORDER BY number");
  if (!rows) return std::unexpected(rows.error());
  while (true) {
    const auto more = rows->step();
    if (!more) return std::unexpected(more.error());
    if (!*more) return {};
    auto key = read_row(*rows);
    if (!key) return std::unexpected(std::move(key).error());
    places_.emplace(key->id, keys_.size());
    keys_.push_back(*std::move(key));
  }
}

Result<void> KeyStore::save(const VirtualKey& key) {
  auto statement = database_.prepare(
      "INSERT INTO virtual_keys(id, name, parent, owner_kind, owner, note, scope, created_us, "
      "changed_us, revoked_us, hash, old_hash, old_until_us) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?) "
      "ON CONFLICT(id) DO UPDATE SET note=excluded.note, scope=excluded.scope, "
      "changed_us=excluded.changed_us, revoked_us=excluded.revoked_us, hash=excluded.hash, "
      "old_hash=excluded.old_hash, old_until_us=excluded.old_until_us");
  if (!statement) return std::unexpected(statement.error());
  const std::string scope = json::serialize(to_json(key.scope));
  statement->bind(1, std::string_view(key.id));
  statement->bind(2, std::string_view(key.name));
  statement->bind(3, std::string_view(key.parent));
  statement->bind(4, static_cast<std::int64_t>(key.owner_kind));
  statement->bind(5, std::string_view(key.owner));
  statement->bind(6, std::string_view(key.note));
  statement->bind(7, std::string_view(scope));
  statement->bind(8, key.created_us);
  statement->bind(9, key.changed_us);
  statement->bind(10, key.revoked_us);
  statement->bind_bytes(11, bytes_of(key.hash));
  statement->bind_bytes(12, bytes_of(key.old_hash));
  statement->bind(13, key.old_until_us);
  if (auto kept = statement->run(); !kept) return kept;
  const auto place = places_.find(key.id);
  if (place != places_.end()) {
    keys_[place->second] = key;
    return {};
  }
  places_.emplace(key.id, keys_.size());
  keys_.push_back(key);
  return {};
}

}  // namespace holdfast::identity

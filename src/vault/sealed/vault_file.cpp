#include "vault/sealed/vault_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>

namespace holdfast::vault::sealed {
namespace {
constexpr std::size_t head_file_bytes = 256;
constexpr std::string_view head_start = "holdfast-vault-head-1 ";
constexpr std::array<std::string_view, 1> steps = {
    "CREATE TABLE vault(id INTEGER PRIMARY KEY CHECK(id=1), install_id BLOB NOT NULL, "
    "protection BLOB NOT NULL, checksum BLOB NOT NULL, generation INTEGER NOT NULL, "
    "previous_seal BLOB NOT NULL, seal BLOB NOT NULL);"
    "CREATE TABLE data_keys(id INTEGER PRIMARY KEY, sealed BLOB NOT NULL);"
    "CREATE TABLE secrets(tag BLOB NOT NULL, version INTEGER NOT NULL, metadata BLOB NOT NULL, "
    "secret BLOB NOT NULL, PRIMARY KEY(tag, version)) WITHOUT ROWID"};

std::string database_path(const std::string& directory) { return directory + "/vault.db"; }
std::string head_path(const std::string& directory) { return directory + "/vault.head"; }
bool is_there(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

std::unexpected<Error> damaged(const std::string& path, std::string_view what) {
  return fail(ErrorCode::configuration,
              fmt::format("{} is damaged ({}): move it and vault.head away, and restore a backup "
                          "with \"holdfast vault restore\"",
                          path, what));
}

// Tells damage from a wrong key: it needs none.
std::string checksum_of(std::string_view install_id, std::string_view protection) {
  FieldWriter writer;
  writer.text(install_id).text(protection);
  return sha256(writer.take());
}

// Opens for writing; what is overwritten or deleted leaves no trace in the file.
Result<store::Database> open_to_write(const std::string& path) {
  // SQLite would make it readable for all, and its -wal and -shm files like it.
  const Descriptor made(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (made.number() < 0)
    return fail(ErrorCode::io, fmt::format("cannot open {}: {}", path, std::strerror(errno)));
  auto database = store::Database::open(path, store::Access::write);
  if (!database) return database;
  auto set = database->execute("PRAGMA secure_delete=ON");
  if (!set) return std::unexpected(std::move(set).error());
  auto migrated = database->migrate("vault", steps);
  if (!migrated) return std::unexpected(std::move(migrated).error());
  return database;
}

Result<void> write_rows(store::Database& database, const Contents& before, const Contents& after) {
  auto drop = database.prepare("DELETE FROM secrets WHERE tag=? AND version=?");
  if (!drop) return std::unexpected(std::move(drop).error());
  for (const auto& [name, row] : before.rows) {
    if (after.rows.contains(name)) continue;
    drop->bind_bytes(1, name.tag);
    drop->bind(2, name.version);
    if (auto done = drop->run(); !done) return done;
  }
  auto put = database.prepare("INSERT OR REPLACE INTO secrets VALUES(?,?,?,?)");
  if (!put) return std::unexpected(std::move(put).error());
  for (const auto& [name, row] : after.rows) {
    const auto same = before.rows.find(name);
    if (same != before.rows.end() && same->second == row) continue;
    put->bind_bytes(1, name.tag);
    put->bind(2, name.version);
    put->bind_bytes(3, row.metadata);
    put->bind_bytes(4, row.secret);
    if (auto done = put->run(); !done) return done;
  }
  return {};
}

Result<void> write_data_keys(store::Database& database, const Contents& after) {
  if (auto emptied = database.execute("DELETE FROM data_keys"); !emptied) return emptied;
  auto put = database.prepare("INSERT INTO data_keys VALUES(?,?)");
  if (!put) return std::unexpected(std::move(put).error());
  for (const auto& [id, sealed] : after.data_keys) {
    put->bind(1, id);
    put->bind_bytes(2, sealed);
    if (auto done = put->run(); !done) return done;
  }
  return {};
}

Result<void> write_vault(store::Database& database, const Contents& after, std::string_view seal) {
  auto put = database.prepare("INSERT OR REPLACE INTO vault VALUES(1,?,?,?,?,?,?)");
  if (!put) return std::unexpected(std::move(put).error());
  const std::string protection = encode(after.protection);
  const std::string checksum = checksum_of(after.install_id, protection);
  put->bind_bytes(1, after.install_id);
  put->bind_bytes(2, protection);
  put->bind_bytes(3, checksum);
  put->bind(4, after.generation);
  put->bind_bytes(5, after.previous_seal);
  put->bind_bytes(6, seal);
  return put->run();
}

Result<void> write_contents(store::Database& database, const Contents& before,
                            const Contents& after, std::string_view seal) {
  auto transaction = store::Transaction::begin(database);
  if (!transaction) return std::unexpected(std::move(transaction).error());
  if (auto done = write_vault(database, after, seal); !done) return done;
  if (auto done = write_data_keys(database, after); !done) return done;
  if (auto done = write_rows(database, before, after); !done) return done;
  return transaction->commit();
}

// What is in the -wal file would not come along to another name. Closing the database would do it
// too, but not say whether there was room.
Result<void> bring_into_one_file(store::Database& database) {
  const auto busy = database.integer("PRAGMA wal_checkpoint(TRUNCATE)");
  if (!busy) return std::unexpected(busy.error());
  if (*busy != 0) return fail(ErrorCode::io, database.path() + " is in use by another process");
  return {};
}

Result<void> make_directory(const std::string& directory) {
  std::error_code error;
  const std::filesystem::path parent = std::filesystem::path(directory).parent_path();
  if (!parent.empty()) std::filesystem::create_directories(parent, error);
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
    return fail(ErrorCode::io, fmt::format("cannot make the state directory {}: {}", directory,
                                           std::strerror(errno)));
  return {};
}

// Files of another user's making would lock the gateway out of its own vault.
Result<void> check_owner(const std::string& directory) {
  struct stat status{};
  if (::stat(directory.c_str(), &status) != 0)
    return fail(ErrorCode::io,
                fmt::format("cannot look at {}: {}", directory, std::strerror(errno)));
  if (status.st_uid == ::geteuid()) return {};
  const passwd* owner = ::getpwuid(status.st_uid);
  const std::string name =
      owner == nullptr ? fmt::format("#{}", status.st_uid) : std::string(owner->pw_name);
  return fail(ErrorCode::configuration,
              fmt::format("{0} belongs to {1}: use the vault as that user, as in \"sudo -u {1} "
                          "holdfast vault ...\"",
                          directory, name));
}
}  // namespace

std::string encode(const Head& head) {
  std::string hex(2 * head.seal.size() + 1, '\0');
  sodium_bin2hex(hex.data(), hex.size(), reinterpret_cast<const unsigned char*>(head.seal.data()),
                 head.seal.size());
  hex.pop_back();
  return fmt::format("{}{} {}\n", head_start, head.generation, hex);
}

std::optional<Head> decode_head(std::string_view text) {
  if (!text.starts_with(head_start) || !text.ends_with('\n')) return std::nullopt;
  const std::string_view line = text.substr(head_start.size(), text.size() - head_start.size() - 1);
  Head head;
  const auto number = std::from_chars(line.data(), line.data() + line.size(), head.generation);
  if (number.ec != std::errc() || head.generation < 0) return std::nullopt;
  const std::string_view rest = line.substr(static_cast<std::size_t>(number.ptr - line.data()));
  if (rest.size() != 1 + 2 * mac_bytes || rest[0] != ' ') return std::nullopt;
  head.seal.resize(mac_bytes);
  std::size_t written = 0;
  if (sodium_hex2bin(reinterpret_cast<unsigned char*>(head.seal.data()), mac_bytes, rest.data() + 1,
                     rest.size() - 1, nullptr, &written, nullptr) != 0 ||
      written != mac_bytes)
    return std::nullopt;
  if (encode(head) != text) return std::nullopt;  // one spelling only
  return head;
}

Result<void> check_directory(const std::string& directory) {
  return is_there(directory) ? check_owner(directory) : Result<void>();
}

std::optional<std::int64_t> changes_in(const std::string& directory) {
  const auto text = read_file(head_path(directory), head_file_bytes);
  if (!text) return std::nullopt;
  const auto head = decode_head(*text);
  return head ? std::optional(head->generation) : std::nullopt;
}

Result<void> VaultFile::create(const std::string& directory, const Contents& contents,
                               std::string_view seal) {
  if (auto made = make_directory(directory); !made) return made;
  if (auto own = check_owner(directory); !own) return own;
  const auto lock = VaultLock::acquire(directory, Sharing::alone);
  if (!lock) return std::unexpected(lock.error());
  const std::string path = database_path(directory), next = path + ".new";
  if (is_there(path))
    return fail(ErrorCode::configuration, "there is a vault already: " + path +
                                              "; it is not overwritten: move it and vault.head "
                                              "away, or give another --state");
  if (is_there(head_path(directory)) && !is_there(next))
    return fail(ErrorCode::configuration,
                fmt::format("{} is of a vault that is gone: put its vault.db back, or move the "
                            "file away to begin anew",
                            head_path(directory)));
  for (const char* end : {"", "-wal", "-shm"}) ::unlink((next + end).c_str());
  {
    auto database = open_to_write(next);
    if (!database) return std::unexpected(std::move(database).error());
    auto written = write_contents(*database, {}, contents, seal);
    if (!written) return written;
    if (auto whole = bring_into_one_file(*database); !whole) return whole;
  }
  auto headed =
      replace_file(head_path(directory), encode(Head{contents.generation, std::string(seal)}));
  if (!headed) return headed;
  return rename_file(next, path);
}

Result<VaultFile> VaultFile::open(const std::string& directory, store::Access access) {
  const std::string path = database_path(directory);
  if (!is_there(path))
    return fail(ErrorCode::configuration,
                fmt::format("there is no vault in {}: make one with \"holdfast vault init\", or "
                            "give another --state",
                            directory));
  if (auto own = check_owner(directory); !own) return std::unexpected(std::move(own).error());
  auto lock = VaultLock::acquire(
      directory, access == store::Access::write ? Sharing::alone : Sharing::with_readers);
  if (!lock) return std::unexpected(std::move(lock).error());
  auto database =
      access == store::Access::write ? open_to_write(path) : store::Database::open(path, access);
  if (!database) return std::unexpected(std::move(database).error());
  return VaultFile(directory, *std::move(lock), *std::move(database));
}

std::string VaultFile::path() const { return database_path(directory_); }

Result<Stored> VaultFile::load() {
  Stored stored;
  Contents& contents = stored.contents;
  auto vault = database_.prepare(
      "SELECT install_id, protection, checksum, generation, previous_seal, seal FROM vault");
  if (!vault) return std::unexpected(std::move(vault).error());
  auto row = vault->step();
  if (!row) return std::unexpected(std::move(row).error());
  if (!*row) return damaged(path(), "its head is missing");
  contents.install_id = vault->bytes(0);
  const std::string protection(vault->bytes(1));
  auto decoded = decode_protection(protection);
  if (vault->bytes(2) != checksum_of(contents.install_id, protection) || !decoded)
    return damaged(path(), "its head does not fit its checksum");
  contents.protection = *std::move(decoded);
  contents.generation = vault->integer(3);
  contents.previous_seal = vault->bytes(4);
  stored.seal = vault->bytes(5);

  auto keys = database_.prepare("SELECT id, sealed FROM data_keys ORDER BY id");
  if (!keys) return std::unexpected(std::move(keys).error());
  for (row = keys->step(); row && *row; row = keys->step())
    contents.data_keys.emplace(keys->integer(0), keys->bytes(1));
  if (!row) return std::unexpected(std::move(row).error());

  auto rows = database_.prepare("SELECT tag, version, metadata, secret FROM secrets");
  if (!rows) return std::unexpected(std::move(rows).error());
  for (row = rows->step(); row && *row; row = rows->step())
    contents.rows.emplace(RowName{std::string(rows->bytes(0)), rows->integer(1)},
                          Row{std::string(rows->bytes(2)), std::string(rows->bytes(3))});
  if (!row) return std::unexpected(std::move(row).error());
  return stored;
}

Result<void> VaultFile::change(const Contents& before, const Contents& after,
                               std::string_view seal) {
  auto written = write_contents(database_, before, after, seal);
  if (!written) return written;
  auto headed = write_head({after.generation, std::string(seal)});
  if (!headed)
    return fail(headed.error().code,
                "the change is stored, but vault.head is not up to date: " + headed.error().detail);
  return {};
}

Result<std::optional<Head>> VaultFile::head() const {
  if (!is_there(head_path(directory_))) return std::nullopt;
  auto text = read_file(head_path(directory_), head_file_bytes);
  if (!text && text.error().code == ErrorCode::configuration) return std::nullopt;
  if (!text) return std::unexpected(std::move(text).error());
  return decode_head(*text);
}

Result<void> VaultFile::write_head(const Head& head) const {
  return replace_file(head_path(directory_), encode(head));
}
}  // namespace holdfast::vault::sealed

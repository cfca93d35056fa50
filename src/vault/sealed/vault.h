// An open vault: secrets by path, in versions, with what is known about each.
//
// Nothing that is acknowledged is lost, whenever the process or the machine ends; a change that is
// not acknowledged is there as a whole or not at all.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "config/vault_reference.h"
#include "vault/sealed/keys.h"
#include "vault/sealed/vault_file.h"

namespace holdfast::limits {
inline constexpr std::size_t vault_paths = 1'000;
inline constexpr std::size_t vault_versions = 10;     // of one path; the oldest goes beyond
inline constexpr std::size_t vault_text_bytes = 128;  // of an owner, a provider
inline constexpr std::size_t vault_backup_bytes = 256U << 20U;
}  // namespace holdfast::limits

namespace holdfast::vault::sealed {

struct Metadata {
  std::string owner;      // whom to ask; may be empty
  std::string provider;   // whose credential it is; may be empty
  std::string rotate_by;  // the day, as in 2027-03-01; may be empty
  bool operator==(const Metadata&) const = default;
};

struct Entry {
  std::string path;
  std::int64_t version = 0;
  std::int64_t created_us = 0;  // wall time
  Metadata metadata;
};

// Whether `date` is a day of the calendar, written as in 2027-03-01.
bool is_date(std::string_view date);
// Whether the day `date` is over in UTC.   date   is_date
bool is_over(std::string_view date, std::int64_t wall_us);

enum class Level : std::uint8_t {
  data_key,  // a new data key, every secret sealed with it
  root,      // a new root key too, and with it all that is derived from it
};

// Used by one thread. It holds the vault's lock, so it should not live long.
class Vault {
 public:
  // Makes an empty vault in `directory`.   errors   as VaultFile::create; io: no memory
  static Result<void> create(const std::string& directory, const OperatorSecret& secret,
                             Argon2Cost cost = {});
  //   errors   configuration: no vault, the wrong secret, damaged, altered, rolled back: each says
  //            so and what to do; io
  static Result<Vault> open(const std::string& directory, const OperatorSecret& secret,
                            store::Access access);
  // Makes a vault in `directory` out of a backup, which the secret of its time opens.
  //   errors   as create(); configuration: no backup, altered, the wrong secret
  static Result<void> restore(const std::string& directory, std::string_view backup,
                              const OperatorSecret& secret);
  // Says that the database is the right one although vault.head knows of a newer one, or is gone.
  static Result<void> accept_rollback(const std::string& directory, const OperatorSecret& secret);

  // The newest version of every path, by path.   errors   configuration: altered
  Result<std::vector<Entry>> list() const;
  // The versions of a path, the newest first.   errors   configuration: there is none
  Result<std::vector<Entry>> versions(std::string_view path) const;
  // The entry that is meant, and its secret.
  //   errors   configuration: there is none: says which there are; altered
  Result<Entry> find(const config::VaultReference& reference) const;
  Result<LockedBytes> reveal(const Entry& entry) const;

  // Stores a new version, and returns its number. Owner and provider are those of the version
  // before where `metadata` has none.
  //   errors   invalid_request: the path, a text or the date; too_large: vault_paths; io
  Result<std::int64_t> put(std::string_view path, std::string_view secret, Metadata metadata,
                           const Clock& clock);
  Result<void> rotate(Level level);
  // From now on `secret` opens the vault, and the one before no longer does.
  Result<void> rekey(const OperatorSecret& secret, Argon2Cost cost = {});
  // A backup as a file's bytes, encrypted.   errors   too_large
  Result<std::string> backup() const;

  std::int64_t generation() const { return contents_.generation; }

 private:
  Vault(VaultFile file, Stored stored, Keys keys, LockedBytes operator_key)
      : file_(std::move(file)),
        contents_(std::move(stored.contents)),
        seal_(std::move(stored.seal)),
        keys_(std::move(keys)),
        operator_key_(std::move(operator_key)) {}
  static Result<Vault> open_unchecked(const std::string& directory, const OperatorSecret& secret,
                                      store::Access access);
  Result<void> check_head(store::Access access);
  Result<Entry> entry_of(const RowName& name, const Row& row) const;
  Result<void> reseal(const Keys& from, const Keys& to, Contents& into) const;
  Result<void> commit(Contents next);
  std::unexpected<Error> altered(std::string_view what) const;

  VaultFile file_;
  Contents contents_;
  std::string seal_;
  Keys keys_;
  LockedBytes operator_key_;
};

}  // namespace holdfast::vault::sealed

// Where a vault lies: STATE/vault.db, and beside it STATE/vault.head, which knows how far the
// database had come, so that an older copy put in its place is noticed.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "store/database.h"
#include "vault/sealed/contents.h"
#include "vault/sealed/files.h"

namespace holdfast::vault::sealed {

// What stood in the database: not yet known to be as it was written.
struct Stored {
  Contents contents;
  std::string seal;
};

struct Head {
  std::int64_t generation = 0;
  std::string seal;  // of that generation
  bool operator==(const Head&) const = default;
};
std::string encode(const Head& head);  // one line of text
// Nothing: not what encode() writes.
std::optional<Head> decode_head(std::string_view text);

// Whether this user may have a vault in `directory`; anybody may make one that is not there.
//   errors   configuration: it belongs to another user
Result<void> check_directory(const std::string& directory);
// How many changes the vault in `directory` has seen; nothing: there is none.
std::optional<std::int64_t> changes_in(const std::string& directory);

// An open vault.db, locked against other processes. Used by one thread.
class VaultFile {
 public:
  // Makes a vault, whole or not at all; and the state directory, if it is not there.
  //   errors   configuration: there is a vault already, or what is left of one, or the directory
  //            is another user's; io
  static Result<void> create(const std::string& directory, const Contents& contents,
                             std::string_view seal);
  //   errors   configuration: there is no vault, it is damaged, or another user's; io: in use, or
  //            the disk fails
  static Result<VaultFile> open(const std::string& directory, store::Access access);

  Result<Stored> load();
  // From `before` to `after` in one transaction; the head file follows. When it returns, both are
  // on the disk. After an error of the head file alone, `after` is stored: the next writer's
  // open brings the head file up to it.
  Result<void> change(const Contents& before, const Contents& after, std::string_view seal);

  // Nothing: there is no head file, or it is damaged.   errors   io
  Result<std::optional<Head>> head() const;
  Result<void> write_head(const Head& head) const;
  std::string path() const;

 private:
  VaultFile(std::string directory, VaultLock lock, store::Database database)
      : directory_(std::move(directory)), lock_(std::move(lock)), database_(std::move(database)) {}
  std::string directory_;
  VaultLock lock_;
  store::Database database_;
};

}  // namespace holdfast::vault::sealed

// A backup: the contents of a vault, encrypted once more by a key for backups alone. The operator's
// secret of its time opens it, on any machine.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "vault/sealed/contents.h"
#include "vault/sealed/keys.h"

namespace holdfast::vault::sealed {

struct BackupHead {  // in the clear: what is needed to open the rest
  std::string install_id;
  Protection protection;
};
// Nothing: no backup of a vault.   rest   what follows the head
std::optional<BackupHead> read_backup_head(std::string_view backup, std::string_view& rest);

// A line that says what it is, the head, then Cobblestone-256 bound to both (chunked.h).
std::string encode_backup(const Contents& contents, const Keys& keys);
//   errors   configuration: no backup, altered or cut off, the wrong secret; io: no memory
Result<Contents> decode_backup(std::string_view backup, const OperatorSecret& secret);

}  // namespace holdfast::vault::sealed

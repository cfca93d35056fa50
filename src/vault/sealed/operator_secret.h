// What the operator holds and the machine's disk does not: a key file or a passphrase. It opens the
// vault, and is looked for in the same places by `holdfast serve` and by `holdfast vault`.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "config/environment.h"
#include "vault/sealed/constructions.h"

namespace holdfast::limits {
inline constexpr std::size_t passphrase_least_bytes = 12;
inline constexpr std::size_t passphrase_bytes = 1024;
inline constexpr std::size_t key_file_bytes = 256;
}  // namespace holdfast::limits

namespace holdfast::vault::sealed {

// Stored in the vault: never renumbered.
enum class OperatorKind : std::uint8_t { key_file = 1, passphrase = 2 };

struct OperatorSecret {
  OperatorKind kind = OperatorKind::key_file;
  LockedBytes value;    // the key of 32 bytes, or the passphrase
  std::string source;   // as messages name it: "the key file /etc/holdfast/vault.key"
  std::string warning;  // what is unwise about where it is kept; may be empty
};

// Where a command line says that it is; "-" is standard input. At most one is set.
struct SecretOptions {
  std::string key_file;
  std::string passphrase_file;
};

// What a key file holds: "holdfast-vault-key-1 ", 64 hexadecimal digits and a line end.
std::optional<LockedBytes> parse_key_file(std::string_view text);

//   errors   configuration: not readable, not a key file
Result<OperatorSecret> read_key_file(const std::string& path);
// The first line of the file, without its end.
//   errors   configuration: not readable, empty, shorter or longer than the limits
Result<OperatorSecret> read_passphrase(const std::string& path);

// Makes a key file (mode 0600, on the disk when this returns) with a new key; when there is one
// already, reads that, also when another process made it meanwhile.
//   errors   configuration: it is something else, or `path` is "-"; io
Result<OperatorSecret> make_key_file(const std::string& path);

// The first that is there: `options`, the variables HOLDFAST_VAULT_KEY_FILE,
// HOLDFAST_VAULT_PASSPHRASE_FILE and HOLDFAST_VAULT_PASSPHRASE, the systemd credentials
// holdfast-vault-key and holdfast-vault-passphrase.
//   errors   configuration: none of them is there: says which there are; or what is there is wrong
Result<OperatorSecret> find_operator_secret(const SecretOptions& options,
                                            const config::Environment& environment);

}  // namespace holdfast::vault::sealed

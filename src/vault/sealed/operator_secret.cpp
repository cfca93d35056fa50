#include "vault/sealed/operator_secret.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "vault/sealed/files.h"

namespace holdfast::vault::sealed {
namespace {
constexpr std::string_view key_file_start = "holdfast-vault-key-1 ";

struct Read {
  LockedBytes bytes;
  std::string warning;
};

// At most `most` bytes of a file; more are an error.
Result<Read> read_secret_file(const std::string& path, const std::string& what, std::size_t most) {
  const bool standard_input = path == "-";
  const Descriptor file(standard_input ? ::dup(STDIN_FILENO)
                                       : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status{};
  if (file.number() < 0 || ::fstat(file.number(), &status) != 0)
    return fail(ErrorCode::configuration,
                fmt::format("{} cannot be opened: {}", what, std::strerror(errno)));
  if (S_ISDIR(status.st_mode)) return fail(ErrorCode::configuration, what + " is a folder");
  auto bytes = read_locked(file.number(), most);
  if (!bytes) return fail(bytes.error().code, what + ": " + bytes.error().detail);
  Read read{*std::move(bytes), {}};
  if (S_ISREG(status.st_mode) && (status.st_mode & S_IROTH) != 0)
    read.warning = what + " can be read by every user of this machine; chmod 600 it";
  return read;
}

Result<OperatorSecret> checked_passphrase(LockedBytes bytes, const std::string& what) {
  const std::string_view line = bytes.reveal().substr(0, bytes.reveal().find('\n'));
  bytes.shrink(line.ends_with('\r') ? line.size() - 1 : line.size());
  if (bytes.size() < limits::passphrase_least_bytes || bytes.size() > limits::passphrase_bytes)
    return fail(ErrorCode::configuration,
                fmt::format("{} must have {} to {} bytes", what, limits::passphrase_least_bytes,
                            limits::passphrase_bytes));
  return OperatorSecret{OperatorKind::passphrase, std::move(bytes), what, {}};
}

bool is_there(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }
}  // namespace

std::optional<LockedBytes> parse_key_file(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  if (!text.starts_with(key_file_start)) return std::nullopt;
  text.remove_prefix(key_file_start.size());
  if (text.size() != 2 * key_bytes) return std::nullopt;
  LockedBytes key(key_bytes);
  std::size_t written = 0;
  if (sodium_hex2bin(key.data(), key.size(), text.data(), text.size(), nullptr, &written,
                     nullptr) != 0 ||
      written != key_bytes)
    return std::nullopt;
  return key;
}

Result<OperatorSecret> read_key_file(const std::string& path) {
  const std::string what = "the key file " + path;
  auto read = read_secret_file(path, what, limits::key_file_bytes);
  if (!read) return std::unexpected(std::move(read).error());
  auto key = parse_key_file(read->bytes.reveal());
  if (!key)
    return fail(ErrorCode::configuration,
                what + " is not one that \"holdfast vault init\" has made, or it is damaged");
  return OperatorSecret{OperatorKind::key_file, *std::move(key), what, std::move(read->warning)};
}

Result<OperatorSecret> read_passphrase(const std::string& path) {
  const std::string what = path == "-" ? "the passphrase" : "the passphrase in " + path;
  auto read = read_secret_file(path, what, limits::passphrase_bytes + 2);
  if (!read) return std::unexpected(std::move(read).error());
  auto secret = checked_passphrase(std::move(read->bytes), what);
  if (secret) secret->warning = std::move(read->warning);
  return secret;
}

Result<OperatorSecret> make_key_file(const std::string& path) {
  if (path == "-")
    return fail(ErrorCode::configuration,
                "a key file is made here, and standard input is none: give the name of a file");
  if (is_there(path)) return read_key_file(path);
  const LockedBytes key = random_key();
  LockedBytes text(key_file_start.size() + 2 * key_bytes + 1);
  std::memcpy(text.data(), key_file_start.data(), key_file_start.size());
  // This writes a zero where the line end goes.
  sodium_bin2hex(reinterpret_cast<char*>(text.data()) + key_file_start.size(), 2 * key_bytes + 1,
                 reinterpret_cast<const unsigned char*>(key.reveal().data()), key.size());
  text.data()[text.size() - 1] = '\n';
  const auto written = write_new_file(path, text.reveal());
  // Where another process was quicker, its key is the one that is kept.
  if (!written && !is_there(path)) return std::unexpected(written.error());
  return read_key_file(path);
}

Result<OperatorSecret> find_operator_secret(const SecretOptions& options,
                                            const config::Environment& environment) {
  if (!options.key_file.empty()) return read_key_file(options.key_file);
  if (!options.passphrase_file.empty()) return read_passphrase(options.passphrase_file);
  if (const auto path = environment("HOLDFAST_VAULT_KEY_FILE"); path && !path->empty())
    return read_key_file(*path);
  if (const auto path = environment("HOLDFAST_VAULT_PASSPHRASE_FILE"); path && !path->empty())
    return read_passphrase(*path);
  if (auto passphrase = environment("HOLDFAST_VAULT_PASSPHRASE");
      passphrase && !passphrase->empty()) {
    LockedBytes bytes{std::string_view(*passphrase)};
    sodium_memzero(passphrase->data(), passphrase->size());
    return checked_passphrase(std::move(bytes), "HOLDFAST_VAULT_PASSPHRASE");
  }
  if (const auto folder = environment("CREDENTIALS_DIRECTORY"); folder && !folder->empty()) {
    const std::string key = *folder + "/holdfast-vault-key";
    const std::string passphrase = *folder + "/holdfast-vault-passphrase";
    if (is_there(key)) return read_key_file(key);
    if (is_there(passphrase)) return read_passphrase(passphrase);
  }
  return fail(ErrorCode::configuration,
              "the vault is sealed: set HOLDFAST_VAULT_KEY_FILE, HOLDFAST_VAULT_PASSPHRASE_FILE or "
              "HOLDFAST_VAULT_PASSPHRASE, or give the systemd credential holdfast-vault-key or "
              "holdfast-vault-passphrase");
}
}  // namespace holdfast::vault::sealed

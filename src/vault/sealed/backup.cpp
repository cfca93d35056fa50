#include "vault/sealed/backup.h"

#include "vault/sealed/chunked.h"

namespace holdfast::vault::sealed {
namespace {
constexpr std::string_view first_line = "holdfast-vault-backup-1\n";

std::string head_of(const Contents& contents) {
  FieldWriter writer;
  writer.text(contents.install_id).text(encode(contents.protection));
  return std::string(first_line) + writer.take();
}
}  // namespace

std::optional<BackupHead> read_backup_head(std::string_view backup, std::string_view& rest) {
  if (!backup.starts_with(first_line)) return std::nullopt;
  FieldReader reader(backup.substr(first_line.size()));
  const auto install_id = reader.text();
  const auto protection = reader.text();
  if (!install_id || install_id->size() != install_id_bytes || !protection) return std::nullopt;
  auto decoded = decode_protection(*protection);
  if (!decoded) return std::nullopt;
  rest = reader.rest();
  return BackupHead{std::string(*install_id), *std::move(decoded)};
}

std::string encode_backup(const Contents& contents, const Keys& keys) {
  const std::string head = head_of(contents);
  const LockedBytes key = keys.backup_key(contents);
  return head + chunked_encrypt(key.reveal(), random_bytes(nonce_bytes), head, encode(contents));
}

Result<Contents> decode_backup(std::string_view backup, const OperatorSecret& secret) {
  std::string_view rest;
  const auto head = read_backup_head(backup, rest);
  if (!head) return fail(ErrorCode::configuration, "this is no backup of a vault");
  const auto wrapping = operator_key(secret, head->protection);
  if (!wrapping) return std::unexpected(wrapping.error());
  const auto root = unwrap_key(wrapping->reveal(), head->protection.wrapped_root);
  if (!root || root->size() != key_bytes)
    return fail(ErrorCode::configuration,
                secret.source +
                    " does not open this backup: give the one that the vault had when "
                    "the backup was made");
  const LockedBytes key = domain_key(root->reveal(), head->install_id, Domain::backup);
  const auto plain =
      chunked_decrypt(key.reveal(), backup.substr(0, backup.size() - rest.size()), rest);
  if (!plain)
    return fail(ErrorCode::configuration,
                "the backup was altered or cut off: it is not used, not even in part");
  auto contents = decode_contents(*plain);
  if (!contents || contents->install_id != head->install_id ||
      !(contents->protection == head->protection))
    return fail(ErrorCode::configuration,
                "the backup was made by another version of Holdfast: use that one to restore it");
  return *std::move(contents);
}
}  // namespace holdfast::vault::sealed

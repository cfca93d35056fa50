// Any bytes as each file of the vault, and as what configurations and backups hold of one: no
// crash, and whatever is read is spelled in one way.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "config/vault_reference.h"
#include "vault/sealed/backup.h"
#include "vault/sealed/vault_file.h"

namespace {
using namespace holdfast::vault::sealed;

// A secret that needs no Argon2id.
const OperatorSecret& operator_secret() {
  static const OperatorSecret secret{
      OperatorKind::key_file,
      LockedBytes(std::string_view("0123456789abcdef0123456789abcdef")),
      "the key",
      {}};
  return secret;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto key = parse_key_file(bytes)) HF_CHECK(key->size() == key_bytes);
  if (const auto head = decode_head(bytes)) HF_CHECK(encode(*head) == bytes);
  if (const auto protection = decode_protection(bytes)) HF_CHECK(encode(*protection) == bytes);
  if (const auto contents = decode_contents(bytes)) HF_CHECK(encode(*contents) == bytes);
  if (const auto reference = holdfast::config::parse_vault_reference(bytes))
    HF_CHECK(bytes.starts_with(reference->path) && reference->version.value_or(1) >= 1);
  std::string_view rest;
  if (const auto head = read_backup_head(bytes, rest))
    if (head->protection.kind == OperatorKind::key_file)
      HF_CHECK(!decode_backup(bytes, operator_secret()));  // nobody has sealed it with this key
  return 0;
}

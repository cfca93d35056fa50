#include "vault/sealed/keys.h"

#include "base/check.h"

namespace holdfast::vault::sealed {
namespace {
// Holdfast has one tenant; the format has room for more.
constexpr std::string_view tenant = "default";
constexpr char record_format = 1;
constexpr std::size_t key_id_bytes = 4;
constexpr std::size_t head_bytes = 1 + key_id_bytes + nonce_bytes;
constexpr std::string_view data_key_schema = "data-key";

std::string_view name_of(Domain domain) {
  switch (domain) {
    case Domain::vault:
      return "vault";
    case Domain::vault_name:
      return "vault-name";
    case Domain::vault_head:
      return "vault-head";
    case Domain::backup:
      return "backup";
  }
  HF_CHECK(false);
  return {};
}

std::string bound(const Binding& binding) {
  FieldWriter version;
  version.number(static_cast<std::uint64_t>(binding.version));
  FieldWriter writer;
  writer.text(tenant).text(binding.path).text(version.take()).text(binding.schema);
  return writer.take();
}

Binding of_data_key(std::int64_t id) { return {{}, id, data_key_schema}; }
}  // namespace

LockedBytes domain_key(std::string_view root, std::string_view install_id, Domain domain) {
  std::string info = "holdfast/v1/";
  info += name_of(domain);
  return hkdf_sha256(root, install_id, info);
}

std::string seal_record(std::string_view key, std::int64_t key_id, const Binding& binding,
                        std::string_view plain) {
  HF_CHECK(key_id >= 0 && key_id < (std::int64_t{1} << 32));
  std::string out(1, record_format);
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>((key_id >> shift) & 0xff);
  const std::string nonce = random_bytes(nonce_bytes);
  out += nonce;
  out += xaes_encrypt(key, nonce, plain, bound(binding));
  return out;
}

std::optional<std::int64_t> key_id_of(std::string_view record) {
  if (record.size() < head_bytes + tag_bytes || record[0] != record_format) return std::nullopt;
  std::int64_t id = 0;
  for (std::size_t i = 1; i <= key_id_bytes; ++i)
    id = (id << 8) | static_cast<unsigned char>(record[i]);
  return id;
}

std::optional<LockedBytes> open_record(std::string_view key, const Binding& binding,
                                       std::string_view record) {
  if (!key_id_of(record)) return std::nullopt;
  return xaes_decrypt(key, record.substr(1 + key_id_bytes, nonce_bytes), record.substr(head_bytes),
                      bound(binding));
}

Result<LockedBytes> operator_key(const OperatorSecret& secret, const Protection& protection) {
  if (secret.kind != protection.kind)
    return fail(ErrorCode::configuration,
                protection.kind == OperatorKind::passphrase
                    ? "the vault is opened by a passphrase, not by " + secret.source
                    : "the vault is opened by a key file, not by " + secret.source);
  if (secret.kind == OperatorKind::key_file) return LockedBytes(secret.value.reveal());
  return argon2id(secret.value.reveal(), protection.salt, protection.cost);
}

Keys::Keys(LockedBytes root, std::string_view install_id)
    : root_(std::move(root)),
      vault_(domain_key(root_.reveal(), install_id, Domain::vault)),
      name_(domain_key(root_.reveal(), install_id, Domain::vault_name)),
      head_(domain_key(root_.reveal(), install_id, Domain::vault_head)) {}

Keys Keys::make(std::string_view wrapping, std::int64_t data_key_id, Contents& contents) {
  Keys keys(random_key(), contents.install_id);
  contents.protection.wrapped_root = keys.wrapped_root(wrapping);
  contents.data_keys.clear();
  keys.add_data_key(data_key_id, contents);
  return keys;
}

Result<Keys> Keys::open(std::string_view wrapping, const OperatorSecret& secret,
                        const Contents& contents) {
  auto root = unwrap_key(wrapping, contents.protection.wrapped_root);
  if (!root || root->size() != key_bytes)
    return fail(ErrorCode::configuration, secret.source +
                                              " does not open this vault: give the one "
                                              "it was made or last rekeyed with");
  Keys keys(*std::move(root), contents.install_id);
  for (const auto& [id, sealed] : contents.data_keys) {
    auto key = open_record(keys.vault_.reveal(), of_data_key(id), sealed);
    if (!key || key->size() != key_bytes)
      return fail(ErrorCode::configuration, "a data key of the vault was altered");
    keys.data_.emplace(id, *std::move(key));
  }
  if (keys.data_.empty())
    return fail(ErrorCode::configuration, "the data keys of the vault were removed");
  return keys;
}

void Keys::add_data_key(std::int64_t id, Contents& contents) {
  LockedBytes key = random_key();
  contents.data_keys[id] = seal_record(vault_.reveal(), 0, of_data_key(id), key.reveal());
  data_.insert_or_assign(id, std::move(key));
}

std::string Keys::name_tag(std::string_view path) const {
  FieldWriter writer;
  writer.text(tenant).text(path);
  return hmac_sha256(name_.reveal(), writer.take());
}

std::string Keys::seal_of(const Contents& contents) const {
  return hmac_sha256(head_.reveal(), encode(contents));
}

LockedBytes Keys::backup_key(const Contents& contents) const {
  return domain_key(root_.reveal(), contents.install_id, Domain::backup);
}

std::string Keys::seal(const Binding& binding, std::string_view plain) const {
  return seal_record(data_.rbegin()->second.reveal(), data_.rbegin()->first, binding, plain);
}

std::optional<LockedBytes> Keys::open(const Binding& binding, std::string_view record) const {
  const auto id = key_id_of(record);
  if (!id) return std::nullopt;
  const auto key = data_.find(*id);
  if (key == data_.end()) return std::nullopt;
  return open_record(key->second.reveal(), binding, record);
}

std::string Keys::wrapped_root(std::string_view wrapping) const {
  return wrap_key(wrapping, root_.reveal());
}
}  // namespace holdfast::vault::sealed

// The keys of an open vault, from the operator's secret down, and what is sealed with them.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "vault/sealed/contents.h"

namespace holdfast::vault::sealed {

// What a key derived from the root is for; no two purposes share one.
enum class Domain : std::uint8_t {
  vault,       // seals data keys
  vault_name,  // makes name tags of paths
  vault_head,  // seals the contents as a whole
  backup,      // encrypts backups
};
// HKDF-SHA-256 with the install id as its salt and "holdfast/v1/" and the domain as its info.
LockedBytes domain_key(std::string_view root, std::string_view install_id, Domain domain);

// What a sealed piece is bound to: it does not open in another's place.
struct Binding {
  std::string_view path;  // of metadata, in which the path is, its name tag
  std::int64_t version = 0;
  std::string_view schema;  // "secret", "metadata", "data-key"
};

// 1, the key's id (4 bytes, big-endian), a random nonce (24), XAES-256-GCM.
std::string seal_record(std::string_view key, std::int64_t key_id, const Binding& binding,
                        std::string_view plain);
// The id in a record's head; nothing: it is no record.
std::optional<std::int64_t> key_id_of(std::string_view record);
// Nothing: another key or binding, or altered.
std::optional<LockedBytes> open_record(std::string_view key, const Binding& binding,
                                       std::string_view record);

// The key that the operator's secret stands for.
//   errors   configuration: the vault is opened by the other kind of secret; io: no memory
Result<LockedBytes> operator_key(const OperatorSecret& secret, const Protection& protection);

class Keys {
 public:
  // New ones, with one data key, whose id is `data_key_id`; written into `contents` as sealed by
  // `wrapping`, the key that the operator's secret stands for.
  static Keys make(std::string_view wrapping, std::int64_t data_key_id, Contents& contents);
  // Those of `contents`.   errors   configuration: `wrapping` is the wrong one; a data key is
  // damaged
  static Result<Keys> open(std::string_view wrapping, const OperatorSecret& secret,
                           const Contents& contents);

  // Puts a new data key in use, and into `contents`.
  void add_data_key(std::int64_t id, Contents& contents);
  void forget_data_key(std::int64_t id) { data_.erase(id); }
  std::int64_t data_key_id() const { return data_.rbegin()->first; }

  std::string name_tag(std::string_view path) const;
  std::string seal_of(const Contents& contents) const;
  LockedBytes backup_key(const Contents& contents) const;
  // Seals with the data key in use; opens with the one that the record names.
  std::string seal(const Binding& binding, std::string_view plain) const;
  std::optional<LockedBytes> open(const Binding& binding, std::string_view record) const;
  std::string wrapped_root(std::string_view wrapping) const;

 private:
  Keys(LockedBytes root, std::string_view install_id);
  LockedBytes root_, vault_, name_, head_;
  std::map<std::int64_t, LockedBytes> data_;
};

}  // namespace holdfast::vault::sealed

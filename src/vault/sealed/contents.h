// What a vault is made of, all of it sealed: this lies in vault.db and, encrypted once more, in
// backups. It has one spelling in bytes, over which the vault's seal is computed.
//
//   operator secret -> (Argon2id) -> AES-256-KWP -> root key -> (HKDF) -> one key per domain
//   domain `vault` -> data keys -> metadata and secrets, each bound to tenant, path and version
#pragma once
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "vault/sealed/constructions.h"
#include "vault/sealed/fields.h"
#include "vault/sealed/operator_secret.h"

namespace holdfast::vault::sealed {

inline constexpr std::size_t install_id_bytes = 16;

// How the operator's secret opens the root key.
struct Protection {
  OperatorKind kind = OperatorKind::key_file;
  std::string salt;  // of Argon2id; of no meaning for a key file
  Argon2Cost cost;
  std::string wrapped_root;
  bool operator==(const Protection&) const = default;
};

std::string encode(const Protection& protection);
// Nothing: not what encode() writes, or a cost that no vault asks for (2 GiB, 64 passes).
std::optional<Protection> decode_protection(std::string_view bytes);

// One version of one secret; the first is its path's name tag, so that the path is not told.
struct RowName {
  std::string tag;
  std::int64_t version = 0;
  auto operator<=>(const RowName&) const = default;
};
struct Row {
  std::string metadata;  // sealed
  std::string secret;    // sealed
  bool operator==(const Row&) const = default;
};

struct Contents {
  std::string install_id;  // random, of the vault, kept by backups
  Protection protection;
  std::int64_t generation = 0;                    // one more with every change
  std::string previous_seal;                      // of the generation before; empty: the first
  std::map<std::int64_t, std::string> data_keys;  // id, sealed; the last is the one in use
  std::map<RowName, Row> rows;
  bool operator==(const Contents&) const = default;
};

std::string encode(const Contents& contents);
// Nothing: not what encode() writes.
std::optional<Contents> decode_contents(std::string_view bytes);

}  // namespace holdfast::vault::sealed

// How the configuration and the command line name a secret of the vault: "openai/prod",
// "openai/prod@3".
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::config {

// Parts of letters, digits and . _ -, between slashes, at most 128 bytes in all; no part is empty
// or begins with a dot.
bool is_vault_path(std::string_view path);

struct VaultReference {
  std::string path;
  std::optional<std::int64_t> version;  // from 1; none: the newest
};
// What follows "vault:". Nothing: it is none.
std::optional<VaultReference> parse_vault_reference(std::string_view text);

}  // namespace holdfast::config

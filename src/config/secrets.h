// Secrets by reference: `env:NAME`, `file:PATH` or `vault:PATH`. A secret in the configuration
// itself is refused.
#pragma once
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/secret.h"
#include "config/environment.h"
#include "config/vault_reference.h"

namespace holdfast::config {

struct ResolvedSecret {
  Secret value;         // visible ASCII, not empty, at most 8 KiB
  std::string warning;  // what is unwise about where it is kept; may be empty
};

// Looks up what a `vault:` reference names. An empty one: no vault is at hand.
using SecretLookup = std::function<Result<ResolvedSecret>(const VaultReference& reference)>;

// Whether `text` can stand in a header: visible ASCII, not empty, at most 8 KiB.
//   where    begins the message
//   errors   configuration
Result<void> check_secret(std::string_view text, const std::string& where);

// The secret that `reference` names. No message holds the value, nor what may be one.
//   folder   what relative paths are relative to
//   vault    without one, a reference to it that is well-formed stands for itself, with a warning
//   errors   configuration: not a reference, not set, not readable, empty, not visible ASCII;
//            what `vault` fails with
// Blocks on the disk.
Result<ResolvedSecret> resolve_secret(std::string_view reference,
                                      const std::filesystem::path& folder,
                                      const Environment& environment, const SecretLookup& vault);

}  // namespace holdfast::config

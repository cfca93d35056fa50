// Secrets by reference: `env:NAME` or `file:PATH`. A secret in the configuration itself is refused.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/secret.h"
#include "config/environment.h"

namespace holdfast::config {

struct ResolvedSecret {
  Secret value;         // visible ASCII, not empty, at most 8 KiB
  std::string warning;  // what is unwise about where it is kept; may be empty
};

// The secret that `reference` names. No message holds the value, nor what may be one.
//   folder   what relative paths are relative to
//   errors   configuration: not a reference, not set, not readable, empty, not visible ASCII
// Blocks on the disk.
Result<ResolvedSecret> resolve_secret(std::string_view reference,
                                      const std::filesystem::path& folder,
                                      const Environment& environment);

}  // namespace holdfast::config

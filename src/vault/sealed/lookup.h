// The vault as the configuration sees it: what stands behind "vault:".
#pragma once
#include <string>

#include "base/clock.h"
#include "config/environment.h"
#include "config/secrets.h"

namespace holdfast::vault::sealed {

// Looks secrets up in the vault of `state_directory`. The vault is opened at the first one, with
// the operator's secret as find_operator_secret finds it, and closed, its keys wiped, when the last
// copy of the function is gone. The secrets that it returns are not in locked memory: they belong
// to the configuration, which lives as long as its snapshot.
//   clock   must outlive it; says which secrets should have been rotated: a warning
// Used by one thread. Blocks on the disk; Argon2id takes some tenths of a second.
config::SecretLookup lookup_in(std::string state_directory, config::Environment environment,
                               const Clock& clock);

}  // namespace holdfast::vault::sealed

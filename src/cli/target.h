// `holdfast target`: takes targets of a running gateway out, and puts them back.
#pragma once
#include <string>

#include "cli/administration.h"

namespace holdfast::cli {

// Asks the administration `admin`.
//   action        drain, freeze or restore
//   target        PROVIDER or PROVIDER/MODEL
//   duration      how long it is out, as in 2h; empty: until restored
//   reason        why, for the audit log; may be empty
Outcome act_on_target(const Administration& admin, const std::string& action,
                      const std::string& target, const std::string& duration,
                      const std::string& reason);

}  // namespace holdfast::cli

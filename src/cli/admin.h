// `holdfast admin`: who administers a running gateway.
#pragma once
#include <string>
#include <vector>

#include "cli/administration.h"

namespace holdfast::cli {

struct AdminArguments {
  std::string name;                // of a person or a token
  std::vector<std::string> roles;  // "operator"
  std::string duration;            // how long a token holds, as in 90d; empty: the usual
  std::string reason;              // why, for the audit log; may be empty
};

// Does what `verb` ("people add", "token list", "reset-password") says.
Outcome administer(const Administration& admin, const std::string& verb,
                   const AdminArguments& arguments, bool as_json);

}  // namespace holdfast::cli

// A running gateway's administration, as verbs ask it.
#pragma once
#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "base/error.h"
#include "cli/command.h"
#include "config/environment.h"

namespace holdfast::cli {

// Where it is, and what is shown to it.
struct Administration {
  std::string url = "http://127.0.0.1:8081";
  std::string state_dir;   // whose admin.token is sent, unless something else is named
  std::string token_file;  // a file with another token; may be empty
  std::string ca_file;     // who may sign its certificate; empty: the system's authorities
};

// POSTs `body` to `path`, or GETs it, and returns what was answered with 200 to 202; what else was
// answered, and why nothing was, is in the outcome, fit to be shown.
//
// The token is the first that is there: `token_file`, the variables HOLDFAST_ADMIN_TOKEN_FILE and
// HOLDFAST_ADMIN_TOKEN, admin.token in `state_dir`. It is sent by TLS or to loopback alone.
std::expected<boost::json::value, Outcome> post_to_administration(
    const Administration& to, std::string_view path, const boost::json::value& body,
    const config::Environment& environment = config::process_environment());
// The same for what is only looked at; the path may have a query.
std::expected<boost::json::value, Outcome> get_from_administration(
    const Administration& to, std::string_view path,
    const config::Environment& environment = config::process_environment());

}  // namespace holdfast::cli

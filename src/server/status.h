// What the status page and /api/v1/providers say, as JSON.
#pragma once
#include <boost/json/value.hpp>
#include <string>
#include <vector>

#include "server/admin.h"

namespace holdfast::server {

// What an operator should look at although requests are served.
std::vector<std::string> warnings_of(const AdminState& state);
boost::json::value status_json(AdminState& state);
boost::json::value providers_json(const AdminState& state);
// /api/v1/targets: what an operator has said of targets.
boost::json::value targets_json(const AdminState& state);

}  // namespace holdfast::server

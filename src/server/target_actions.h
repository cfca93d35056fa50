// What an operator does with targets by hand.
#pragma once
#include "server/admin.h"

namespace holdfast::server {

// Does what the JSON of a POST to /api/v1/targets says and answers with all that stands.
AdminAnswer act_on_target(AdminState& state, std::string_view body);

}  // namespace holdfast::server

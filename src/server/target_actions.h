// What an operator does with targets by hand.
#pragma once
#include "server/admin.h"

namespace holdfast::server {

// Does what the JSON of a POST to /api/v1/targets says and answers with all that stands.
//   errors   503 audit_unavailable: it could not be written down, and has not been done
AdminAnswer act_on_target(AdminState& state, const AdminAct& act);

}  // namespace holdfast::server

// People who administer, and tokens of automation: listed and changed.
#pragma once
#include "server/admin.h"

namespace holdfast::server {

// /api/v1/people
AdminAnswer answer_people(AdminState& state, const QueryFields& fields);
//   errors   403 own_roles; 404 unknown_person; 409 exists, last_administrator, too_many;
//            503 audit_unavailable, state_unavailable: nothing was done
AdminAnswer act_on_people(AdminState& state, const AdminAct& act);

// /api/v1/tokens; a token is told once, in the answer that makes it.
AdminAnswer answer_tokens(AdminState& state, const QueryFields& fields);
//   errors   403 more_than_own; 404 unknown_token; 409 exists, too_many; 503 as above
AdminAnswer act_on_tokens(AdminState& state, const AdminAct& act);

}  // namespace holdfast::server

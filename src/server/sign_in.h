// Sessions of people at the administration: begun with a password, shown, ended.
#pragma once
#include "server/admin.h"

namespace holdfast::server {

// GET /login
AdminAnswer answer_login_page(AdminState& state, const QueryFields& fields);
// POST /api/v1/session: a name, a password, and a new one where the old one must be changed.
//   errors   401 wrong_password; 403 password_must_change, one_time_password_over; 429
//   too_many_tries;
//            503 audit_unavailable, state_unavailable: nothing was done
AdminAnswer act_sign_in(AdminState& state, const AdminAct& act);
// GET /api/v1/session: who asks, and what a page has to send.
AdminAnswer answer_session(AdminState& state, const Caller& caller);
// POST /api/v1/session/end: this one, or all of whoever asks.
AdminAnswer act_sign_out(AdminState& state, const AdminAct& act);

}  // namespace holdfast::server

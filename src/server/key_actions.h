// GET and POST /api/v1/keys: virtual keys are shown, made, rotated, revoked and changed.
#pragma once
#include "server/admin.h"

namespace holdfast::server {

AdminAnswer answer_keys(AdminState& state, const QueryFields& fields);
AdminAnswer act_on_key(AdminState& state, const AdminAct& act);

}  // namespace holdfast::server

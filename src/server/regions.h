// How far the regions are from here, as the attempts tell: /api/v1/regions.
#pragma once
#include <boost/json/value.hpp>

#include "server/admin.h"

namespace holdfast::server {

// From where Holdfast runs (server.region) to each region of the targets: how many attempts, and
// how long they took, since the start of the process. Regions that are not said are null.
boost::json::value regions_json(const AdminState& state);

}  // namespace holdfast::server

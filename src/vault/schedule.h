// When a credential is fetched again. Pure.
#pragma once
#include <chrono>
#include <cstdint>

#include "base/clock.h"
#include "base/random.h"

namespace holdfast::vault {

// How long after it was got a credential is replaced that lives for `life`: five minutes before
// its end, or after 80 % of a life shorter than 25 minutes; up to a tenth of what is left then
// earlier, so that many instances do not ask at once. At least a second.
Duration refresh_after(Duration life, Random& random);

// The same of a lease: after two thirds of its life, up to a tenth of that earlier.
Duration renew_after(Duration life, Random& random);

// How long to wait after `failures` (from 1) in a row: from 1 s, doubled up to a minute, between
// three quarters and all of that; at least `asked`, what the service asked for, up to 5 min.
Duration retry_after(int failures, Duration asked, Random& random);

}  // namespace holdfast::vault

// How a copy that a target on trial got of a request is told from the request's own attempts.
#pragma once
#include <cstdint>

namespace holdfast::records {

// AttemptStart::attempt of a copy: a request counts its own from 1. A copy has no key, no team and
// no service, since it is the operator's. Journals and records need no field of their own for it,
// and every version can read them.
inline constexpr std::uint16_t shadow_attempt = 0;

}  // namespace holdfast::records

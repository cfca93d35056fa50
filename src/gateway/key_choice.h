// Which of a provider's keys an attempt proves itself with.
#pragma once
#include <optional>

#include "gateway/candidate.h"
#include "routing/health.h"

namespace holdfast::gateway {

enum class KeyChoice : std::uint8_t {
  chosen,   // candidate.key is the next one, or the provider has no several
  cooling,  // every key that is left waits out its Retry-After
  none,     // all have been tried by this request
};

// Chooses the next key of the candidate's provider that this request has not tried: in their order
// the first that is well, or whose turn it is to be tried again; as the last resort one that is
// out. Always the first that will do, so that an operator can foresee which one pays.
KeyChoice choose_key(Candidate& candidate, routing::HealthTable& health, MonoTime now);

// Whether the failure is the key's: another key of the same provider may be served.
bool blames_key(FailureClass failure);

// When the first of the keys that cool down is back; nothing when none does.
std::optional<MonoTime> soonest_key(const routing::Provider& provider,
                                    const routing::HealthTable& health, MonoTime now);

}  // namespace holdfast::gateway

// The facts of a request that routing may go by.
#pragma once
#include "gateway/attempt.h"
#include "gateway/candidate.h"
#include "routing/plan.h"

namespace holdfast::gateway {

// Finds what the tree of `state.model` reads and nothing else. Views into `state`, which outlives
// them.
routing::Facts facts_of(RequestState& state);
// The same for whoever asks with `key` (null: no keys are configured): the facts of `needs`, bits
// of routing::Need.
routing::Facts facts_of(RequestState& state, const identity::KeySettings* key, std::uint32_t needs);

// Which targets of the model the candidates are, as a plan wants to know it.
routing::Fit fit_of(std::span<const Candidate> candidates);

}  // namespace holdfast::gateway

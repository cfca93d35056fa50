// What must hold in every history, whatever goes wrong in it.
#pragma once
#include <string>
#include <vector>

#include "simulation/simulation.h"

namespace holdfast::simulation {

// A provider that was away is asked again within this time of its return: the longest that its
// breaker stays open, and some traffic.
inline constexpr Duration recovery_time = std::chrono::seconds(65);

// What does not hold in `course`, one sentence each; at most `broken_rules` of them.
//
//   - each request ends once, and a complete answer is complete, in order, from one target
//   - nothing is sent that the journal does not have on file, unless its disk is full
//   - nothing is sent after the request's deadline, to a provider that is no target, or to one that
//     the regions or the conditions of the configuration forbid
//   - a copy for a target on trial is made once, is on file, and goes nowhere that the regions or
//   its
//     condition forbid; copies are counted as they are recorded and as they arrived
//   - no client sees an error before its deadline while a target that may answer is well, but for
//     answers that break after they began
//   - what is tried again while all targets are known to be away is a fifth of the traffic, beside
//     what the retry budget has saved up
//   - a target that was away gets traffic again in time, one request at a time until one succeeds,
//     then no more than its growing share
//   - counters, journal and upstreams tell the same attempts and tokens, request by request
//   - no request holds more memory than its size asks for
//   - nothing is left
inline constexpr std::size_t broken_rules = 20;
std::vector<std::string> check_invariants(const Course& course);

// Whether provider `provider` had no fault from `from` until `until`, nor in the time before in
// which it may still have been avoided for one.
bool was_well(const Course& course, int provider, MonoTime from, MonoTime until);
// Whether every target had a fault that answers nothing, all of the time.
bool all_away(const Course& course, MonoTime from, MonoTime until);

}  // namespace holdfast::simulation

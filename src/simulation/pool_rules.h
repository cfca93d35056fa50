// What must hold for the targets of a model together: how little is tried again when all are away,
// and how what was away comes back.
#pragma once
#include "simulation/broken.h"

namespace holdfast::simulation {

// While a request's targets are all away, and known to be, further attempts stay a fifth of the
// traffic, beside what the retry budget saves up.
void check_retries(const Course& course, Broken& broken);
// A target that was away gets one request at a time until one succeeds, then no more than its
// growing share, while another is well. The first in order gets traffic again in time.
void check_returns(const Course& course, Broken& broken);

// What requests made beyond their first attempt while all that may answer them were away, and known
// to be from their beginning to their end.
struct Hopeless {
  std::uint64_t requests = 0, attempts = 0;
  MonoTime last{};  // when the last of them was sent
};
Hopeless hopeless_requests(const Course& course);

}  // namespace holdfast::simulation

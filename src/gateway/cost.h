// What an attempt has cost, by what its provider has counted.
#pragma once
#include <optional>

#include "dialect/canonical.h"
#include "gateway/attempt.h"
#include "records/attempt.h"
#include "records/price.h"

namespace holdfast::gateway {

struct Cost {
  std::optional<NanoUsd> known;     // nothing: nobody can say
  NanoUsd charged;                  // what budgets count
  std::uint32_t price_version = 0;  // 0: the price was not known
};

// The parts of a usage as prices tell them apart: every dialect's reader gives counts in which
// cached and written tokens are among those in, reasoning among those out.
records::Metered metered(const dialect::Usage& usage);

// The rule by which an attempt is charged:
//   nothing was sent, only tokens were counted, or the provider refused: nothing
//   it succeeded, and the provider has counted: that, at `price`
//   else, since the provider may have worked: not known; budgets count what was reserved
// Without a price the cost is not known, and budgets count at `fallback`.
//   price, fallback   null: there is none
Cost cost_of(const Outcome& outcome, records::Endpoint endpoint, const records::Price* price,
             const records::Price* fallback, NanoUsd reserved);

// What is recorded of an attempt, whoever made it: how it ended, what it used and what it has cost.
// Left to fill in: its serial, its times, and what its client got.
records::AttemptEnd end_of(const Outcome& outcome, const Cost& cost);

}  // namespace holdfast::gateway

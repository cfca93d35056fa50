// The order in which a request's targets come up for trying, by the policies of its model.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/random.h"
#include "routing/health.h"
#include "routing/load.h"
#include "routing/policy.h"

namespace holdfast::routing {

// What the world is like while a decision is made.
struct Moment {
  const HealthTable& health;
  const LoadTable& load;
  Random& random;
  MonoTime now{};
  bool dry = false;  // nobody's turn is taken: the decision is only explained
};

// Positions, each at most once.
struct Order {
  std::array<std::uint8_t, limits::targets_per_model> positions{};
  std::uint8_t count = 0;
  std::span<const std::uint8_t> all() const { return std::span(positions).first(count); }
  std::uint32_t bits() const;
};

// What a group decided, for whoever asks why.
struct Decision {
  std::size_t node = 0;  // in Route::nodes
  std::string why;
};

// The positions of `among` (bits) in the order of the tree: all of them, but for those that stand
// under a condition that does not hold. Targets that are not well (their breaker is open, or they
// cool down) keep a place, so that they can be probed, but take no turn and win no comparison.
//   trace   gets what each group decided, parents first; null: nobody asks, nothing is allocated
Order arrange(const Route& route, const Facts& facts, std::uint32_t among, const Moment& moment,
              std::vector<Decision>* trace = nullptr);

// The positions that are permitted to a request: in the model's regions, and in the key's.
std::uint32_t permitted(const Route& route, const Facts& facts);

}  // namespace holdfast::routing

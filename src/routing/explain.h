// Why a request's targets would come up in the order in which they would, without trying any.
#pragma once
#include <vector>

#include "routing/plan.h"

namespace holdfast::routing {

struct Explanation {
  struct Choice {
    std::size_t position = 0;
    bool last_resort = false;  // its breaker is open: only when all others have failed
  };
  std::vector<Choice> order;            // as they would be tried if every one failed
  std::vector<PassedOver> passed_over;  // by position
  std::vector<Decision> decisions;      // of the groups that were asked, parents first
};

// Takes nobody's turn and makes no probe. In which form the request would be asked is not looked
// at: a target that cannot serve it is among the others.
Explanation explain(const Route& route, const Facts& facts, const HealthTable& health,
                    const LoadTable& load, Random& random, MonoTime now);

// "chat.targets[1]" for the group at `node`, as the configuration has it.
std::string path_of(const Route& route, std::size_t node, std::string_view model);

}  // namespace holdfast::routing

#include "routing/retry_budget.h"

#include <algorithm>

namespace holdfast::routing {

void TokenBucket::earn(std::int64_t thousandths) { held_ = std::min(most_, held_ + thousandths); }

void TokenBucket::spend(std::int64_t thousandths) {
  held_ = std::max<std::int64_t>(0, held_ - thousandths);
}

bool RetryBudget::allow(MonoTime now) {
  if (bucket_.above(token - 1))
    bucket_.spend(token);
  else if (now < free_at_)
    return false;
  free_at_ = now + floor_interval;
  return true;
}

}  // namespace holdfast::routing

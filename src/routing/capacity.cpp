#include "routing/capacity.h"

namespace holdfast::routing {
namespace {
constexpr auto relaxed = std::memory_order_relaxed;
}

CapacityTable::Place CapacityTable::enter(std::size_t target, const ConcurrencyBounds& bounds,
                                          ServiceClass service_class, bool waited) {
  Entry& entry = entries_[target];
  const std::size_t first = rank(service_class) + (waited ? 0 : 1);
  for (std::size_t above = 0; above < first; ++above)
    if (entry.waiting[above].load(relaxed) > 0) return {};
  Place place;
  if (!entry.concurrency.enter(bounds)) return place;
  place.table_ = this;
  place.target_ = target;
  return place;
}

void CapacityTable::wait_begins(std::size_t target, ServiceClass service_class) {
  entries_[target].waiting[rank(service_class)].fetch_add(1, relaxed);
}

void CapacityTable::wait_ends(std::size_t target, ServiceClass service_class) {
  entries_[target].waiting[rank(service_class)].fetch_sub(1, relaxed);
}

}  // namespace holdfast::routing

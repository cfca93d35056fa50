#include "routing/memory_account.h"

#include "base/overload_limits.h"

namespace holdfast::routing {
namespace {

// The part of the limit, in tenths, that a request of the class may fill up.
std::int64_t tenths(ServiceClass service_class) {
  switch (service_class) {
    case ServiceClass::critical_revenue:
      return 10;
    case ServiceClass::internal_productivity:
      return 9;
    case ServiceClass::experimental:
      return 8;
  }
  return 8;
}

}  // namespace

MemoryAccount::Charge MemoryAccount::take(std::int64_t bytes, ServiceClass service_class,
                                          std::int64_t limit) {
  const bool small = bytes <= limits::small_request_bytes;
  const std::int64_t most = small ? limit : limit / 10 * tenths(service_class);
  std::int64_t held = held_.load(std::memory_order_relaxed);
  do {
    if (limit > 0 && held + bytes > most) return {};
  } while (!held_.compare_exchange_weak(held, held + bytes, std::memory_order_relaxed));
  Charge charge;
  charge.account_ = this;
  charge.bytes_ = bytes;
  return charge;
}

}  // namespace holdfast::routing

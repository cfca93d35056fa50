#include "gateway/shedding.h"

namespace holdfast::gateway {
namespace {

using namespace std::chrono_literals;

std::chrono::milliseconds come_back(ServiceClass service_class) {
  switch (service_class) {
    case ServiceClass::critical_revenue:
      return 1s;
    case ServiceClass::internal_productivity:
      return 2s;
    case ServiceClass::experimental:
      return 5s;
  }
  return 5s;
}

}  // namespace

Refusal shed(observe::ThreadCounters& counters, ServiceClass service_class, observe::Shed why,
             std::string_view message) {
  counters.shed(service_class, why);
  counters.refused(observe::Refusal::overloaded);
  Refusal refusal = refuse(503, message, error_type(503), "overloaded");
  refusal.failure = FailureClass::overloaded;
  refusal.retry_after = come_back(service_class);
  return refusal;
}

}  // namespace holdfast::gateway

// What a client is told when there is too little for all.
#pragma once
#include <string_view>

#include "base/service_class.h"
#include "gateway/answers.h"
#include "observe/counters.h"

namespace holdfast::gateway {

// A 503 with Retry-After, counted: the less important may come back later than the others, so that
// they do not all meet the same crowd again.
Refusal shed(observe::ThreadCounters& counters, ServiceClass service_class, observe::Shed why,
             std::string_view message);

}  // namespace holdfast::gateway

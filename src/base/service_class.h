// How much stands still when a service is not served. Decides who waits and who is shed.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace holdfast {

// Spelled on the wire as here; the more important first.
enum class ServiceClass : std::uint8_t {
  critical_revenue,       // last to be shed; never stopped for money that runs out
  internal_productivity,  // the usual
  experimental,           // first to be shed
};
inline constexpr std::size_t service_class_count = 3;

std::string_view to_string(ServiceClass service_class);

}  // namespace holdfast

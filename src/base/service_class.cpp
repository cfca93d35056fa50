#include "base/service_class.h"

#include <array>

namespace holdfast {
namespace {
constexpr std::array<std::string_view, service_class_count> names = {
    "critical_revenue", "internal_productivity", "experimental"};
}

std::string_view to_string(ServiceClass service_class) {
  return names[static_cast<std::size_t>(service_class)];
}

}  // namespace holdfast

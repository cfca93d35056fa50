// Static client keys: `keys`.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"

namespace holdfast::config {
class Section;
}

namespace holdfast::identity {

// What stands still when it is not served. Decides who waits and who is shed under overload.
enum class ServiceClass : std::uint8_t {
  critical_revenue,       // last to be shed; never stopped for money that runs out
  internal_productivity,  // the usual
  experimental,           // first to be shed
};

struct KeySettings {
  std::string name;
  Secret key;
  std::vector<std::string> models;  // logical models it may use; empty: all
  std::string team, service;        // who asks with it; empty: not said
  ServiceClass service_class = ServiceClass::internal_productivity;
};

std::string_view to_string(ServiceClass service_class);

// Reads `keys` of the top level.   models   the logical models that there are
void read_settings(config::Section& top, std::span<const std::string_view> models,
                   std::vector<KeySettings>& into);
}  // namespace holdfast::identity

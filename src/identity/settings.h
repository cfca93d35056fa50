// Static client keys: `keys`.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "base/service_class.h"
#include "config/limit_settings.h"

namespace holdfast::config {
class Section;
}

namespace holdfast::identity {

using holdfast::ServiceClass;

inline constexpr std::array<ServiceClass, 3> service_classes = {ServiceClass::critical_revenue,
                                                                ServiceClass::internal_productivity,
                                                                ServiceClass::experimental};

// What may be known to whom, from everybody to few.
inline constexpr std::array<std::string_view, 4> sensitivities = {"public", "internal",
                                                                  "confidential", "restricted"};

struct KeySettings {
  std::string name;
  Secret key;
  std::string certificate;          // a name of the client certificate that stands for it; or empty
  std::vector<std::string> models;  // logical models it may use; empty: all
  std::string team, service;        // who asks with it; empty: not said
  ServiceClass service_class = ServiceClass::internal_productivity;
  std::string_view sensitivity;      // one of `sensitivities`; empty: not said
  std::string region;                // where its callers are; empty: not said
  std::vector<std::string> regions;  // where its requests may be answered; empty: anywhere
  config::LimitSettings limits;
};

// What the keys of a team have in common: `teams.NAME`. A team that only keys name needs none.
struct TeamSettings {
  std::string name;
  config::LimitSettings limits;  // of all its keys together
};

using holdfast::to_string;

// Reads `keys` of the top level.   models   the logical models that there are
void read_settings(config::Section& top, std::span<const std::string_view> models,
                   std::vector<KeySettings>& into);
// Reads `teams` of the top level; `keys` have been read.
void read_teams(config::Section& top, std::span<const KeySettings> keys,
                std::vector<TeamSettings>& into);
}  // namespace holdfast::identity

// Static client keys: `keys`.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"

namespace holdfast::config {
class Section;
}

namespace holdfast::identity {
struct KeySettings {
  std::string name;
  Secret key;
  std::vector<std::string> models;  // logical models it may use; empty: all
};

// Reads `keys` of the top level.   models   the logical models that there are
void read_settings(config::Section& top, std::span<const std::string_view> models,
                   std::vector<KeySettings>& into);
}  // namespace holdfast::identity

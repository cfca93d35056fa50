// Static client keys: `keys`.
#pragma once
#include <string>
#include <vector>

#include "base/secret.h"

namespace holdfast::identity {
struct KeySettings {
  std::string name;
  Secret key;
  std::vector<std::string> models;  // logical models it may use; empty: all
};
}  // namespace holdfast::identity

// The virtual keys with their limits, as they are posted to every loop; immutable.
#pragma once
#include <map>
#include <string>

#include "identity/key_table.h"
#include "routing/limits.h"

namespace holdfast::routing {

struct PublishedKeys {
  identity::KeyTable table;
  std::map<std::string, Limit, std::less<>> limits;  // of the keys that have any, by name
};

}  // namespace holdfast::routing

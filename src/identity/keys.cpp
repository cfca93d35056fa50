#include "identity/keys.h"

#include <strings.h>

#include <algorithm>

namespace holdfast::identity {

const KeySettings* Keys::find(std::string_view authorization) const {
  const auto space = authorization.find(' ');
  if (space != 6 || strncasecmp(authorization.data(), "bearer", 6) != 0) return nullptr;
  const std::string_view offered = authorization.substr(space + 1);
  const KeySettings* found = nullptr;
  for (const KeySettings& key : keys_)
    if (equal_in_constant_time(offered, key.key.reveal())) found = &key;
  return found;
}

bool may_use(const KeySettings* key, std::string_view name) {
  if (key == nullptr || key->models.empty()) return true;
  return std::find(key->models.begin(), key->models.end(), name) != key->models.end();
}

}  // namespace holdfast::identity

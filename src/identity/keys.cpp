#include "identity/keys.h"

#include <algorithm>

#include "net/http_head.h"

namespace holdfast::identity {

const KeySettings* Keys::find(std::string_view authorization) const {
  constexpr std::string_view scheme = "bearer ";
  if (!net::same_name(authorization.substr(0, scheme.size()), scheme)) return nullptr;
  const std::string_view offered = authorization.substr(scheme.size());
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

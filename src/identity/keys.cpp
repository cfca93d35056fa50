#include "identity/keys.h"

#include <algorithm>

namespace holdfast::identity {

const KeySettings* Keys::find_key(std::string_view offered) const {
  const KeySettings* found = nullptr;
  for (const KeySettings& key : keys_)
    if (equal_in_constant_time(offered, key.key.reveal())) found = &key;
  return found;
}

const KeySettings* Keys::find_name(std::string_view name) const {
  const auto found = std::ranges::find(keys_, name, &KeySettings::name);
  return found == keys_.end() ? nullptr : &*found;
}

const KeySettings* Keys::find_certificate(std::span<const std::string> names) const {
  for (const std::string& name : names) {
    const auto found = std::ranges::find(keys_, name, &KeySettings::certificate);
    if (!name.empty() && found != keys_.end()) return &*found;
  }
  return nullptr;
}

bool may_use(const KeySettings* key, std::string_view name) {
  if (key == nullptr || key->models.empty()) return true;
  return std::find(key->models.begin(), key->models.end(), name) != key->models.end();
}

}  // namespace holdfast::identity

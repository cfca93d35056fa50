#include "identity/keys.h"

#include <sodium.h>

#include <algorithm>
#include <tuple>

namespace holdfast::identity {

Keys::Keys(std::vector<KeySettings> keys) : keys_(std::move(keys)) {
  static_assert(std::tuple_size_v<decltype(hash_key_)> == crypto_shorthash_KEYBYTES);
  randombytes_buf(hash_key_.data(), hash_key_.size());
  by_hash_.reserve(keys_.size());
  for (std::size_t i = 0; i < keys_.size(); ++i) by_hash_.emplace(hash(keys_[i].key.reveal()), i);
}

std::uint64_t Keys::hash(std::string_view text) const {
  std::uint64_t out = 0;
  static_assert(sizeof out == crypto_shorthash_BYTES);
  crypto_shorthash(reinterpret_cast<unsigned char*>(&out),
                   // never null, as an empty view's may be
                   reinterpret_cast<const unsigned char*>(text.empty() ? "" : text.data()),
                   text.size(), hash_key_.data());
  return out;
}

const KeySettings* Keys::find_key(std::string_view offered) const {
  const KeySettings* found = nullptr;
  const auto [first, last] = by_hash_.equal_range(hash(offered));
  for (auto at = first; at != last; ++at) {
    const KeySettings& key = keys_[at->second];
    if (equal_in_constant_time(offered, key.key.reveal())) found = &key;
  }
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

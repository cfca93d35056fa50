// Static client keys, as one immutable set per configuration.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "identity/settings.h"

namespace holdfast::identity {

class Keys {
 public:
  Keys() = default;
  explicit Keys(std::vector<KeySettings> keys);

  // Whether no keys are configured: then anybody who can connect may ask.
  bool open() const { return keys_.empty(); }
  // The key that is `offered`; null when it is none of them. However many keys there are, one is
  // compared, in constant time: it is found by a hash that only this process can compute, so that
  // the time tells nothing of a key to whoever does not have it.
  const KeySettings* find_key(std::string_view offered) const;
  const KeySettings* find_name(std::string_view name) const;  // null: there is none
  // The key that a certificate with these names stands for: of the first that stands for one.
  const KeySettings* find_certificate(std::span<const std::string> names) const;

 private:
  std::uint64_t hash(std::string_view text) const;

  std::vector<KeySettings> keys_;
  std::unordered_multimap<std::uint64_t, std::size_t> by_hash_;  // their places in keys_
  std::array<unsigned char, 16> hash_key_{};                     // random
};

// Whether `key` (null: no keys are configured) may use the logical model `name`.
bool may_use(const KeySettings* key, std::string_view name);

}  // namespace holdfast::identity

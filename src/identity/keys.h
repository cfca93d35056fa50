// Static client keys, as one immutable set per configuration.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "identity/settings.h"

namespace holdfast::identity {

class Keys {
 public:
  Keys() = default;
  explicit Keys(std::vector<KeySettings> keys) : keys_(std::move(keys)) {}

  // Whether no keys are configured: then anybody who can connect may ask.
  bool open() const { return keys_.empty(); }
  // The key that is `offered`; null when it is none of them. Takes the same time whichever it is.
  const KeySettings* find_key(std::string_view offered) const;
  const KeySettings* find_name(std::string_view name) const;  // null: there is none
  // The key that a certificate with these names stands for: of the first that stands for one.
  const KeySettings* find_certificate(std::span<const std::string> names) const;

 private:
  std::vector<KeySettings> keys_;
};

// Whether `key` (null: no keys are configured) may use the logical model `name`.
bool may_use(const KeySettings* key, std::string_view name);

}  // namespace holdfast::identity

// The secret that virtual keys are hashed with, and the hash: HMAC-SHA-256 (FIPS 198-1).
#pragma once
#include <array>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/secret.h"

namespace holdfast::identity {

inline constexpr std::size_t pepper_bytes = 32;
using KeyHash = std::array<unsigned char, 32>;

// The pepper with the work done that is the same for every key. Copies are cheap; any thread.
class Pepper {
 public:
  explicit Pepper(std::string_view pepper);
  KeyHash hash(std::string_view key) const;

 private:
  std::array<unsigned char, 208> prepared_;  // libsodium's state of an HMAC before its message
};

// Whether the two are equal, in a time that does not depend on where they differ.
bool equal(const KeyHash& one, const KeyHash& other);

// A new pepper.
Secret make_pepper();
// The pepper in the file `path`; made, with mode 0600 and on the disk, where there is no file yet.
//   errors   configuration: the file is not a pepper, or others may read it; io
Result<Secret> keep_pepper(const std::string& path);

}  // namespace holdfast::identity

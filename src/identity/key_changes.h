// What can be done with virtual keys: each makes of what there is what is to be kept, and says why
// it cannot be. Nothing is kept here, so that it can be written down before it is done.
#pragma once
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "identity/virtual_key.h"

namespace holdfast::limits {
inline constexpr std::size_t virtual_keys = 10'000;  // revoked ones too: what they did is recorded
inline constexpr std::int64_t key_overlap_most_us = 30LL * 86'400 * 1'000'000;
}  // namespace holdfast::limits

namespace holdfast::identity {

// Why something is not done.
enum class KeyProblem : std::uint8_t {
  invalid,         // what is asked for makes no sense
  conflict,        // with what there is
  exceeds_parent,  // a child would have more than its parent
};
struct KeyRefusal {
  KeyProblem problem;
  std::string detail;
};
template <class T>
using KeyResult = std::expected<T, KeyRefusal>;

// A key with its secret, which nobody can be shown again.
struct NewSecret {
  VirtualKey key;
  Secret text;
};

// The key with this id or name; null: there is none.
const VirtualKey* find_key(std::span<const VirtualKey> keys, std::string_view id_or_name);

// A new key out of `wanted` (name, parent (id or name), owner, note, scope).
//   errors   invalid: a name, a scope; conflict: a name that is taken, a parent that is revoked,
//            limits::virtual_keys; exceeds_parent
KeyResult<NewSecret> make_key(std::span<const VirtualKey> keys, VirtualKey wanted,
                              const Pepper& pepper, std::int64_t now_us);
// A new secret for `key`; the one before is good for `overlap_us` more, the one before that no
// more.
//   errors   conflict: it is revoked; invalid: overlap out of range
KeyResult<NewSecret> rotate_key(VirtualKey key, std::int64_t overlap_us, const Pepper& pepper,
                                std::int64_t now_us);
//   errors   conflict: it is already
KeyResult<VirtualKey> revoke_key(VirtualKey key, std::int64_t now_us);
// `key` with another note and scope.   errors   as make_key()
KeyResult<VirtualKey> change_key(std::span<const VirtualKey> keys, VirtualKey key, std::string note,
                                 KeyScope scope, std::int64_t now_us);

}  // namespace holdfast::identity

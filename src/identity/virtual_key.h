// A virtual key as it is kept: made, changed and revoked while the gateway runs.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "identity/key_scope.h"
#include "identity/pepper.h"

namespace holdfast::identity {

// Whose key it is. Stored and spelled so.
enum class OwnerKind : std::uint8_t { user, team, service };
inline constexpr std::array<OwnerKind, 3> owner_kinds = {OwnerKind::user, OwnerKind::team,
                                                         OwnerKind::service};
std::string_view to_string(OwnerKind kind);

struct VirtualKey {
  std::string id;      // is_key_id; public, never used again
  std::string name;    // what records and messages call it; never used again
  std::string parent;  // the id of another; empty: none
  OwnerKind owner_kind = OwnerKind::service;
  std::string owner, note;
  KeyScope scope;  // its own; what it may do now lies within its parent's too
  std::int64_t created_us = 0, changed_us = 0;
  std::int64_t revoked_us = 0;  // 0: it is not
  KeyHash hash{};
  KeyHash old_hash{};             // of the secret before
  std::int64_t old_until_us = 0;  // until when that is good too; 0: there is none
};

}  // namespace holdfast::identity

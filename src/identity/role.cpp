#include "identity/role.h"

#include <algorithm>

namespace holdfast::identity {

std::string_view to_string(Role role) {
  switch (role) {
    case Role::viewer:
      return "viewer";
    case Role::operating:
      return "operator";
    case Role::approver:
      return "approver";
    case Role::auditor:
      return "auditor";
    case Role::administrator:
      return "administrator";
  }
  return {};
}

std::optional<Role> role_from(std::string_view name) {
  for (const Role role : all_roles)
    if (to_string(role) == name) return role;
  return std::nullopt;
}

bool may(Role role, Permission permission) {
  switch (permission) {
    case Permission::probe:
    case Permission::sign_in:
    case Permission::own_session:
    case Permission::read:
      return true;
    case Permission::read_audit:
      return role == Role::auditor || role == Role::administrator;
    case Permission::operate:
      return role == Role::operating || role == Role::administrator;
    case Permission::approve:
      return role == Role::approver || role == Role::administrator;
    case Permission::manage_keys:
    case Permission::manage_people:
      return role == Role::administrator;
  }
  return false;
}

std::string to_string(const Roles& roles) {
  std::string out;
  for (const Role role : all_roles)
    if (roles.has(role)) out.append(out.empty() ? "" : ", ").append(to_string(role));
  return out.empty() ? "no role" : out;
}

std::string_view to_string(PrincipalKind kind) {
  switch (kind) {
    case PrincipalKind::machine:
      return "machine";
    case PrincipalKind::person:
      return "person";
    case PrincipalKind::token:
      return "token";
  }
  return {};
}

std::string to_string(const Principal& principal) {
  std::string out(to_string(principal.kind));
  if (principal.kind != PrincipalKind::machine) out.append(":").append(principal.name);
  return out;
}

bool may(const Principal& principal, Permission permission) {
  return std::ranges::any_of(
      all_roles, [&](Role role) { return principal.roles.has(role) && may(role, permission); });
}

}  // namespace holdfast::identity

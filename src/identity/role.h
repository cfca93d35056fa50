// Who may do what at the administration. Default deny: what no role names is nobody's.
#pragma once
#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::identity {

// viewer          sees what is going on
// operating       ("operator": the word is C++'s) and takes targets out
// approver        and agrees to what others ask for
// auditor         and reads the audit log
// administrator   all of it, people and keys too
enum class Role : std::uint8_t { viewer, operating, approver, auditor, administrator };
inline constexpr std::array<Role, 5> all_roles = {Role::viewer, Role::operating, Role::approver,
                                                  Role::auditor, Role::administrator};
std::string_view to_string(Role role);  // "operator"
std::optional<Role> role_from(std::string_view name);

// What a route asks of whoever calls it.
//
// probe           nothing: health, for machines that have no name
// sign_in         nothing yet: it is how one gets a name
// own_session     to be somebody, whatever the roles
// read            status, metrics, records, costs
// read_audit      the audit log
// operate         what changes how requests are served
// approve         what others have asked for
// manage_keys     keys of applications
// manage_people   people, their roles, tokens of automation
enum class Permission : std::uint8_t {
  probe,
  sign_in,
  own_session,
  read,
  read_audit,
  operate,
  approve,
  manage_keys,
  manage_people
};

// Whether `role` may.
bool may(Role role, Permission permission);

// The roles of one principal.
class Roles {
 public:
  constexpr Roles() = default;
  constexpr Roles(std::initializer_list<Role> roles) {
    for (const Role role : roles) add(role);
  }
  constexpr void add(Role role) { bits_ |= bit(role); }
  constexpr bool has(Role role) const { return (bits_ & bit(role)) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  bool operator==(const Roles&) const = default;

 private:
  static constexpr unsigned bit(Role role) { return 1U << static_cast<unsigned>(role); }
  unsigned bits_ = 0;
};
std::string to_string(const Roles& roles);  // "operator, approver"; "no role"

enum class PrincipalKind : std::uint8_t {
  machine,  // this machine's own command line, by STATE/admin.token
  person,
  token  // automation
};

std::string_view to_string(PrincipalKind kind);

// Somebody whom the administration knows.
struct Principal {
  PrincipalKind kind = PrincipalKind::person;
  std::string name;  // empty for the machine
  Roles roles;
};
// As the audit log has it: "machine", "person:ann", "token:deploy".
std::string to_string(const Principal& principal);

// Whether one of its roles may.
bool may(const Principal& principal, Permission permission);

}  // namespace holdfast::identity

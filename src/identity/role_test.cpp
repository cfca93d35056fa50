#include "identity/role.h"

#include <gtest/gtest.h>

namespace holdfast::identity {
namespace {

TEST(Role, MayWhatItsRowSaysAndNothingElse) {
  struct Row {
    Permission permission;
    const char* who;  // initials of the roles that may
  };
  constexpr Row rows[] = {
      {Permission::probe, "voaAx"},       {Permission::sign_in, "voaAx"},
      {Permission::own_session, "voaAx"}, {Permission::read, "voaAx"},
      {Permission::read_audit, "Ax"},     {Permission::operate, "ox"},
      {Permission::approve, "ax"},        {Permission::manage_keys, "x"},
      {Permission::manage_people, "x"},
  };
  constexpr std::string_view initials = "voaAx";
  for (const Row& row : rows)
    for (std::size_t i = 0; i < all_roles.size(); ++i)
      EXPECT_EQ(may(all_roles[i], row.permission),
                std::string_view(row.who).find(initials[i]) != std::string_view::npos)
          << to_string(all_roles[i]) << " " << static_cast<int>(row.permission);
}

TEST(Role, HasOneNameEach) {
  for (const Role role : all_roles) EXPECT_EQ(role_from(to_string(role)), role);
  for (const char* name : {"", "root", "Viewer", "operating"})
    EXPECT_FALSE(role_from(name)) << name;
}

TEST(Principal, MayWhatAnyOfItsRolesMay) {
  const Principal nobody{PrincipalKind::person, "ann", {}};
  const Principal both{PrincipalKind::person, "ben", {Role::operating, Role::auditor}};
  EXPECT_FALSE(may(nobody, Permission::read));
  EXPECT_TRUE(may(both, Permission::operate));
  EXPECT_TRUE(may(both, Permission::read_audit));
  EXPECT_FALSE(may(both, Permission::approve));
  EXPECT_EQ(to_string(both.roles), "operator, auditor");
  EXPECT_EQ(to_string(nobody.roles), "no role");
  EXPECT_EQ(to_string(both), "person:ben");
  EXPECT_EQ(to_string(Principal{PrincipalKind::token, "ben", {}}), "token:ben");
  EXPECT_EQ(to_string(Principal{PrincipalKind::machine, {}, {}}), "machine");
}

}  // namespace
}  // namespace holdfast::identity

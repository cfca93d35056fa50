// What each route asks of its caller.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "server/access.h"
#include "server/admin.h"

namespace holdfast::server {
namespace {

using identity::Permission;
using identity::Role;

Caller person(identity::Roles roles) {
  return {{identity::PrincipalKind::person, "ann", roles}, "id", "csrf"};
}

TEST(Routes, WhatChangesSomethingIsNeverForEverybody) {
  for (const AdminRoute& route : admin_routes()) {
    if (route.act == nullptr) continue;
    EXPECT_NE(route.acts, Permission::probe) << route.path;
    EXPECT_NE(route.acts, Permission::read) << route.path;
    EXPECT_NE(route.acts, Permission::read_audit) << route.path;
    if (route.acts == Permission::sign_in) continue;  // it takes a password
    for (const bool open_reading : {true, false}) {
      const auto refused = refuse(std::nullopt, route.acts, open_reading);
      ASSERT_TRUE(refused) << route.path;
      EXPECT_EQ(refused->status, 401) << route.path;
    }
  }
}

TEST(Routes, HealthAloneIsForMachinesWithoutAName) {
  std::set<std::string_view> open;
  for (const AdminRoute& route : admin_routes())
    if (route.reads == Permission::probe) open.insert(route.path);
  EXPECT_EQ(open, (std::set<std::string_view>{"/healthz", "/readyz"}));
}

TEST(Routes, ThoseWhoMayNotAreRefusedByName) {
  const auto refused = refuse(person({Role::viewer, Role::auditor}), Permission::operate, true);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 403);
  EXPECT_EQ(refused->code, "not_permitted");
  EXPECT_EQ(refused->message, "person:ann (viewer, auditor) may not do this");
}

TEST(Routes, ReadingIsOpenOnlyWhereItIsSaid) {
  const Caller nobody = person({});
  EXPECT_FALSE(refuse(std::nullopt, Permission::read, true));
  EXPECT_TRUE(refuse(std::nullopt, Permission::read, false));
  EXPECT_TRUE(refuse(nobody, Permission::read, false)) << "a name without a role is no permission";
  EXPECT_FALSE(refuse(nobody, Permission::probe, false));
}

}  // namespace
}  // namespace holdfast::server

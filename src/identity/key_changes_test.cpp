#include "identity/key_changes.h"

#include <gtest/gtest.h>

#include "identity/key_test_support.h"
#include "identity/key_text.h"

namespace holdfast::identity {
namespace {

KeyProblem problem_of_making(const KeyRing& ring, std::string name, std::string parent = {}) {
  VirtualKey wanted;
  wanted.name = std::move(name);
  wanted.parent = std::move(parent);
  const auto made = make_key(ring.keys, wanted, test_pepper(), 1);
  EXPECT_FALSE(made);
  return made ? KeyProblem::invalid : made.error().problem;
}

TEST(KeyChanges, NamesAreWordsAndNotTwice) {
  KeyRing ring;
  ring.make("shop");
  for (const char* name : {"", "a b", "a/b", "\n", "caf\xc3\xa9", "=cmd", "abcdefghijkl"})
    EXPECT_EQ(problem_of_making(ring, name), KeyProblem::invalid) << name;
  EXPECT_EQ(problem_of_making(ring, "shop"), KeyProblem::conflict);
  ring.at("shop") = *revoke_key(ring.at("shop"), 5);
  EXPECT_EQ(problem_of_making(ring, "shop"), KeyProblem::conflict);
}

TEST(KeyChanges, ParentsAreThereAliveAndNotTooMany) {
  KeyRing ring;
  ring.make("k1");
  ring.make("k2", {}, "k1");
  ring.make("k3", {}, "k2");
  ring.make("k4", {}, "k3");
  EXPECT_EQ(problem_of_making(ring, "k5", "k4"), KeyProblem::invalid);
  EXPECT_EQ(problem_of_making(ring, "k5", "nobody"), KeyProblem::invalid);
  ring.at("k1") = *revoke_key(ring.at("k1"), 5);
  EXPECT_EQ(problem_of_making(ring, "k5", "k1"), KeyProblem::conflict);
}

TEST(KeyChanges, NoMoreThanTheGrandparent) {
  KeyRing ring;
  KeyScope scope;
  scope.models = {"chat"};
  ring.make("above", scope);
  ring.make("middle", {}, "above");
  ring.make("below", {}, "middle");
  KeyScope wider;
  wider.models = {"embed"};
  const auto changed = change_key(ring.keys, ring.at("below"), "", wider, 9);
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().problem, KeyProblem::exceeds_parent);
}

TEST(KeyChanges, WhatIsRevokedStaysSo) {
  KeyRing ring;
  ring.make("shop");
  const VirtualKey revoked = *revoke_key(ring.at("shop"), 5);
  EXPECT_EQ(revoke_key(revoked, 6).error().problem, KeyProblem::conflict);
  EXPECT_EQ(rotate_key(revoked, 0, test_pepper(), 6).error().problem, KeyProblem::conflict);
  EXPECT_EQ(change_key(ring.keys, revoked, "", {}, 6).error().problem, KeyProblem::conflict);
  EXPECT_EQ(rotate_key(ring.at("shop"), -1, test_pepper(), 6).error().problem, KeyProblem::invalid);
}

TEST(KeyChanges, ARotationGivesAnotherSecretToTheSameId) {
  KeyRing ring;
  const std::string old = ring.make("shop");
  const auto rotated = rotate_key(ring.at("shop"), 0, test_pepper(), 6);
  ASSERT_TRUE(rotated);
  EXPECT_NE(rotated->text.reveal(), old);
  EXPECT_EQ(read_key_text(rotated->text.reveal())->id, read_key_text(old)->id);
}

}  // namespace
}  // namespace holdfast::identity

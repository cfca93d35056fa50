#include "identity/key_table.h"

#include <gtest/gtest.h>

#include "identity/key_test_support.h"

namespace holdfast::identity {
namespace {

KeyVerdict verdict_of(const KeyTable& table, const std::string& offered, std::int64_t now_us = 50) {
  const auto text = read_key_text(offered);
  return text ? table.find(offered, *text, now_us).verdict : KeyVerdict::unknown;
}

TEST(KeyTable, FindsAKeyByItsSecretAlone) {
  KeyRing ring;
  const std::string shop = ring.make("shop"), till = ring.make("till");
  const KeyTable table = ring.table();
  EXPECT_EQ(table.find(shop, *read_key_text(shop), 50).key->settings.name, "shop");
  EXPECT_EQ(table.find(till, *read_key_text(till), 50).key->settings.name, "till");
  const std::string mixed = write_key_text(read_key_text(shop)->id, read_key_text(till)->secret);
  EXPECT_EQ(verdict_of(table, mixed), KeyVerdict::unknown);
  EXPECT_EQ(ring.uses.at(ring.at("shop").id)->wrong.load(), 1U);
  const std::string nobody = write_key_text("aaaaaaaaaaaa", read_key_text(till)->secret);
  EXPECT_EQ(table.find(nobody, *read_key_text(nobody), 50).key, nullptr);
  EXPECT_EQ(verdict_of(KeyTable(), shop), KeyVerdict::unknown);
}

TEST(KeyTable, OldSecretsAreGoodUntilTheirTime) {
  KeyRing ring;
  const std::string old = ring.make("shop");
  const auto rotated = rotate_key(ring.at("shop"), 10, test_pepper(), 100);
  ring.at("shop") = rotated->key;
  const KeyTable table = ring.table();
  EXPECT_EQ(verdict_of(table, std::string(rotated->text.reveal()), 200), KeyVerdict::accepted);
  EXPECT_EQ(verdict_of(table, old, 109), KeyVerdict::accepted);
  EXPECT_EQ(verdict_of(table, old, 110), KeyVerdict::unknown);
}

TEST(KeyTable, TimesAndRevocation) {
  KeyRing ring;
  KeyScope scope;
  scope.not_before_us = 100;
  scope.expires_us = 200;
  const std::string shop = ring.make("shop", scope), gone = ring.make("gone");
  ring.at("gone") = *revoke_key(ring.at("gone"), 5);
  const KeyTable table = ring.table();
  EXPECT_EQ(verdict_of(table, shop, 99), KeyVerdict::not_yet);
  EXPECT_EQ(verdict_of(table, shop, 100), KeyVerdict::accepted);
  EXPECT_EQ(verdict_of(table, shop, 199), KeyVerdict::accepted);
  EXPECT_EQ(verdict_of(table, shop, 200), KeyVerdict::expired);
  EXPECT_EQ(verdict_of(table, gone), KeyVerdict::revoked);
}

TEST(KeyTable, AChildIsWithinItsParentsAsTheyAreNow) {
  KeyRing ring;
  KeyScope scope;
  scope.models = {"chat", "embed"};
  scope.networks = {"10.0.0.0/8"};
  ring.make("above", scope);
  ring.make("middle", {}, "above");
  const std::string below = ring.make("below", {}, "middle");
  {
    const KeyTable table = ring.table();
    const UsableKey& key = *table.find(below, *read_key_text(below), 50).key;
    EXPECT_EQ(key.settings.models, (std::vector<std::string>{"chat", "embed"}));
    EXPECT_EQ(key.ancestors, (std::vector<std::string>{"middle", "above"}));
    EXPECT_TRUE(key.may_come_from(boost::asio::ip::make_address("10.1.1.1")));
    EXPECT_FALSE(key.may_come_from(boost::asio::ip::make_address("127.0.0.1")));
  }
  ring.at("above").scope.models = {"embed"};
  ring.at("middle").scope.models = {"chat"};
  EXPECT_EQ(ring.table().find_id(ring.at("below").id)->nothing_left, "models");
  ring.at("above").revoked_us = 7;
  EXPECT_EQ(verdict_of(ring.table(), below), KeyVerdict::revoked);
}

TEST(KeyTable, WithoutItsParentAKeyIsRevoked) {
  KeyRing ring;
  ring.make("above");
  const std::string below = ring.make("below", {}, "above");
  ring.keys.erase(ring.keys.begin());
  EXPECT_EQ(verdict_of(ring.table(), below), KeyVerdict::revoked);
}

}  // namespace
}  // namespace holdfast::identity

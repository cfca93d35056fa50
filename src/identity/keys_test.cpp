#include "identity/keys.h"

#include <gtest/gtest.h>

#include <utility>

namespace holdfast::identity {
namespace {
KeySettings key(std::string name, const char* secret, std::vector<std::string> models) {
  KeySettings out;
  out.name = std::move(name);
  out.key = Secret(secret);
  out.models = std::move(models);
  return out;
}

TEST(Keys, FindsTheKeyThatIsOffered) {
  const Keys keys({key("app", "sk-app", {"chat"}), key("ops", "sk-ops", {})});
  struct Case {
    const char* rule;
    const char* offered;
    const char* want;
  };
  constexpr Case cases[] = {{"whole key", "sk-app", "app"},
                            {"a prefix proves nothing", "sk-ap", nullptr},
                            {"more proves nothing", "sk-app1", nullptr},
                            {"an empty key", "", nullptr}};
  for (const Case& c : cases) {
    const KeySettings* found = keys.find_key(c.offered);
    if (c.want == nullptr)
      EXPECT_EQ(found, nullptr) << c.rule;
    else
      ASSERT_TRUE(found != nullptr && found->name == c.want) << c.rule;
  }
}

TEST(Keys, FindsTheKeyThatACertificateStandsFor) {
  KeySettings orders = key("orders", "sk-orders", {});
  orders.certificate = "URI:spiffe://example/orders";
  KeySettings bills = key("bills", "sk-bills", {});
  bills.certificate = "DNS:bills.example";
  const Keys keys({key("app", "sk-app", {}), orders, bills});
  struct Case {
    const char* rule;
    std::vector<std::string> names;
    const char* want;
  };
  const Case cases[] = {{"one name", {"DNS:bills.example"}, "bills"},
                        {"the first that stands for a key",
                         {"DNS:x", "DNS:bills.example", orders.certificate},
                         "bills"},
                        {"the kind of name counts", {"URI:bills.example"}, nullptr},
                        {"a longer name", {"URI:spiffe://example/orders/2"}, nullptr},
                        {"a key without a certificate is stood for by none", {""}, nullptr},
                        {"no names", {}, nullptr}};
  for (const Case& c : cases) {
    const KeySettings* found = keys.find_certificate(c.names);
    if (c.want == nullptr)
      EXPECT_EQ(found, nullptr) << c.rule;
    else
      ASSERT_TRUE(found != nullptr && found->name == c.want) << c.rule;
  }
}

TEST(Keys, FindsEachOfMany) {
  std::vector<KeySettings> many;
  many.reserve(500);
  for (int i = 0; i < 500; ++i)
    many.push_back(key("k" + std::to_string(i), ("sk-" + std::to_string(i)).c_str(), {}));
  const Keys keys(many);
  Keys copy;
  copy = keys;
  for (const KeySettings& one : many)
    for (const Keys* set : {&keys, &std::as_const(copy)}) {
      const KeySettings* found = set->find_key(one.key.reveal());
      ASSERT_NE(found, nullptr) << one.name;
      EXPECT_EQ(found->name, one.name);
    }
  EXPECT_EQ(keys.find_key("sk-500"), nullptr);
  EXPECT_EQ(Keys().find_key("sk-1"), nullptr);
  EXPECT_TRUE(Keys().open());
}

TEST(Keys, FindsTheKeyOfAName) {
  const Keys keys({key("app", "sk-app", {"chat"})});
  ASSERT_NE(keys.find_name("app"), nullptr);
  EXPECT_EQ(keys.find_name("sk-app"), nullptr);
}

TEST(MayUse, OnlyTheModelsThatTheKeyNames) {
  const KeySettings app = key("app", "sk-app", {"chat"});
  const KeySettings ops = key("ops", "sk-ops", {});
  EXPECT_TRUE(may_use(&app, "chat"));
  EXPECT_FALSE(may_use(&app, "Chat"));
  EXPECT_FALSE(may_use(&app, "embed"));
  EXPECT_TRUE(may_use(&ops, "embed"));
  EXPECT_TRUE(may_use(nullptr, "chat"));
}
}  // namespace
}  // namespace holdfast::identity

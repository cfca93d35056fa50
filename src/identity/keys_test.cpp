#include "identity/keys.h"

#include <gtest/gtest.h>

namespace holdfast::identity {
namespace {
TEST(Keys, FindsTheKeyThatTheHeaderProves) {
  const Keys keys({{"app", Secret("sk-app"), {"chat"}}, {"ops", Secret("sk-ops"), {}}});
  struct Case {
    const char* rule;
    const char* header;
    const char* want;
  };
  constexpr Case cases[] = {{"whole key", "Bearer sk-app", "app"},
                            {"the scheme's case is free", "bearer sk-ops", "ops"},
                            {"a prefix proves nothing", "Bearer sk-ap", nullptr},
                            {"more proves nothing", "Bearer sk-app1", nullptr},
                            {"another scheme", "Basic sk-app", nullptr},
                            {"an empty key", "Bearer ", nullptr},
                            {"no header", "", nullptr}};
  for (const Case& c : cases) {
    const KeySettings* found = keys.find(c.header);
    if (c.want == nullptr)
      EXPECT_EQ(found, nullptr) << c.rule;
    else
      ASSERT_TRUE(found != nullptr && found->name == c.want) << c.rule;
  }
}

TEST(MayUse, OnlyTheModelsThatTheKeyNames) {
  const KeySettings app{"app", Secret("sk-app"), {"chat"}};
  const KeySettings ops{"ops", Secret("sk-ops"), {}};
  EXPECT_TRUE(may_use(&app, "chat"));
  EXPECT_FALSE(may_use(&app, "Chat"));
  EXPECT_FALSE(may_use(&app, "embed"));
  EXPECT_TRUE(may_use(&ops, "embed"));
  EXPECT_TRUE(may_use(nullptr, "chat"));
}
}  // namespace
}  // namespace holdfast::identity

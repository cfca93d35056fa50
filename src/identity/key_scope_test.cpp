#include "identity/key_scope.h"

#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>

#include "base/random.h"
#include "identity/key_scope_json.h"
#include "identity/network.h"

namespace holdfast::identity {
namespace {

using Names = std::vector<std::string>;

KeyScope parent() {
  KeyScope scope;
  scope.models = {"chat", "embed"};
  scope.providers = {"one"};
  scope.endpoints = {"chat_completions", "embeddings"};
  scope.networks = {"10.0.0.0/8"};
  scope.regions = {"eu"};
  scope.team = "shop";
  scope.limits.requests_per_minute = 10;
  scope.not_before_us = 100;
  scope.expires_us = 200;
  return scope;
}

TEST(KeyScope, AChildMayNotHaveMore) {
  struct Case {
    const char* in;
    void (*widen)(KeyScope&);
  };
  const Case cases[] = {
      {"models", [](KeyScope& s) { s.models = {"chat", "other"}; }},
      {"providers", [](KeyScope& s) { s.providers = {"two"}; }},
      {"endpoints", [](KeyScope& s) { s.endpoints = {"rerank"}; }},
      {"networks", [](KeyScope& s) { s.networks = {"0.0.0.0/0"}; }},
      {"networks", [](KeyScope& s) { s.networks = {"10.0.0.0/7"}; }},
      {"regions", [](KeyScope& s) { s.regions = {"us"}; }},
      {"team", [](KeyScope& s) { s.team = "others"; }},
      {"class", [](KeyScope& s) { s.service_class = ServiceClass::critical_revenue; }},
      {"limits.requests_per_minute", [](KeyScope& s) { s.limits.requests_per_minute = 11; }},
      {"not_before_us", [](KeyScope& s) { s.not_before_us = 99; }},
      {"expires_us", [](KeyScope& s) { s.expires_us = 201; }},
  };
  for (const Case& c : cases) {
    KeyScope child;
    c.widen(child);
    const auto told = exceeds(child, parent());
    ASSERT_TRUE(told) << c.in;
    EXPECT_TRUE(told->starts_with(c.in)) << *told;
  }
}

TEST(KeyScope, AChildMayHaveLessOrSayNothing) {
  EXPECT_EQ(exceeds({}, parent()), std::nullopt);
  KeyScope child;
  child.models = {"chat"};
  child.networks = {"10.1.0.0/16"};
  child.regions = {"eu-west"};
  child.service_class = ServiceClass::experimental;
  child.limits.requests_per_minute = 10;
  child.limits.tokens_per_minute = 5;
  child.expires_us = 200;
  EXPECT_EQ(exceeds(child, parent()), std::nullopt);
  EXPECT_EQ(exceeds(parent(), {}), std::nullopt);
}

TEST(KeyScope, NarrowedIsWhatBothAllow) {
  KeyScope child;
  child.models = {"chat", "gone"};
  child.networks = {"10.1.0.0/16", "11.0.0.0/8"};
  child.regions = {"eu-west", "us"};
  child.team = "others";
  child.expires_us = 300;
  const Narrowed within = narrowed(child, parent());
  EXPECT_EQ(within.nothing_left, "");
  EXPECT_EQ(within.scope.models, Names{"chat"});
  EXPECT_EQ(within.scope.providers, Names{"one"});
  EXPECT_EQ(within.scope.networks, Names{"10.1.0.0/16"});
  EXPECT_EQ(within.scope.regions, Names{"eu-west"});
  EXPECT_EQ(within.scope.team, "shop");
  EXPECT_EQ(within.scope.not_before_us, 100);
  EXPECT_EQ(within.scope.expires_us, 200);
}

TEST(KeyScope, ListsWithNothingInCommonLeaveNothing) {
  for (const char* list : {"models", "providers", "endpoints", "networks", "regions"}) {
    KeyScope child;
    ASSERT_EQ(read_field(list, boost::json::array{"192.0.2.0/24"}, child), FieldRead::read);
    EXPECT_EQ(narrowed(child, parent()).nothing_left, list);
  }
}

// What is left is never more than either, whatever the two say.
TEST(KeyScope, NarrowedExceedsNeither) {
  Random random(20'261'128);
  const Names models = {"a", "b", "c", "d"}, regions = {"eu", "eu-west", "eu-west-1", "us"};
  const Names networks = {"10.0.0.0/8", "10.1.0.0/16", "0.0.0.0/0", "::/0", "10.1.2.3"};
  const auto some = [&random](const Names& of) {
    Names out;
    for (const std::string& one : of)
      if (random.below(3) == 0) out.push_back(one);
    return out;
  };
  const auto any = [&] {
    KeyScope scope;
    scope.models = some(models);
    scope.regions = some(regions);
    scope.networks = some(networks);
    scope.service_class = service_classes[random.below(3)];
    scope.not_before_us = static_cast<std::int64_t>(random.below(5));
    scope.expires_us = random.below(2) == 0 ? 0 : 10 + static_cast<std::int64_t>(random.below(5));
    return scope;
  };
  for (int round = 0; round < 2'000; ++round) {
    const KeyScope child = any(), above = any();
    const Narrowed within = narrowed(child, above);
    if (!within.nothing_left.empty()) continue;
    EXPECT_EQ(exceeds(within.scope, above), std::nullopt);
    EXPECT_EQ(exceeds(within.scope, child), std::nullopt);
    if (!above.models.empty()) EXPECT_FALSE(within.scope.models.empty());
  }
}

TEST(KeyScope, JsonKeepsAllOfIt) {
  KeyScope scope = parent();
  scope.service = "till";
  scope.region = "eu-north";
  scope.sensitivity = "internal";
  scope.service_class = ServiceClass::experimental;
  KeyScope read;
  for (const auto& [name, value] : to_json(scope))
    EXPECT_EQ(read_field(name, value, read), FieldRead::read) << name;
  EXPECT_EQ(boost::json::serialize(to_json(read)), boost::json::serialize(to_json(scope)));
  EXPECT_EQ(read_field("admin", true, read), FieldRead::unknown);
  EXPECT_EQ(read_field("models", "chat", read), FieldRead::wrong);
  EXPECT_EQ(read_field("expires_us", "soon", read), FieldRead::wrong);
}

}  // namespace
}  // namespace holdfast::identity

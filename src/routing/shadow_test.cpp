#include "routing/shadow.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "routing/test_support.h"

namespace holdfast::routing {
namespace {

std::string model_with(const std::string& shadow, const std::string& more = "") {
  return "    targets: [{ provider: a, model: m }]\n" + more + "    shadow:\n" + shadow;
}

std::vector<std::string> problems(const std::string& yaml) {
  return config::lines_of(read_model(yaml).problems);
}

std::vector<ShadowRule> rules_of(const std::string& yaml) {
  const ReadModel read = read_model(yaml);
  EXPECT_EQ(config::lines_of(read.problems), std::vector<std::string>());
  return shadow_rules(read.models.at(0));
}

TEST(Shadow, IsReadAsATargetWithAShare) {
  const ReadModel read =
      read_model(model_with("      - { provider: b, model: new, share: 2.5, overrides: { "
                            "max_tokens: 9 }, when: stream }\n"
                            "      - { provider: c, model: new, share: 100 }\n"));
  EXPECT_EQ(config::lines_of(read.problems), std::vector<std::string>());
  const ModelSettings& model = read.models.at(0);
  ASSERT_EQ(model.shadows.size(), 2U);
  EXPECT_EQ(model.shadows[0].target.model, "new");
  EXPECT_EQ(model.shadows[0].target.overrides.max_tokens, 9);
  EXPECT_EQ(model.shadows[0].share, 250U);
  EXPECT_TRUE(model.shadows[0].when);
  EXPECT_EQ(model.shadows[1].share, 10'000U);
  EXPECT_EQ(model.targets.size(), 1U) << "it does not serve";
}

TEST(Shadow, IsRefusedWhereItMakesNoSense) {
  struct Case {
    const char* rule;
    std::string yaml;
    std::string want;
  };
  const Case cases[] = {
      {"a share is above 0", model_with("      - { provider: b, model: m, share: 0 }\n"),
       "share: not a share; write it as in 5 or 0.5, above 0 and up to 100"},
      {"a share is at most all", model_with("      - { provider: b, model: m, share: 101 }\n"),
       "share: not a share; write it as in 5 or 0.5, above 0 and up to 100"},
      {"a share is said", model_with("      - { provider: b, model: m }\n"),
       "share: missing; say how much of the requests it gets copies of, as in share: 5"},
      {"its provider is known", model_with("      - { provider: x, model: m, share: 5 }\n"),
       "not the name of a provider"},
      {"who serves is not on trial", model_with("      - { provider: a, model: m, share: 5 }\n"),
       "a/m is a target of this model, which serves; name one that is not among its targets, or "
       "leave it out"},
      {"each once",
       model_with("      - { provider: b, model: m, share: 5 }\n"
                  "      - { provider: b, model: m, share: 6 }\n"),
       "b/m is listed twice; list it once"},
      {"where nothing may go",
       model_with("      - { provider: b, model: m, share: 5 }\n", "    regions: [eu]\n"),
       "not in the regions of the model; a copy would never be sent: name a provider in them, or "
       "leave it out"},
      {"vectors are nobody's",
       model_with("      - { provider: b, model: m, share: 5, vector_space: v }\n"),
       "vector_space: unknown key"},
      {"a condition that can be read",
       model_with("      - { provider: b, model: m, share: 5, when: nobody }\n"), "when: "},
      {"not in a group",
       "    targets:\n      - policy: failover\n        shadow: [{ provider: b, model: m, share: "
       "5 }]\n        targets: [{ provider: a, model: m }]\n",
       "targets[0].shadow: unknown key"},
      {"some", model_with("      []\n"), "shadow: empty"},
  };
  for (const Case& c : cases) {
    const std::vector<std::string> found = problems(c.yaml);
    ASSERT_EQ(found.size(), 1U) << c.rule << fmt::format("{}", fmt::join(found, "\n"));
    EXPECT_NE(found[0].find(c.want), std::string::npos) << c.rule << "\n" << found[0];
  }
  std::string many;
  for (int i = 0; i < 5; ++i)
    many += fmt::format("      - {{ provider: b, model: m{}, share: 5 }}\n", i);
  ASSERT_EQ(problems(model_with(many)).size(), 1U);
  EXPECT_NE(problems(model_with(many))[0].find("more than 4 shadows"), std::string::npos);
}

TEST(Shadow, GetsItsShareTheSameForTheSameRequest) {
  const auto rules =
      rules_of(model_with("      - { provider: b, model: m, share: 12.5 }\n"
                          "      - { provider: c, model: m, share: 12.5 }\n"));
  constexpr int requests = 100'000;
  int first = 0, both = 0;
  for (int i = 0; i < requests; ++i) {
    const std::string id = fmt::format("req_{}", i);
    const bool one = in_share(rules[0], id);
    EXPECT_EQ(one, in_share(rules[0], id));
    first += one ? 1 : 0;
    both += one && in_share(rules[1], id) ? 1 : 0;
  }
  EXPECT_NEAR(first, requests * 0.125, requests * 0.01);
  EXPECT_NEAR(both, requests * 0.015625, requests * 0.005) << "two shadows draw for themselves";
  const auto all = rules_of(model_with("      - { provider: b, model: m, share: 100 }\n"));
  for (int i = 0; i < 1'000; ++i) EXPECT_TRUE(in_share(all[0], fmt::format("req_{}", i)));
}

TEST(Shadow, IsForbiddenWhatATargetIs) {
  const auto rules = rules_of(model_with(
      "      - { provider: c, model: m, share: 100, when: sensitivity != \"restricted\" }"
      "\n"));
  Facts facts;
  facts.sensitivity = "public";
  EXPECT_EQ(forbids(rules[0], facts), PassedOver::no);
  facts.sensitivity = "restricted";
  EXPECT_EQ(forbids(rules[0], facts), PassedOver::condition);
  const std::vector<std::string> us = {"us"}, eu = {"eu"};
  facts.regions = us;
  EXPECT_EQ(forbids(rules[0], facts), PassedOver::region) << "the key's regions come first";
  facts.regions = eu;
  facts.sensitivity = "public";
  EXPECT_EQ(forbids(rules[0], facts), PassedOver::no);
  const auto unsaid = rules_of(model_with("      - { provider: d, model: m, share: 100 }\n"));
  EXPECT_EQ(forbids(unsaid[0], facts), PassedOver::region) << "a region that is not said is none";
}

}  // namespace
}  // namespace holdfast::routing

#include "routing/policy_settings.h"

#include <gtest/gtest.h>

#include "routing/test_support.h"

namespace holdfast::routing {
namespace {

std::vector<std::string> problems(const std::string& yaml) {
  return config::lines_of(read_model(yaml).problems);
}

TEST(PolicySettings, ReadATree) {
  const ReadModel read = read_model(R"(    policy: split
    on: header:X-Session
    regions: [eu]
    last_resort: refuse
    on_content_filter: next
    wait_for_cooling: 3s
    targets:
      - percent: 99.5
        policy: weighted
        targets:
          - { provider: a, model: m, weight: 3, context_window: 8000 }
          - { provider: b, model: m }
      - { provider: a, model: m, percent: .5 }
)");
  ASSERT_EQ(config::lines_of(read.problems),
            (std::vector<std::string>{
                "f.yaml:9:5: models.chat.targets: the percentages are 99.5 in all; make them 100",
                "f.yaml:15:34: models.chat.targets[1].percent: not a percentage; write it as in 5 "
                "or 0.5, up to 100"}))
      << "what is half right is refused";
  const ModelSettings& model = read.models.at(0);
  ASSERT_EQ(model.targets.size(), 3U);
  EXPECT_EQ(model.targets[1].provider, "b");
  EXPECT_EQ(model.targets[0].region, "eu-west");
  EXPECT_EQ(model.targets[0].context_window, 8000);
  EXPECT_EQ(model.wait_for_cooling, std::chrono::seconds(3));
  EXPECT_TRUE(model.next_on_content_filter);
  EXPECT_FALSE(model.last_resort);
  const std::vector<std::uint16_t> indices = {5, 6, 5};
  const Route route = make_route(model, indices);
  EXPECT_EQ(route.permitted, 0b101U);
  EXPECT_EQ(route.leaves[1].index, 6);
  EXPECT_EQ(route.leaves[0].provider, route.leaves[2].provider);
  EXPECT_NE(route.leaves[0].provider, route.leaves[1].provider);
  const Node& root = route.nodes.front();
  EXPECT_EQ(root.policy, Policy::split);
  EXPECT_EQ(root.on, On::header);
  EXPECT_EQ(root.header, "X-Session");
  EXPECT_EQ(root.leaves, 0b111U);
  const Node& group = route.nodes[root.children[0]];
  EXPECT_EQ(group.percent, 9950U);
  EXPECT_EQ(route.nodes[group.children[0]].weight, 3U);
}

TEST(PolicySettings, NeedNothingToBeFailover) {
  const Route route = route_of("    targets: [{ provider: a, model: m }]");
  EXPECT_EQ(route.nodes.front().policy, Policy::failover);
  EXPECT_EQ(route.needs, 0U);
  EXPECT_TRUE(route.last_resort);
  EXPECT_FALSE(route.next_on_content_filter);
  EXPECT_EQ(route.wait_for_cooling.count(), 0);
}

TEST(PolicySettings, TellTheSameTargetsApart) {
  const Route route = route_of(R"(    policy: sticky
    targets:
      - { provider: a, model: m }
      - { provider: a, model: m }
      - { provider: b, model: m }
)");
  const auto& children = route.nodes.front().children;
  EXPECT_NE(route.nodes[children[0]].id, route.nodes[children[1]].id);
}

TEST(PolicySettings, SayWhatIsWrongWhereAndWhatToDo) {
  struct Case {
    const char* rule;
    const char* yaml;
    std::vector<std::string> want;
  };
  const Case cases[] = {
      {"percentages that are not 100",
       "    policy: split\n    targets:\n      - { provider: a, model: m, percent: 90 }\n"
       "      - { provider: b, model: m, percent: 5 }\n",
       {"f.yaml:4:5: models.chat.targets: the percentages are 95 in all; make them 100"}},
      {"a share that is missing",
       "    policy: split\n    targets:\n      - { provider: a, model: m, percent: 100 }\n"
       "      - { provider: b, model: m }\n",
       {"f.yaml:6:9: models.chat.targets[1].percent: missing; give every entry of a split its "
        "share, as in percent: 5"}},
      {"a weight where it means nothing",
       "    targets:\n      - { provider: a, model: m, weight: 3 }\n",
       {"f.yaml:4:34: models.chat.targets[0].weight: only for policy: weighted or sticky; remove "
        "it"}},
      {"a condition where it means nothing",
       "    targets:\n      - { provider: a, model: m, when: stream }\n",
       {"f.yaml:4:34: models.chat.targets[0].when: only for policy: conditional; remove it"}},
      {"on where it means nothing",
       "    on: user\n    targets:\n      - { provider: a, model: m }\n",
       {"f.yaml:3:5: models.chat.on: only for policy: sticky or split; remove it"}},
      {"an unknown on",
       "    policy: sticky\n    on: team\n    targets:\n      - { provider: a, model: m }\n",
       {"f.yaml:4:5: models.chat.on: unknown value; allowed: request, user, conversation, prefix, "
        "key, header:NAME"}},
      {"no weight at all",
       "    policy: weighted\n    targets:\n      - { provider: a, model: m, weight: 0 }\n",
       {"f.yaml:4:5: models.chat.targets: every weight is 0; give at least one a weight"}},
      {"a condition with a typing error",
       "    policy: conditional\n    targets:\n"
       "      - { provider: a, model: m, when: taem == 'a' }\n      - { provider: b, model: m }\n",
       {"f.yaml:5:34: models.chat.targets[0].when: at character 1: there is no fact \"taem\"; did "
        "you mean \"team\"? allowed: key, team, service, class, model, endpoint, sensitivity, "
        "region, weekday, tokens, max_tokens, hour, header, stream, tools, parallel_tools, "
        "schema, json_object, images, audio, files, reasoning, logprobs, n_many, stop, seed, "
        "prediction, web_search, logit_bias, stored, metadata, service_tier, functions"}},
      {"nobody for the others",
       "    policy: conditional\n    targets:\n"
       "      - { provider: a, model: m, when: stream }\n",
       {"f.yaml:4:5: warning: models.chat.targets: a request for which no condition holds is "
        "refused; add a last entry without when, if others are to be answered"}},
      {"regions that nobody is in",
       "    regions: [asia]\n    targets: [{ provider: a, model: m }]\n",
       {"f.yaml:3:5: models.chat.regions: no target is in them; add one whose provider says "
        "region: and is in one of them"}},
      {"a group without targets",
       "    targets:\n      - { policy: weighted }\n      - { provider: a, model: m }\n",
       {"f.yaml:4:9: models.chat.targets[0].targets: missing; list who answers for it, as in "
        "targets: [{provider: ..., model: ...}]"}},
      {"a provider of a group",
       "    targets:\n      - { provider: a, targets: [{ provider: a, model: m }] }\n",
       {"f.yaml:4:11: models.chat.targets[0].provider: unknown key; allowed: "
        "weight, percent, when, policy, on, targets"}},
  };
  for (const Case& c : cases) EXPECT_EQ(problems(c.yaml), c.want) << c.rule;
}

TEST(PolicySettings, AreBounded) {
  std::string deep;
  for (int i = 0; i < 9; ++i) deep += "[{ targets: ";
  deep += "[{ provider: a, model: m }]";
  for (int i = 0; i < 9; ++i) deep += " }]";
  const auto lines = problems("    targets: " + deep + "\n");
  EXPECT_TRUE(std::ranges::any_of(lines, [](const std::string& line) {
    return line.find("groups nested deeper than 8") != std::string::npos;
  }));
  std::string many = "    targets:\n";
  for (int i = 0; i < 17; ++i) many += "      - { targets: [{ provider: a, model: m }] }\n";
  EXPECT_EQ(problems(many), (std::vector<std::string>{
                                "f.yaml:20:21: models.chat.targets[16].targets[0]: more than 16 "
                                "targets"}));
}

}  // namespace
}  // namespace holdfast::routing

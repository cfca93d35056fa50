#include "server/operator_state.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace holdfast::server {
namespace {

using namespace std::chrono_literals;

struct Folder : testing::Test {
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "holdfast-state-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~Folder() override { std::filesystem::remove_all(path); }
  void write(const std::string& text) const { std::ofstream(path + "/operator.json") << text; }
  std::string path;
};

TEST_F(Folder, WhatWasSaidIsThereAfterARestart) {
  {
    auto state = OperatorState::open(path);
    ASSERT_TRUE(state) << state.error().detail;
    ASSERT_TRUE(state->drain("one/m1", 100, 200));
    ASSERT_TRUE(state->freeze("one/m1", 150));
    ASSERT_TRUE(state->freeze("two", 300));
    ASSERT_TRUE(state->restore("two"));
  }
  const auto state = OperatorState::open(path);
  ASSERT_TRUE(state) << state.error().detail;
  ASSERT_EQ(state->entries().size(), 1U);
  const OperatorEntry& entry = state->entries().at("one/m1");
  EXPECT_TRUE(entry.out && entry.frozen);
  EXPECT_EQ(entry.until_us, 200);
  EXPECT_EQ(entry.since_us, 150);
}

TEST_F(Folder, ADamagedFileIsNamed) {
  for (const char* text : {"", "{", "[]", R"({"one": 3})", R"({"one": {"out": "yes"}})",
                           R"({"one": {"of_a_later_version": true}})"}) {
    write(text);
    const auto state = OperatorState::open(path);
    ASSERT_FALSE(state) << text;
    EXPECT_NE(state.error().detail.find(path + "/operator.json is damaged"), std::string::npos);
  }
}

TEST_F(Folder, WhatCannotBeKeptIsNotDone) {
  auto state = OperatorState::open(path + "/missing");
  ASSERT_TRUE(state);
  const auto done = state->drain("one", 1, 0);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::io);
  EXPECT_TRUE(state->entries().empty());
}

struct Applied : Folder {
  Applied() {
    for (const char* name : {"one", "two"}) {
      auto provider = std::make_shared<routing::Provider>();
      provider->name = name;
      model.targets.push_back({provider, "m1", {}, {}, {}, {}});
      model.indices.push_back(static_cast<std::uint16_t>(model.indices.size()));
    }
    snapshot.models.emplace("chat", std::move(model));
  }
  routing::HealthView view(std::size_t target) const { return health->view(target, clock.now()); }
  void apply() { state.apply(snapshot, *health, clock); }

  ManualClock clock;
  routing::Model model;
  routing::Snapshot snapshot;
  std::unique_ptr<routing::HealthTable> health = std::make_unique<routing::HealthTable>();
  OperatorState state = *OperatorState::open(path);
};

TEST_F(Applied, TheLongerTimeCounts) {
  ASSERT_TRUE(state.drain("one", 1, clock.wall_us() + 5'000'000));
  ASSERT_TRUE(state.drain("one/m1", 1, clock.wall_us() + 9'000'000));
  ASSERT_TRUE(state.freeze("two/m1", 1));
  apply();
  EXPECT_EQ(view(0).until, clock.now() + 9s);
  EXPECT_FALSE(view(0).frozen);
  EXPECT_TRUE(view(1).frozen);
  clock.advance(6s);
  apply();
  EXPECT_EQ(view(0).state, routing::BreakerState::maintenance);
  EXPECT_FALSE(state.entries().contains("one")) << "what is over is forgotten";
  clock.advance(4s);
  apply();
  EXPECT_EQ(view(0).state, routing::BreakerState::closed);
  EXPECT_TRUE(state.entries().contains("two/m1")) << "freezing has no end";
}

TEST(SpeaksOf, AProviderOrOneTarget) {
  struct Case {
    const char* rule;
    std::string_view said, provider, model;
    bool want;
  };
  constexpr Case cases[] = {
      {"all of a provider", "one", "one", "m1", true},
      {"one target", "one/m1", "one", "m1", true},
      {"another model", "one/m2", "one", "m1", false},
      {"a name that only begins so", "one2", "one", "m1", false},
      {"models with slashes", "one/meta/llama", "one", "meta/llama", true},
      {"half a model", "one/meta", "one", "meta/llama", false},
      {"another provider", "two", "one", "m1", false},
      {"nothing", "", "one", "m1", false},
  };
  for (const Case& c : cases) EXPECT_EQ(speaks_of(c.said, c.provider, c.model), c.want) << c.rule;
}

}  // namespace
}  // namespace holdfast::server

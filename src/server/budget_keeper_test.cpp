#include "server/budget_keeper.h"

#include <gtest/gtest.h>

#include <map>

namespace holdfast::server {
namespace {
using Verdict = routing::BudgetCell::Verdict;
using namespace std::chrono_literals;

// Slices in memory; a disk that can fail.
struct FakeStore final : records::SliceStore {
  std::map<std::pair<std::string, std::int64_t>, records::Slice> slices;
  bool full = false;
  Result<std::optional<records::Slice>> find(std::string_view name, std::int64_t day) override {
    const auto found = slices.find({std::string(name), day});
    return found == slices.end() ? std::nullopt : std::optional(found->second);
  }
  Result<void> save(std::string_view name, std::int64_t day, const records::Slice& slice) override {
    if (full) return fail(ErrorCode::io, "disk full");
    slices[{std::string(name), day}] = slice;
    return {};
  }
};

struct KeeperTest : testing::Test {
  routing::Budget budget(std::int64_t amount, bool hard = true) const {
    routing::Budget one;
    one.name = "all";
    one.period = routing::BudgetPeriod::day;
    one.amount = {amount};
    one.hard = hard;
    return one;
  }
  BudgetKeeper::Parts parts(std::string boot = "boot") {
    return {table, store, clock,
            [this](const records::SpendingScope&, std::int64_t, std::int64_t) -> Result<NanoUsd> {
              return NanoUsd{spent};
            },
            std::move(boot)};
  }
  std::int64_t today() const {
    return routing::period_at(routing::BudgetPeriod::day, clock.wall_us()).number;
  }
  routing::BudgetCell& cell() { return table.cell(0, today()); }
  routing::BudgetTable table;
  FakeStore store;
  ManualClock clock;
  std::int64_t spent = 0;
};

TEST_F(KeeperTest, LeasesAheadOfNeedAndNeverBeyondTheAmount) {
  BudgetKeeper keeper({budget(1'000)}, parts());
  ASSERT_TRUE(keeper.pass());
  EXPECT_EQ(cell().view().leased, 50) << "a twentieth";
  EXPECT_EQ(cell().reserve(today(), 30), Verdict::granted);
  ASSERT_TRUE(keeper.pass());
  EXPECT_EQ(cell().view().leased, 100) << "before the slice has run out";
  EXPECT_EQ(cell().reserve(today(), 500), Verdict::wait);
  ASSERT_TRUE(keeper.pass());
  EXPECT_EQ(cell().reserve(today(), 500), Verdict::granted) << "a large one gets a large slice";
  EXPECT_EQ(store.slices.at({"all", today()}).leased.value, cell().view().leased) << "on file";
  EXPECT_EQ(cell().reserve(today(), 470), Verdict::wait);
  ASSERT_TRUE(keeper.pass());
  EXPECT_EQ(cell().view().leased, 1'000);
  EXPECT_EQ(cell().reserve(today(), 470), Verdict::granted);
  EXPECT_EQ(cell().reserve(today(), 1), Verdict::exhausted);
}

TEST_F(KeeperTest, NothingIsLeasedThatIsNotOnFile) {
  BudgetKeeper keeper({budget(1'000)}, parts());
  store.full = true;
  EXPECT_FALSE(keeper.pass());
  EXPECT_EQ(keeper.problem(), "disk full");
  EXPECT_EQ(cell().reserve(today(), 1), Verdict::wait);
  store.full = false;
  ASSERT_TRUE(keeper.pass());
  EXPECT_EQ(keeper.problem(), "");
  EXPECT_EQ(cell().reserve(today(), 1), Verdict::granted);
}

TEST_F(KeeperTest, AfterACrashTheRecordsCountAndAfterALossOfPowerTheSlice) {
  {
    BudgetKeeper keeper({budget(1'000)}, parts());
    ASSERT_TRUE(keeper.pass());
    EXPECT_EQ(cell().reserve(today(), 50), Verdict::granted);
  }
  spent = 20;  // the rest of the 50 was never asked for
  cell().prepare(-1, 0, 0);
  BudgetKeeper same({budget(1'000)}, parts("boot"));
  ASSERT_TRUE(same.pass());
  EXPECT_EQ(cell().view().used, 20);
  const std::int64_t leased = cell().view().leased;
  cell().prepare(-1, 0, 0);
  BudgetKeeper other({budget(1'000)}, parts("another boot"));
  ASSERT_TRUE(other.pass());
  EXPECT_EQ(cell().view().used, leased);
}

TEST_F(KeeperTest, StoppedInOrderNothingIsLost) {
  BudgetKeeper keeper({budget(1'000)}, parts());
  ASSERT_TRUE(keeper.pass());
  EXPECT_EQ(cell().reserve(today(), 40), Verdict::granted);
  cell().settle(today(), 40, 30);
  keeper.stop();
  spent = 30;
  cell().prepare(-1, 0, 0);
  BudgetKeeper next({budget(1'000)}, parts("another boot"));
  ASSERT_TRUE(next.pass());
  EXPECT_EQ(cell().view().used, 30);
}

TEST_F(KeeperTest, APeriodIsPreparedBeforeItBegins) {
  BudgetKeeper keeper({budget(1'000)}, parts());
  ASSERT_TRUE(keeper.pass());
  spent = 0;
  EXPECT_EQ(cell().reserve(today(), 50), Verdict::granted);
  const std::int64_t first = today();
  const std::int64_t rest_us = (first + 1) * 86'400'000'000 - clock.wall_us();
  clock.advance(std::chrono::microseconds(rest_us) - 30min);
  ASSERT_TRUE(keeper.pass());
  EXPECT_EQ(table.cell(0, first + 1).reserve(first + 1, 10), Verdict::granted);
  clock.advance(30min);
  EXPECT_EQ(today(), first + 1);
  ASSERT_TRUE(keeper.pass());
  EXPECT_EQ(cell().view().used, 10) << "the new day begins with nothing but its own";
  table.cell(0, first).settle(first, 50, 5);
  EXPECT_EQ(cell().view().used, 10) << "yesterday's ends belong to yesterday";
  EXPECT_EQ(table.cell(0, first).view().used, 5);
}

TEST_F(KeeperTest, EachThresholdIsToldOnce) {
  BudgetKeeper keeper({budget(100, false)}, parts());
  ASSERT_TRUE(keeper.pass());
  EXPECT_TRUE(cell().force(today(), 80));
  ASSERT_TRUE(keeper.pass());
  const auto crossed = [](const BudgetKeeper& from) {
    std::vector<std::int64_t> percents;
    const auto told = from.to_json();
    for (const auto& one : told.at("data").at(0).at("crossed").as_array())
      percents.push_back(one.at("percent").as_int64());
    return percents;
  };
  EXPECT_EQ(crossed(keeper), (std::vector<std::int64_t>{50, 75}));
  ASSERT_TRUE(keeper.pass());
  EXPECT_EQ(crossed(keeper).size(), 2U);
  spent = 80;
  cell().prepare(-1, 0, 0);
  BudgetKeeper next({budget(100, false)}, parts());
  ASSERT_TRUE(next.pass());
  EXPECT_TRUE(cell().force(today(), 50));
  ASSERT_TRUE(next.pass());
  EXPECT_EQ(crossed(next), (std::vector<std::int64_t>{90, 100})) << "not again what was told";
}

TEST_F(KeeperTest, AnAmountChangesWhileItRunsAndAScopeDoesNot) {
  BudgetKeeper keeper({budget(10)}, parts());
  ASSERT_TRUE(keeper.pass());
  EXPECT_EQ(cell().reserve(today(), 20), Verdict::exhausted);
  EXPECT_TRUE(keeper.use({budget(100)}));
  ASSERT_TRUE(keeper.pass());
  EXPECT_NE(cell().reserve(today(), 20), Verdict::exhausted);
  routing::Budget other = budget(1'000);
  other.scope.team = "red";
  EXPECT_FALSE(keeper.use({other}));
  EXPECT_EQ(keeper.budgets().front().amount.value, 100);
  EXPECT_FALSE(keeper.use({}));
}
}  // namespace
}  // namespace holdfast::server

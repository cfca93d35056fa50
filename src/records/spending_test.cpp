#include "records/spending.h"

#include <gtest/gtest.h>

#include "records/query.h"
#include "records/test_support.h"

namespace holdfast::records {
namespace {
constexpr std::int64_t day_us = 86'400'000'000;
// Days that ManualClock's present does not make old: retention would forget them.
constexpr std::int64_t first_day = 20'830, second_day = first_day + 1;

AttemptStart asked(std::int64_t day, std::string_view key, std::string_view team,
                   std::int64_t reserved) {
  AttemptStart start = start_of("r", day * day_us + 5);
  start.key_name = key;
  start.team = team;
  start.service = "web";
  start.reserved = {reserved};
  return start;
}

class SpendingTest : public testing::Test {
 protected:
  void SetUp() override { open(); }
  void open() {
    drain_ = *Drain::open(state_.path(), keep_all(), clock_);
    journal_ = drain_->open_journal();
  }
  void store() {
    ASSERT_TRUE(journal_->flush());
    ASSERT_TRUE(drain_->wait_until_drained());
  }
  std::uint64_t start(const AttemptStart& start) { return journal_->start(start); }
  void end(std::uint64_t serial, std::optional<std::int64_t> cost, std::int64_t charged) {
    AttemptEnd end = end_of(serial);
    if (cost) end.cost = NanoUsd{*cost};
    end.charged = {charged};
    end.price_version = 7;
    journal_->end(end);
  }
  std::int64_t charged(const SpendingScope& scope, std::int64_t from = 0,
                       std::int64_t until = 1'000'000) {
    auto archive = Archive::open(state_.path());
    return archive->charged_in(scope, from, until)->value;
  }
  StateFolder state_;
  ManualClock clock_;
  std::unique_ptr<Drain> drain_;
  std::unique_ptr<Journal> journal_;
};

TEST_F(SpendingTest, ChargesWhatIsReservedUntilTheCostIsKnown) {
  const auto known = start(asked(first_day, "a", "red", 100));
  const auto unknown = start(asked(first_day, "a", "red", 100));
  const auto later = start(asked(second_day, "b", "blue", 50));
  ASSERT_NE(start(asked(second_day, "b", "blue", 30)), 0U);  // never ends
  store();
  EXPECT_EQ(charged({}), 280);
  end(known, 40, 40);
  end(unknown, std::nullopt, 100);
  end(later, 70, 70);  // more than was reserved
  store();
  EXPECT_EQ(charged({}), 40 + 100 + 70 + 30);
  EXPECT_EQ(charged({.key = "a"}), 140);
  EXPECT_EQ(charged({.team = "blue"}), 100);
  EXPECT_EQ(charged({.key = "a", .team = "blue"}), 0);
  EXPECT_EQ(charged({.provider = "openai"}), 240);
  EXPECT_EQ(charged({.logical_model = "chat"}, second_day, second_day + 1), 100)
      << "the day of the start";
  EXPECT_EQ(charged({.service = "web"}, second_day + 1, second_day + 2), 0);
}

TEST_F(SpendingTest, TotalsAreByWhateverIsAsked) {
  end(start(asked(first_day, "a", "red", 0)), 40, 40);
  end(start(asked(first_day, "b", "", 0)), std::nullopt, 0);
  end(start(asked(second_day, "b", "", 0)), 60, 60);
  store();
  auto archive = Archive::open(state_.path());
  const auto by_key = *archive->spending(SpendingBy::key, first_day, first_day + 100);
  ASSERT_EQ(by_key.size(), 2U);
  EXPECT_EQ(by_key[0].name, "b") << "dearest first";
  EXPECT_EQ(by_key[0].attempts, 2);
  EXPECT_EQ(by_key[0].unknown, 1) << "a cost that is not known is not 0";
  EXPECT_EQ(by_key[0].cost.value, 60);
  EXPECT_EQ(by_key[1].name, "a");
  EXPECT_EQ(by_key[1].tokens_in, 11);
  const auto by_day = *archive->spending(SpendingBy::day, first_day, first_day + 100);
  ASSERT_EQ(by_day.size(), 2U);
  EXPECT_EQ(by_day[0].name, "2027-01-12");
  EXPECT_EQ(archive->spending(SpendingBy::team, second_day, second_day + 1)->front().name, "");
  EXPECT_EQ(archive->spending(SpendingBy::model, second_day + 1, second_day + 2)->size(), 0U);
}

TEST_F(SpendingTest, WhatACrashLeftOpenStaysChargedAndUnknown) {
  ASSERT_NE(start(asked(first_day, "a", "red", 100)), 0U);
  store();
  journal_.reset();
  drain_.reset();
  open();
  store();
  EXPECT_EQ(charged({}), 100);
  auto archive = Archive::open(state_.path());
  const auto rows = *archive->spending(SpendingBy::key, first_day, first_day + 100);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].attempts, 1);
  EXPECT_EQ(rows[0].unknown, 1);
}

TEST_F(SpendingTest, AttemptsTellTheirCost) {
  end(start(asked(first_day, "a", "red", 100)), 40, 40);
  end(start(asked(first_day, "a", "red", 100)), std::nullopt, 100);
  store();
  auto archive = Archive::open(state_.path());
  const auto page = *archive->requests({});
  ASSERT_EQ(page.attempts.size(), 2U);
  EXPECT_EQ(page.attempts[0].cost_nano_usd, std::nullopt);
  EXPECT_EQ(page.attempts[0].charged_nano_usd, 100);
  EXPECT_EQ(page.attempts[1].cost_nano_usd, 40);
  EXPECT_EQ(page.attempts[1].reserved_nano_usd, 100);
  EXPECT_EQ(page.attempts[1].price_version, 7U);
  EXPECT_EQ(page.attempts[1].team, "red");
  EXPECT_EQ(page.attempts[1].service, "web");
  EXPECT_TRUE(to_json(page.attempts[0]).at("cost_nano_usd").is_null());
  EXPECT_EQ(to_json(page.attempts[1]).at("cost_nano_usd"), 40);
  EXPECT_EQ(to_json(page.attempts[1]).at("price_version"), "00000007");
}

TEST_F(SpendingTest, OldDaysAreForgotten) {
  const std::int64_t today = day_of(clock_.wall_us());
  end(start(asked(today - spending_days - 1, "a", "", 0)), 1, 1);
  end(start(asked(today - spending_days, "a", "", 0)), 2, 2);
  store();
  clock_.advance(std::chrono::seconds(20));  // until retention is due
  store();
  EXPECT_EQ(charged({}), 2);
}

TEST(SpendingBy, IsSpelledAsItIsAsked) {
  for (const char* name : {"provider", "model", "logical_model", "key", "team", "service", "day"})
    EXPECT_EQ(to_string(*spending_by_from(name)), name);
  EXPECT_FALSE(spending_by_from("nobody"));
}
}  // namespace
}  // namespace holdfast::records

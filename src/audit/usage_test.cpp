// Attempts in the records, sealed into the log: what is found of changes, and what retention
// leaves.
#include "audit/usage.h"

#include <time.h>

#include "audit/test_support.h"
#include "records/ledger.h"
#include "records/schema.h"
#include "records/test_support.h"

namespace holdfast::audit {
namespace {

using namespace std::chrono_literals;
using Names = std::vector<std::string>;

// A log whose entries can be refused.
struct RefusingSealer final : records::Sealer {
  explicit RefusingSealer(UsageSealer& sealer) : real(sealer) {}
  std::string add(std::string_view row) override { return real.add(row); }
  std::string root() override { return real.root(); }
  std::uint64_t log_size() override { return real.log_size(); }
  Result<void> seal(const records::Segment& segment) override {
    return refuses ? fail(ErrorCode::io, "no space") : real.seal(segment);
  }
  Result<void> expire(std::int64_t number, std::int64_t last_id) override {
    return refuses ? fail(ErrorCode::io, "no space") : real.expire(number, last_id);
  }
  UsageSealer& real;
  bool refuses = false;
};

class Usage : public AuditFolder {
 protected:
  void SetUp() override {
    AuditFolder::SetUp();
    log_ = *open();
    sealer_.emplace(*log_, folder_);
    refusing_.emplace(*sealer_);
    start();
  }
  void start() {
    ledger_.reset();
    auto ledger = records::Ledger::open(records::database_path(base_), ++run_, &*refusing_);
    ASSERT_TRUE(ledger) << ledger.error().detail;
    ledger_.emplace(*std::move(ledger));
    ASSERT_TRUE(ledger_->settle_dead_runs());
  }
  // Attempts of which each `open_every`-th has no end yet; 0: all have.
  void post(int attempts, int open_every = 0, std::int64_t started_us = 1'000'000) {
    std::vector<records::Record> batch;
    std::vector<std::string> names;  // which the records point to
    names.reserve(static_cast<std::size_t>(attempts));
    for (int i = 1; i <= attempts; ++i) {
      names.push_back("r-" + std::to_string(++serial_));
      batch.emplace_back(
          records::StartRecord{serial_, records::start_of(names.back(), started_us + i)});
      if (open_every == 0 || i % open_every != 0) batch.emplace_back(records::end_of(serial_));
    }
    const records::JournalHead head{.run = ledger_->run(), .thread = 1, .sequence = 1};
    ASSERT_TRUE(ledger_->post("j", head, batch, ++position_));
  }
  void end(std::uint64_t serial) {
    const std::vector<records::Record> batch{records::end_of(serial)};
    const records::JournalHead head{.run = ledger_->run(), .thread = 1, .sequence = 1};
    ASSERT_TRUE(ledger_->post("j", head, batch, ++position_));
  }
  void seal_all() {
    while (true) {
      const auto more = ledger_->seal();
      ASSERT_TRUE(more) << more.error().detail;
      if (!*more) break;
    }
  }
  void change(const std::string& sql) {
    ledger_.reset();  // nobody else writes
    auto database = store::Database::open(records::database_path(base_), store::Access::write);
    ASSERT_TRUE(database->execute(sql));
  }
  std::int64_t ask(const std::string& sql) {
    auto database = store::Database::open(records::database_path(base_), store::Access::read);
    return database->integer(sql).value_or(-1);
  }
  UsageReport report() {
    auto found = verify_usage(folder_, base_);
    EXPECT_TRUE(found) << found.error().detail;
    return found.value_or(UsageReport());
  }
  Names problems() {
    Names out;
    for (const Problem& one : report().problems)
      out.push_back(std::string(to_string(one.finding)) + ": " + one.what);
    return out;
  }
  int sealed_entries() const {
    int count = 0;
    for (const std::string& line : lines())
      count += read_entry(line)->event.action == usage_sealed ? 1 : 0;
    return count;
  }

  std::unique_ptr<Log> log_;
  std::optional<UsageSealer> sealer_;
  std::optional<RefusingSealer> refusing_;
  std::optional<records::Ledger> ledger_;
  std::int64_t run_ = 0;
  std::uint64_t serial_ = 0, position_ = 0;
};

TEST_F(Usage, IsSealedInSegmentsThatAnybodyCanCount) {
  post(2'500);
  seal_all();
  EXPECT_EQ(ledger_->unsealed(), 0);
  const UsageReport found = report();
  EXPECT_EQ(problems(), Names());
  EXPECT_EQ(found.segments, 3U);
  EXPECT_EQ(found.attempts, 2'500U);
  EXPECT_EQ(found.remarks, Names());
  const auto last = read_entry(lines().back());
  EXPECT_EQ(last->event.after.at("first_id"), 2001);
  EXPECT_EQ(last->event.after.at("last_id"), 2500);
  EXPECT_EQ(last->event.after.at("attempts"), 500);
  EXPECT_EQ(last->event.after.at("tokens_out"), 500 * 7);
  EXPECT_EQ(last->event.after.at("unknown_cost"), 500);
  EXPECT_FALSE(*ledger_->seal()) << "nothing is new";
  EXPECT_EQ(sealed_entries(), 3);
}

TEST_F(Usage, WhatIsUnderWayWaitsWithWhatIsBehindIt) {
  post(10, 4);  // the 4th and 8th are open
  seal_all();
  EXPECT_EQ(ask("SELECT max(last_id) FROM segments"), 3);
  EXPECT_EQ(report().remarks, Names{"7 attempts are not sealed yet"});
  end(4);
  seal_all();
  EXPECT_EQ(ask("SELECT max(last_id) FROM segments"), 7);
  ASSERT_TRUE(ledger_->settle_lost(8)) << "its end was lost";
  seal_all();
  EXPECT_EQ(ledger_->unsealed(), 0);
  EXPECT_EQ(problems(), Names());
  EXPECT_EQ(ask("SELECT count(*) FROM attempts WHERE unsettled_reason='end_lost'"), 1);
}

TEST_F(Usage, EachChangeIsNamed) {
  struct Case {
    const char* rule;
    const char* sql;
    Names want;
  };
  const Case cases[] = {
      {"a cost",
       "UPDATE attempts SET cost_nano_usd=5 WHERE id=3",
       {"records_changed: attempt 3 (segment 1) was changed"}},
      {"who asked",
       "UPDATE attempts SET key_name='other' WHERE id=1500",
       {"records_changed: attempt 1500 (segment 2) was changed"}},
      {"when",
       "UPDATE attempts SET started_us=started_us+1 WHERE id=1",
       {"records_changed: attempt 1 (segment 1) was changed"}},
      {"one is removed",
       "DELETE FROM attempts WHERE id=7",
       {"records_removed: attempt 7 (segment 1) was removed"}},
      {"the last is removed",
       "DELETE FROM attempts WHERE id=1500",
       {"records_removed: attempt 1500 (segment 2) was removed"}},
      {"two change places",
       "UPDATE attempts SET id=-1 WHERE id=1; UPDATE attempts SET id=1 WHERE id=2; "
       "UPDATE attempts SET id=2 WHERE id=-1",
       {"records_changed: attempt 1 (segment 1) was changed",
        "records_changed: attempt 2 (segment 1) was changed"}},
      {"the kept leaves are made to fit nothing",
       "UPDATE segments SET leaves=x''; UPDATE attempts SET status=500 WHERE id=3",
       {"records_changed: among the attempts 1 to 1000 (segment 1) are some that are not what was "
        "sealed"}},
      {"the segments are forgotten too",
       "DELETE FROM segments; UPDATE attempts SET status=500 WHERE id=3",
       {"records_changed: among the attempts 1 to 1000 (segment 1) are some that are not what was "
        "sealed"}},
      {"it is said that they expired",
       "UPDATE segments SET expired=1; DELETE FROM attempts WHERE id=4",
       {"records_removed: attempt 4 (segment 1) was removed"}}};
  post(1'500);
  seal_all();
  change("SELECT 1");
  const std::string kept = base_ + "/kept";
  std::filesystem::copy_file(records::database_path(base_), kept);
  for (const Case& c : cases) {
    std::filesystem::remove(records::database_path(base_) + "-wal");
    std::filesystem::remove(records::database_path(base_) + "-shm");
    std::filesystem::copy_file(kept, records::database_path(base_),
                               std::filesystem::copy_options::overwrite_existing);
    change(c.sql);
    EXPECT_EQ(problems(), c.want) << c.rule;
  }
}

TEST_F(Usage, OneThatIsAddedWhereIdsWereFreeIsNamed) {
  const std::string copy_as =
      "CREATE TEMP TABLE one AS SELECT * FROM attempts WHERE id=15; UPDATE one SET id={}; "
      "INSERT INTO attempts SELECT * FROM one";
  post(10);
  seal_all();
  post(10);
  change("DELETE FROM attempts WHERE id=12");  // as earlier versions did, before it is sealed
  start();
  seal_all();
  EXPECT_EQ(problems(), Names());
  change(fmt::format(fmt::runtime(copy_as), -3));
  EXPECT_EQ(problems(), Names{"records_added: attempt -3 was added afterwards"});
  change("DELETE FROM attempts WHERE id=-3");
  change(fmt::format(fmt::runtime(copy_as), 12));
  EXPECT_EQ(problems(), Names{"records_added: attempt 12 was added afterwards"});
}

TEST_F(Usage, ACrashBetweenTheLogAndTheRecordsSealsOnce) {
  post(20);
  seal_all();
  change("UPDATE segments SET sealed=0");  // the process died before it could note it
  start();
  seal_all();
  EXPECT_EQ(sealed_entries(), 1);
  change("UPDATE segments SET sealed=0");
  start();
  post(5);
  seal_all();
  EXPECT_EQ(sealed_entries(), 1) << "what was left of before comes first";
  seal_all();
  EXPECT_EQ(sealed_entries(), 2);
  EXPECT_EQ(report().attempts, 25U);
  EXPECT_EQ(problems(), Names());
}

TEST_F(Usage, ALogThatTakesNothingSealsLaterAndDeletesNothing) {
  post(1'500);
  refusing_->refuses = true;
  seal_all();
  EXPECT_EQ(ledger_->log_error(), "no space");
  EXPECT_EQ(sealed_entries(), 0);
  records::Settings none;
  none.keep = std::chrono::hours(1);
  const std::int64_t later = 8 * 3'600'000'000;
  EXPECT_FALSE(*ledger_->retain(none, later));
  EXPECT_EQ(ask("SELECT count(*) FROM attempts"), 1'500);
  refusing_->refuses = false;
  seal_all();
  EXPECT_EQ(ledger_->log_error(), "");
  EXPECT_EQ(sealed_entries(), 2);
  refusing_->refuses = true;
  EXPECT_FALSE(*ledger_->retain(none, later));
  EXPECT_EQ(ask("SELECT count(*) FROM attempts"), 1'500) << "what cannot be told is not deleted";
  EXPECT_EQ(problems(), Names());
}

TEST_F(Usage, WhatRetentionDeletesIsExpiredNotRemoved) {
  post(1'200);
  seal_all();
  post(800, 0, 100 * std::int64_t{3'600'000'000});
  seal_all();
  records::Settings some;
  some.keep = std::chrono::hours(50);
  while (*ledger_->retain(some, 110 * std::int64_t{3'600'000'000})) {
  }
  EXPECT_EQ(ask("SELECT count(*) FROM attempts"), 800);
  EXPECT_EQ(problems(), Names());
  UsageReport found = report();
  EXPECT_EQ(found.expired_segments, 2U);
  EXPECT_EQ(found.attempts, 800U);
  ASSERT_EQ(found.remarks.size(), 1U);
  EXPECT_NE(found.remarks[0].find("expired by retention"), std::string::npos);
  // All of it goes, and ids go on: one that was sealed is never another's.
  while (*ledger_->retain(some, 400 * std::int64_t{3'600'000'000})) {
  }
  EXPECT_EQ(ask("SELECT count(*) FROM attempts"), 0);
  start();
  post(3);
  seal_all();
  EXPECT_EQ(ask("SELECT min(id) FROM attempts"), 2'001);
  EXPECT_EQ(problems(), Names());
  EXPECT_EQ(report().attempts, 3U);
}

// Not a test: prints the processor's time that sealing adds to storing, for the decision's numbers.
TEST_F(Usage, DISABLED_Costs) {
  const auto spent_us = [](auto&& work) {
    timespec before{}, after{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
    work();
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
    return static_cast<double>(after.tv_sec - before.tv_sec) * 1e6 +
           static_cast<double>(after.tv_nsec - before.tv_nsec) / 1e3;
  };
  double storing = 0, sealing = 0;
  constexpr int rounds = 200, attempts = 1'000;
  for (int i = 0; i < rounds; ++i) {
    storing += spent_us([&] { post(attempts); });
    sealing += spent_us([&] { seal_all(); });
  }
  fmt::print("storing {:.2f} us, sealing {:.2f} us an attempt: {:.2f} times\n",
             storing / rounds / attempts, sealing / rounds / attempts, 1 + sealing / storing);
}

TEST_F(Usage, ALogThatWasBegunAnewSaysSo) {
  post(10);
  seal_all();
  ledger_.reset();
  std::filesystem::rename(folder_, base_ + "/evidence");
  log_ = *open();
  sealer_.emplace(*log_, folder_);
  start();
  post(5);
  seal_all();
  EXPECT_EQ(problems(), Names());
  ASSERT_EQ(report().remarks.size(), 1U);
  EXPECT_NE(report().remarks[0].find("begins with segment 2"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::audit

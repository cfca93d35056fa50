#include "records/drain.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "base/random.h"
#include "records/test_support.h"

namespace holdfast::records {
namespace {
using namespace std::chrono_literals;

class DrainTest : public testing::Test {
 protected:
  std::unique_ptr<Drain> open() {
    auto drain = Drain::open(state_.path(), settings_, clock_, disk_);
    EXPECT_TRUE(drain) << drain.error().detail;
    return *std::move(drain);
  }
  // A journal file with `attempts` started and all but the last one ended, as a dead process left
  // it; `ends` receives the offset behind each record.
  std::string journal_of(std::uint64_t run, int attempts,
                         std::vector<std::size_t>* ends = nullptr) {
    std::string bytes(head_bytes, '\0');
    write_head(bytes.data(), {run, 0, 1});
    const auto append = [&](auto write) {
      std::string frame(frame_max_bytes, '\0');
      frame.resize(write(frame.data()));
      bytes += frame;
      if (ends != nullptr) ends->push_back(bytes.size());
    };
    for (int i = 1; i <= attempts; ++i) {
      const auto serial = static_cast<std::uint64_t>(i);
      append(
          [&](char* into) { return write_start(into, serial, start_of(fmt::format("r{}", i))); });
      if (i < attempts) append([&](char* into) { return write_end(into, end_of(serial)); });
    }
    return bytes;
  }
  std::string dead_journal() const {
    return journal_path(state_.path()) + "/0000000000000005-00000-0000000001.journal";
  }
  void expect_totals(const Totals& totals, std::uint64_t attempts, std::uint64_t settled,
                     std::uint64_t unsettled) {
    EXPECT_EQ(totals.attempts, attempts);
    EXPECT_EQ(totals.settled, settled);
    EXPECT_EQ(totals.unsettled, unsettled);
    EXPECT_EQ(totals.open, attempts - settled - unsettled);
    EXPECT_EQ(state_.ask("SELECT count(*) FROM attempts"), static_cast<std::int64_t>(attempts));
    EXPECT_EQ(state_.ask("SELECT count(*) FROM attempts WHERE state=1"),
              static_cast<std::int64_t>(settled));
    EXPECT_EQ(state_.ask("SELECT count(*) FROM attempts WHERE state=2"),
              static_cast<std::int64_t>(unsettled));
  }

  StateFolder state_;
  FullDisk disk_;
  ManualClock clock_;
  Settings settings_ = keep_all();
};

TEST_F(DrainTest, AnAttemptIsOpenThenSettled) {
  auto drain = open();
  auto journal = drain->open_journal();
  const std::uint64_t first = journal->start(start_of("a"));
  const std::uint64_t second = journal->start(start_of("b"));
  ASSERT_TRUE(journal->flush());
  ASSERT_TRUE(drain->wait_until_drained());
  expect_totals(drain->totals(), 2, 0, 0);
  journal->end(end_of(first));
  ASSERT_TRUE(journal->flush());
  ASSERT_TRUE(drain->wait_until_drained());
  expect_totals(drain->totals(), 2, 1, 0);
  journal->end(end_of(second));
  const std::uint64_t third = journal->start(start_of("c"));
  journal->end(end_of(third));
  journal.reset();
  ASSERT_TRUE(drain->stop());
  expect_totals(drain->totals(), 3, 3, 0);
  EXPECT_EQ(drain->totals().lag_records, 0U);
  EXPECT_TRUE(state_.journals().empty()) << "what is drained and finished is deleted";
}

TEST_F(DrainTest, WakesByItself) {
  auto drain = open();
  auto journal = drain->open_journal();
  ASSERT_TRUE(drain->wait_until_drained());
  journal->end(end_of(journal->start(start_of("a"))));
  ASSERT_TRUE(journal->flush());
  while (drain->totals().settled == 0) std::this_thread::yield();
}

TEST_F(DrainTest, SameRequestIdsAreKeptApart) {
  auto drain = open();
  auto journal = drain->open_journal();
  const std::uint64_t first = journal->start(start_of("same"));
  const std::uint64_t second = journal->start(start_of("same"));
  ASSERT_TRUE(journal->flush());
  ASSERT_TRUE(drain->wait_until_drained());
  AttemptEnd end = end_of(second);
  end.tokens_out = 1000;
  journal->end(end);
  journal->end(end_of(first));
  journal.reset();
  ASSERT_TRUE(drain->stop());
  EXPECT_EQ(state_.ask("SELECT tokens_out FROM attempts WHERE serial=2"), 1000);
  EXPECT_EQ(state_.ask("SELECT tokens_out FROM attempts WHERE serial=1"), 7);
}

TEST_F(DrainTest, ThreadsHaveSerialsOfTheirOwn) {
  auto drain = open();
  auto one = drain->open_journal(), two = drain->open_journal();
  const std::uint64_t first = one->start(start_of("one"));
  const std::uint64_t second = two->start(start_of("two"));
  EXPECT_EQ(first, second);
  ASSERT_TRUE(one->flush());
  ASSERT_TRUE(two->flush());
  ASSERT_TRUE(drain->wait_until_drained());
  two->end(end_of(second));
  ASSERT_TRUE(two->flush());
  ASSERT_TRUE(drain->wait_until_drained());
  EXPECT_EQ(state_.ask("SELECT state FROM attempts WHERE request_id='two'"), 1);
  EXPECT_EQ(state_.ask("SELECT state FROM attempts WHERE request_id='one'"), 0);
}

TEST_F(DrainTest, WhatADeadProcessDidNotEndIsUnsettled) {
  {
    auto drain = open();
    auto journal = drain->open_journal();
    journal->end(end_of(journal->start(start_of("ended"))));
    ASSERT_NE(journal->start(start_of("open, in the store")), 0U);
    ASSERT_TRUE(journal->flush());
    ASSERT_TRUE(drain->wait_until_drained());
    ASSERT_NE(journal->start(start_of("open, in the journal")), 0U);
    ASSERT_TRUE(drain->stop());
  }
  auto drain = open();
  ASSERT_TRUE(drain->wait_until_drained());
  expect_totals(drain->totals(), 3, 1, 2);
  EXPECT_EQ(state_.ask("SELECT count(*) FROM attempts WHERE unsettled_reason='process_ended'"), 2);
  ASSERT_TRUE(drain->stop());
  drain = open();
  ASSERT_TRUE(drain->wait_until_drained());
  expect_totals(drain->totals(), 3, 1, 2);
}

TEST_F(DrainTest, AJournalCutAtAnyByteGivesItsWholeRecordsOnce) {
  std::vector<std::size_t> ends;
  const std::string bytes = journal_of(5, 3, &ends);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    std::filesystem::remove_all(state_.path());
    write_file(dead_journal(), bytes.substr(0, cut));
    for (int start = 0; start < 2; ++start) {  // the second finds nothing more to do
      auto drain = open();
      ASSERT_TRUE(drain->stop());
      const Totals totals = drain->totals();
      const auto whole = static_cast<std::uint64_t>(
          std::ranges::count_if(ends, [&](auto end) { return end <= cut; }));
      ASSERT_EQ(totals.attempts, (whole + 1) / 2) << cut;
      ASSERT_EQ(totals.settled, whole / 2) << cut;
      ASSERT_EQ(totals.open, 0U) << cut;
      ASSERT_EQ(totals.damaged, 0U) << cut;
      ASSERT_TRUE(state_.journals("").empty()) << cut;
    }
  }
}

TEST_F(DrainTest, ACrashAfterAnyRecordWasStoredRepeatsNone) {
  std::vector<std::size_t> ends;
  const std::string bytes = journal_of(5, 4, &ends);
  const std::string name = std::filesystem::path(dead_journal()).filename();
  for (std::size_t stored = 1; stored <= ends.size(); ++stored) {
    std::filesystem::remove_all(state_.path());
    write_file(dead_journal(), bytes);
    {
      auto ledger = Ledger::open(database_path(state_.path()), 5, nullptr);
      ASSERT_TRUE(ledger);
      FrameReader reader(std::string_view(bytes).substr(head_bytes));
      std::vector<Record> records;
      records.reserve(stored);
      for (std::size_t i = 0; i < stored; ++i) records.push_back(*reader.next());
      ASSERT_TRUE(ledger->post(name, {5, 0, 1}, records, ends[stored - 1]));
    }
    auto drain = open();
    ASSERT_TRUE(drain->stop());
    expect_totals(drain->totals(), 4, 3, 1);
  }
}

TEST_F(DrainTest, AStoredJournalThatCameBackAfterAPowerLossIsNotStoredAgain) {
  const std::string bytes = journal_of(5, 2);
  const std::string name = std::filesystem::path(dead_journal()).filename();
  {
    auto drain = open();
    ASSERT_TRUE(drain->stop());
    auto database = store::Database::open(database_path(state_.path()), store::Access::write);
    ASSERT_TRUE(database->execute(
        fmt::format("INSERT INTO journals VALUES('{}', {})", name, bytes.size())));
  }
  write_file(dead_journal(), bytes);
  auto drain = open();
  ASSERT_TRUE(drain->stop());
  EXPECT_EQ(drain->totals().attempts, 0U);
  EXPECT_EQ(state_.ask("SELECT count(*) FROM journals"), 0);
}

TEST_F(DrainTest, ADamagedJournalIsReadUpToTheDamageAndKept) {
  std::vector<std::size_t> ends;
  std::string bytes = journal_of(5, 3, &ends);
  bytes[ends[1] + 20] ^= 1;
  write_file(dead_journal(), bytes);
  auto drain = open();
  ASSERT_TRUE(drain->stop());
  expect_totals(drain->totals(), 1, 1, 0);
  EXPECT_EQ(drain->totals().damaged, 1U);
  EXPECT_EQ(state_.journals(".damaged").size(), 1U);
  EXPECT_TRUE(state_.journals().empty());
}

TEST_F(DrainTest, AFileThatIsNoJournalIsKept) {
  write_file(dead_journal(), "something that somebody put here, longer than a head");
  auto drain = open();
  ASSERT_TRUE(drain->stop());
  EXPECT_EQ(drain->totals().damaged, 1U);
  EXPECT_EQ(state_.journals(".damaged").size(), 1U);
}

TEST_F(DrainTest, AnEndWithoutItsStartIsCounted) {
  auto drain = open();
  auto journal = drain->open_journal();
  journal->end(end_of(99));
  journal.reset();
  ASSERT_TRUE(drain->stop());
  EXPECT_EQ(drain->totals().unmatched, 1U);
  EXPECT_EQ(drain->totals().settled, 0U);
}

TEST_F(DrainTest, IdsFromOutsideBecomeText) {
  auto drain = open();
  auto journal = drain->open_journal();
  AttemptEnd end = end_of(journal->start(start_of("a\xff\n")));
  end.upstream_request_id = std::string_view("b\0c", 3);
  journal->end(end);
  journal.reset();
  ASSERT_TRUE(drain->stop());
  EXPECT_EQ(state_.ask("SELECT count(*) FROM attempts WHERE request_id='a?'||'?' AND "
                       "upstream_request_id='b?c'"),
            1);
}

TEST_F(DrainTest, AFullDiskLosesNothingThatTheBufferHolds) {
  auto drain = open();
  auto journal = drain->open_journal();
  disk_.room = 100;  // the head, and a part of the first record
  for (int i = 0; i < 100; ++i) journal->end(end_of(journal->start(start_of("a"))));
  EXPECT_FALSE(journal->flush());
  EXPECT_TRUE(drain->totals().lossy);
  disk_.room = 1U << 20U;
  clock_.advance(1s);
  ASSERT_TRUE(journal->flush());
  ASSERT_TRUE(drain->wait_until_drained());
  expect_totals(drain->totals(), 100, 100, 0);
  EXPECT_FALSE(drain->totals().lossy);
  EXPECT_EQ(drain->totals().lost, 0U);
}

TEST_F(DrainTest, AStoreThatTakesNothingKeepsTheJournalsAndIsTriedAgain) {
  auto drain = open();
  auto journal = drain->open_journal();
  ASSERT_TRUE(drain->wait_until_drained());
  auto other = store::Database::open(database_path(state_.path()), store::Access::write);
  ASSERT_TRUE(other->execute("ALTER TABLE attempts RENAME TO away"));
  journal->end(end_of(journal->start(start_of("a"))));
  ASSERT_TRUE(journal->flush());
  EXPECT_FALSE(drain->wait_until_drained());
  EXPECT_NE(drain->totals().store_error, "");
  EXPECT_EQ(drain->totals().lag_records, 2U);
  ASSERT_TRUE(other->execute("ALTER TABLE away RENAME TO attempts"));
  ASSERT_TRUE(drain->wait_until_drained());
  EXPECT_EQ(drain->totals().store_error, "");
  expect_totals(drain->totals(), 1, 1, 0);
}

TEST_F(DrainTest, RefusesADatabaseOfANewerVersion) {
  open();
  {
    auto database = store::Database::open(database_path(state_.path()), store::Access::write);
    ASSERT_TRUE(database->execute("UPDATE migrations SET version=999 WHERE room='records'"));
  }
  const auto drain = Drain::open(state_.path(), settings_, clock_);
  ASSERT_FALSE(drain);
  EXPECT_EQ(drain.error().code, ErrorCode::configuration);
}

TEST_F(DrainTest, DeletesWhatIsTooOld) {
  settings_.keep = std::chrono::hours(24);
  auto drain = open();
  auto journal = drain->open_journal();
  const std::int64_t now = clock_.wall_us();
  constexpr std::int64_t hour_us = 3'600'000'000;
  for (int hours = 48; hours-- > 0;)
    for (int i = 0; i < 100; ++i)
      journal->end(end_of(journal->start(start_of("a", now - hours * hour_us - 1))));
  ASSERT_NE(journal->start(start_of("still open", now)), 0U);
  ASSERT_TRUE(journal->flush());
  ASSERT_TRUE(drain->wait_until_drained());
  clock_.advance(60s);
  ASSERT_TRUE(drain->wait_until_drained());
  EXPECT_EQ(state_.ask("SELECT count(*) FROM attempts WHERE state=1"), 2800)
      << "of 2400 that are too old, the 2000 that are segments of nothing else";
  EXPECT_EQ(state_.ask("SELECT count(*) FROM attempts WHERE state=0"), 1);
  EXPECT_EQ(drain->totals().attempts, 4801U) << "totals are over the life of the database";
  EXPECT_EQ(drain->totals().settled, 4800U);
}

TEST_F(DrainTest, KeepsTheDatabaseBelowItsSize) {
  settings_.max_bytes = 1U << 20U;
  auto drain = open();
  auto journal = drain->open_journal();
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 5000; ++i)
      journal->end(end_of(journal->start(start_of("a", clock_.wall_us() + i))));
    ASSERT_TRUE(journal->flush());
    clock_.advance(10s);
    ASSERT_TRUE(drain->wait_until_drained());
    EXPECT_LE(state_.ask("SELECT page_count*page_size FROM pragma_page_count, pragma_page_size"),
              std::int64_t{2} << 20U);
  }
  const std::int64_t kept = state_.ask("SELECT count(*) FROM attempts");
  EXPECT_GT(kept, 500);
  EXPECT_LT(kept, 10'000);
  EXPECT_EQ(state_.ask("SELECT max(started_us) FROM attempts"),
            clock_.wall_us() - 10'000'000 + 4999)
      << "the newest stay";
}

constexpr int story_descriptor = 3;

// A process that records as fast as it can, and tells its parent what was flushed.
TEST(JournalChild, DISABLED_Records) {
  const char* state = ::getenv("HOLDFAST_TEST_STATE");
  ASSERT_NE(state, nullptr);
  auto drain = Drain::open(state, keep_all(), system_clock());
  ASSERT_TRUE(drain);
  auto journal = (*drain)->open_journal();
  Random random(entropy_seed());
  std::vector<std::uint64_t> open;
  std::uint64_t told[2] = {0, 0};  // starts, ends
  while (true) {
    for (std::uint64_t i = random.below(20) + 1; i > 0; --i) {
      open.push_back(journal->start(start_of(fmt::format("{}", ::getpid()))));
      ++told[0];
    }
    while (!open.empty() && random.below(4) != 0) {
      journal->end(end_of(open.back()));
      open.pop_back();
      ++told[1];
    }
    ASSERT_TRUE(journal->flush());
    ASSERT_EQ(::write(story_descriptor, told, sizeof told), static_cast<ssize_t>(sizeof told));
  }
}

TEST_F(DrainTest, KilledAtRandomPointsKeepsAllThatWasFlushedOnce) {
  const std::string state = "HOLDFAST_TEST_STATE=" + state_.path();
  Random random(20240607);
  std::uint64_t started = 0, ended = 0;  // told by the children
  for (int round = 0; round < 30; ++round) {
    int out[2];
    ASSERT_EQ(::pipe2(out, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], story_descriptor);
    std::string arguments[] = {"records_test", "--gtest_filter=JournalChild.DISABLED_Records",
                               "--gtest_also_run_disabled_tests", "--gtest_brief=1"};
    char* argv[] = {arguments[0].data(), arguments[1].data(), arguments[2].data(),
                    arguments[3].data(), nullptr};
    std::string environment = state;
    char* envp[] = {environment.data(), nullptr};
    pid_t child = 0;
    ASSERT_EQ(::posix_spawn(&child, "/proc/self/exe", &actions, nullptr, argv, envp), 0);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(out[1]);
    // Killed after so many bytes of its story; the rest of it is what the pipe still holds.
    std::string story;
    const std::size_t enough = random.below(6'000) + 200;
    bool killed = false;
    char buffer[4096];
    while (true) {
      if (!killed && story.size() >= enough) killed = ::kill(child, SIGKILL) == 0;
      const ssize_t count = ::read(out[0], buffer, sizeof buffer);
      if (count <= 0) break;
      story.append(buffer, static_cast<std::size_t>(count));
    }
    ::close(out[0]);
    ::waitpid(child, nullptr, 0);
    ASSERT_TRUE(killed);
    std::uint64_t told[2] = {0, 0};
    std::memcpy(told, story.data() + (story.size() / sizeof told - 1) * sizeof told, sizeof told);
    started += told[0];
    ended += told[1];

    auto drain = open();
    ASSERT_TRUE(drain->stop());
    const Totals totals = drain->totals();
    // What was flushed but not yet told is one batch at most.
    EXPECT_GE(totals.attempts, started);
    EXPECT_GE(totals.settled, ended);
    EXPECT_LE(totals.attempts, started + 20);
    EXPECT_EQ(totals.attempts, totals.settled + totals.unsettled);
    EXPECT_EQ(totals.unmatched + totals.damaged, 0U);
    expect_totals(totals, totals.attempts, totals.settled, totals.unsettled);
    started = totals.attempts;
    ended = totals.settled;
  }
  EXPECT_EQ(state_.ask("SELECT count(*) FROM (SELECT DISTINCT run, thread, serial FROM attempts)"),
            static_cast<std::int64_t>(started));
}
}  // namespace
}  // namespace holdfast::records

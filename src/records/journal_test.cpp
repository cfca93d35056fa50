#include "records/journal.h"

#include <gtest/gtest.h>

#include "records/frame.h"
#include "records/test_support.h"

namespace holdfast::records {
namespace {
using namespace std::chrono_literals;

class JournalTest : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = JournalFolder::open(journal_path(state_.path()), 1, disk_);
    ASSERT_TRUE(opened) << opened.error().detail;
    folder_ = *opened;
    journal_ = std::make_unique<Journal>(folder_, std::uint16_t{0}, clock_);
  }
  // The serials that started, over all files, as a reader finds them.
  std::vector<std::uint64_t> starts_on_file() const {
    std::vector<std::uint64_t> serials;
    for (const std::string& path : state_.journals()) {
      const std::string bytes = read_file(path);
      if (!read_head(bytes)) continue;
      FrameReader reader(std::string_view(bytes).substr(head_bytes));
      while (const auto record = reader.next())
        if (const auto* start = std::get_if<StartRecord>(&*record))
          serials.push_back(start->serial);
    }
    return serials;
  }
  StateFolder state_;
  FullDisk disk_;
  ManualClock clock_;
  std::shared_ptr<JournalFolder> folder_;
  std::unique_ptr<Journal> journal_;
};

TEST_F(JournalTest, MakesNoFileBeforeTheFirstRecord) {
  EXPECT_TRUE(journal_->flush());
  EXPECT_TRUE(state_.journals().empty());
}

TEST_F(JournalTest, WhatIsFlushedIsOnFile) {
  EXPECT_EQ(journal_->start(start_of("a")), 1U);
  EXPECT_EQ(journal_->start(start_of("b")), 2U);
  EXPECT_TRUE(journal_->pending());
  EXPECT_TRUE(starts_on_file().empty());
  EXPECT_TRUE(journal_->flush());
  EXPECT_FALSE(journal_->pending());
  EXPECT_EQ(starts_on_file(), (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(journal_->flushes(), 1U);
}

TEST_F(JournalTest, BeginsANewFileWhenOneIsLargeEnough) {
  std::uint64_t last = 0;
  while (state_.journals().size() < 2) {
    for (int i = 0; i < 1000; ++i) last = journal_->start(start_of("rotate"));
    ASSERT_TRUE(journal_->flush());
  }
  EXPECT_GE(std::filesystem::file_size(state_.journals()[0]), journal_file_bytes);
  EXPECT_LT(std::filesystem::file_size(state_.journals()[0]), journal_file_bytes + (1U << 20U));
  EXPECT_EQ(starts_on_file().size(), last);
}

TEST_F(JournalTest, AShortWriteAtAnyByteLosesAndRepeatsNothing) {
  ASSERT_NE(journal_->start(start_of("first")), 0U);
  ASSERT_TRUE(journal_->flush());
  std::string batch(3 * frame_max_bytes, '\0');
  const std::size_t batch_bytes = write_start(batch.data(), 1, start_of("x")) * 3;
  for (std::size_t room = 0; room <= batch_bytes; ++room) {
    for (int i = 0; i < 3; ++i) ASSERT_NE(journal_->start(start_of("x")), 0U);
    disk_.room = room;
    EXPECT_EQ(journal_->flush().has_value(), room == batch_bytes);
    EXPECT_EQ(journal_->lossy(), room < batch_bytes);
    disk_.room = 1U << 30U;
    clock_.advance(1s);
    EXPECT_TRUE(journal_->flush());
    EXPECT_FALSE(journal_->lossy());
    EXPECT_FALSE(journal_->pending());
  }
  const auto on_file = starts_on_file();
  ASSERT_EQ(on_file.size(), 1 + 3 * (batch_bytes + 1));
  for (std::size_t i = 0; i < on_file.size(); ++i) ASSERT_EQ(on_file[i], i + 1);
  EXPECT_EQ(journal_->lost(), 0U);
}

TEST_F(JournalTest, TriesAgainEachSecondAndLeavesNoEmptyFiles) {
  disk_.room = 0;
  ASSERT_NE(journal_->start(start_of("a")), 0U);
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(journal_->flush());
  EXPECT_EQ(disk_.made, 1);
  for (int i = 0; i < 5; ++i) {
    clock_.advance(1s);
    EXPECT_FALSE(journal_->flush());
  }
  EXPECT_EQ(disk_.made, 6);
  EXPECT_TRUE(state_.journals().empty());
  EXPECT_EQ(folder_->lossy, 1U);
  disk_.room = 1U << 20U;
  clock_.advance(1s);
  EXPECT_TRUE(journal_->flush());
  EXPECT_EQ(folder_->lossy, 0U);
  EXPECT_EQ(starts_on_file().size(), 1U);
}

TEST_F(JournalTest, AFullBufferTakesNoStartsButEndsOfThoseItTook) {
  disk_.broken = true;
  std::vector<std::uint64_t> serials;
  while (const std::uint64_t serial = journal_->start(start_of("a"))) serials.push_back(serial);
  EXPECT_EQ(journal_->lost(), 1U);
  EXPECT_FALSE(journal_->flush());
  journal_->end(end_of(0));  // of the start that was lost
  EXPECT_EQ(journal_->lost(), 2U);
  journal_->end(end_of(serials.back()));
  EXPECT_EQ(journal_->lost(), 2U);
  for (int i = 0; i < 100'000; ++i) journal_->end(end_of(1));  // bounded in any case
  EXPECT_GT(journal_->lost(), 2U);
  EXPECT_EQ(folder_->lost, journal_->lost());
  disk_.broken = false;
  clock_.advance(1s);
  EXPECT_TRUE(journal_->flush());
  EXPECT_EQ(starts_on_file(), serials);
}

TEST_F(JournalTest, WhatCannotBeWrittenAtTheEndIsCountedAsLost) {
  disk_.broken = true;
  ASSERT_NE(journal_->start(start_of("a")), 0U);
  ASSERT_NE(journal_->start(start_of("b")), 0U);
  journal_.reset();
  EXPECT_EQ(folder_->lost, 2U);
}

TEST_F(JournalTest, StopsWritingWhenTheDrainIsTooFarBehind) {
  auto file = folder_->create(7, 1);
  ASSERT_TRUE(file);
  (*file)->written = journal_backlog_bytes;
  ASSERT_NE(journal_->start(start_of("a")), 0U);
  EXPECT_FALSE(journal_->flush());
  EXPECT_TRUE(journal_->lossy());
}
}  // namespace
}  // namespace holdfast::records

#include "records/batch.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "records/schema.h"
#include "records/test_support.h"

namespace holdfast::records {
namespace {

// Positive: the start of that serial; negative: its end.
std::vector<Record> records_of(std::initializer_list<int> serials) {
  std::vector<Record> records;
  for (const int serial : serials) {
    if (serial > 0)
      records.emplace_back(StartRecord{static_cast<std::uint64_t>(serial), start_of("a")});
    else
      records.emplace_back(end_of(static_cast<std::uint64_t>(-serial)));
  }
  return records;
}

TEST(Batch, PutsEndsToTheirStarts) {
  struct Case {
    const char* rule;
    std::initializer_list<int> records;
    std::vector<std::uint64_t> whole, open, alone;
  };
  const Case cases[] = {
      {"nothing", {}, {}, {}, {}},
      {"ends in another order", {4, 5, 6, -6, -4}, {4, 6}, {5}, {}},
      {"an end of an earlier batch", {-3, 4, -4, -2}, {4}, {}, {3, 2}},
      {"ends only", {-3, -4}, {}, {}, {3, 4}},
      {"a start that does not follow the one before", {4, 9, -9, -4}, {4}, {9}, {9}},
      {"a second end", {4, -4, -4}, {4}, {}, {4}},
      {"a serial twice", {4, 4, -4}, {4}, {4}, {}},
  };
  for (const Case& c : cases) {
    const auto records = records_of(c.records);
    Batch batch;
    batch.set({.run = 1, .thread = 2, .sequence = 3}, records, 41);
    std::vector<std::uint64_t> whole, open, alone;
    for (const Batch::Attempt& attempt : batch.attempts()) {
      if (attempt.end != nullptr) EXPECT_EQ(attempt.end->serial, attempt.start->serial) << c.rule;
      (attempt.end != nullptr ? whole : open).push_back(attempt.start->serial);
    }
    for (const AttemptEnd* end : batch.ends_alone()) alone.push_back(end->serial);
    EXPECT_EQ(whole, c.whole) << c.rule;
    EXPECT_EQ(open, c.open) << c.rule;
    EXPECT_EQ(alone, c.alone) << c.rule;
  }
}

TEST(Batch, ARowHasAValueForEachColumn) {
  const auto columns = [](std::string_view names) {
    return static_cast<std::size_t>(std::ranges::count(names, ',')) + 1;
  };
  EXPECT_EQ(columns(start_columns), start_values);
  EXPECT_EQ(columns(end_columns), end_values);

  auto records = records_of({7, 8, -7});
  std::get<StartRecord>(records[0]).start.request_id = "a\nb";
  Batch batch;
  batch.set({.run = 1, .thread = 2, .sequence = 3}, records, 41);
  std::array<store::Value, row_values> row;
  for (int time = 0; time < 2; ++time, batch.begin()) {
    ASSERT_TRUE(batch.next(row));
    EXPECT_EQ(row[0], store::Value(std::int64_t{1}));
    EXPECT_EQ(row[2], store::Value(std::int64_t{7}));
    EXPECT_EQ(row[3], store::Value(static_cast<std::int64_t>(State::settled)));
    EXPECT_EQ(row[5], store::Value(std::string_view("a?b")));
    EXPECT_EQ(row[start_values + 6], store::Value(std::int64_t{7})) << "tokens_out";
    EXPECT_EQ(row[start_values + 7], store::Value()) << "tokens_cached is not known";
    EXPECT_EQ(row[row_values - 1], store::Value(std::int64_t{41})) << "the id";
    ASSERT_TRUE(batch.next(row));
    EXPECT_EQ(row[row_values - 1], store::Value(std::int64_t{42})) << "the id";
    EXPECT_EQ(row[3], store::Value(static_cast<std::int64_t>(State::open)));
    EXPECT_EQ(row[start_values], store::Value()) << "nothing of the end before";
    EXPECT_FALSE(batch.next(row));
  }
}

}  // namespace
}  // namespace holdfast::records

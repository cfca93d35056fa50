#include "records/sealed_row.h"

#include <gtest/gtest.h>

#include "records/schema.h"
#include "records/test_support.h"

namespace holdfast::records {
namespace {

class SealedRow : public testing::Test {
 protected:
  SealedRow() {
    database_.emplace(*store::Database::open(database_path(state_.path()), store::Access::write));
    EXPECT_TRUE(database_->migrate("records", schema));
    EXPECT_TRUE(database_->execute(
        "INSERT INTO attempts(run, thread, serial, state, started_us, request_id, attempt, "
        "logical_model, provider, model, endpoint, key_name, features) "
        "VALUES(1, 2, 3, 0, -5, 'r', 1, 'chat', 'one', 'm\"1\\' || char(10, 1, 233), 0, '', 0)"));
  }
  std::string text() {
    auto rows = database_->prepare(fmt::format("SELECT {} FROM attempts", sealed_columns));
    EXPECT_TRUE(rows && *rows->step());
    std::string out = "what was there before";
    write_sealed_row(*rows, out);
    return out;
  }
  StateFolder state_;
  std::optional<store::Database> database_;
};

TEST_F(SealedRow, IsTheDocumentedText) {
  EXPECT_EQ(text(),
            R"({"attempt":1,"endpoint":0,"features":0,"id":1,"logical_model":"chat",)"
            R"("model":"m\"1\\\n\u0001)"
            "\xc3\xa9"
            R"(","provider":"one","request_id":"r","reserved_nano_usd":0,"run":1,"serial":3,)"
            R"("started_us":-5,"state":0,"thread":2})");
}

TEST_F(SealedRow, EachColumnOfAnAttemptIsInIt) {
  auto columns = database_->prepare("SELECT name, type FROM pragma_table_info('attempts')");
  std::vector<std::pair<std::string, bool>> all;
  while (*columns->step()) all.emplace_back(columns->text(0), columns->text(1) == "TEXT");
  EXPECT_EQ(all.size(), 35U) << "a new column needs its place in sealed_columns and in the page";
  for (const auto& [name, is_text] : all) {
    const std::string before = text();
    ASSERT_TRUE(database_->execute(
        fmt::format("UPDATE attempts SET {}={}", name, is_text ? "'changed'" : "77")));
    EXPECT_NE(text(), before) << name;
  }
}

}  // namespace
}  // namespace holdfast::records

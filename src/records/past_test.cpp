#include "records/past.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>

#include "records/query.h"
#include "records/test_support.h"

namespace holdfast::records {
namespace {
constexpr std::int64_t minute_us = 60'000'000;

// Two requests, the second answered by its second attempt, and embeddings.
class PastTest : public testing::Test {
 protected:
  void SetUp() override {
    drain_ = *Drain::open(state_.path(), keep_all(), clock_);
    journal_ = drain_->open_journal();
    record("a", 1, 1 * minute_us, FailureClass::none, 11, 7);
    record("b", 1, 2 * minute_us, FailureClass::server_error, {}, {});
    record("b", 2, 2 * minute_us + 1, FailureClass::none, 30, 40, "other");
    record("c", 1, 3 * minute_us, FailureClass::none, 5, {}, "one", Endpoint::embeddings);
    ASSERT_TRUE(journal_->flush());
    ASSERT_TRUE(drain_->wait_until_drained());
  }

  void record(const std::string& id, std::uint16_t attempt, std::int64_t at, FailureClass failure,
              std::optional<std::int64_t> in, std::optional<std::int64_t> out,
              std::string_view provider = "one", Endpoint endpoint = Endpoint::chat_completions) {
    AttemptStart start;
    start.request_id = id;
    start.attempt = attempt;
    start.started_us = at;
    start.logical_model = id == "a" ? "chat" : "other-chat";
    start.provider = provider;
    start.model = "m";
    start.key_name = id == "a" ? "app" : "";
    start.endpoint = endpoint;
    start.features = id == "a" ? bit(Feature::stream) | bit(Feature::tools) : 0;
    AttemptEnd end;
    end.serial = journal_->start(start);
    end.failure = failure;
    end.tokens_in = in;
    end.tokens_out = out;
    end.first_content_us = 2'000;
    end.total_us = 8'000;
    end.committed = failure == FailureClass::none;
    journal_->end(end);
  }

  std::string database() const { return database_path(state_.path()); }
  std::string write(const std::string& text) const {
    const std::string path = state_.path() + "/past.jsonl";
    write_file(path, text);
    return path;
  }
  // As /api/v1/requests would tell it, one attempt a page.
  std::string pages() const {
    auto archive = *Archive::open(state_.path());
    std::string out;
    Query query;
    query.limit = 1;
    do {
      const Page page = *archive.requests(query);
      out += boost::json::serialize(to_json(page)) + "\n";
      query.cursor = page.next_cursor;
    } while (!query.cursor.empty());
    return out;
  }

  StateFolder state_;
  ManualClock clock_;
  std::unique_ptr<Drain> drain_;
  std::unique_ptr<Journal> journal_;
};

void expect_both(const Result<PastTraffic>& past) {
  ASSERT_TRUE(past) << past.error().detail;
  ASSERT_EQ(past->requests.size(), 2U);
  const PastRequest& a = past->requests[0];
  const PastRequest& b = past->requests[1];
  EXPECT_EQ(a.at_us, minute_us);
  EXPECT_EQ(past->models[a.model], "chat");
  EXPECT_EQ(past->keys[a.key], "app");
  EXPECT_EQ(a.features, bit(Feature::stream) | bit(Feature::tools));
  EXPECT_EQ(std::pair(a.tokens_in, a.tokens_out), std::pair(std::int64_t{11}, std::int64_t{7}));
  EXPECT_EQ(past->models[b.model], "other-chat");
  EXPECT_EQ(past->keys[b.key], "");
  EXPECT_EQ(std::pair(b.tokens_in, b.tokens_out), std::pair(std::int64_t{30}, std::int64_t{40}))
      << "of the attempt that answered";
  EXPECT_EQ(past->left_out[static_cast<std::size_t>(Endpoint::embeddings)], 1U);
  ASSERT_EQ(past->paces.size(), 1U) << "only streams tell when their first content came";
  const PastPace& pace = past->paces.at("one");
  EXPECT_EQ(pace.streams, 1U);
  EXPECT_EQ(pace.first_content_us[50], 2'000);
  EXPECT_EQ(pace.between_tokens_us, 1'000) << "6 ms between 7 tokens";
}

TEST_F(PastTest, TheRequestsOfADatabaseAndOfItsPagesAreTheSame) {
  expect_both(read_past(database(), {}, {}));
  expect_both(read_past(write(pages()), {}, {}));
  std::string attempts;
  for (const auto& attempt : (*Archive::open(state_.path())).requests({})->attempts)
    attempts += boost::json::serialize(to_json(attempt)) + "\n\n";
  expect_both(read_past(write(attempts), {}, {}));
}

TEST_F(PastTest, OfCopiesOnlyHowFastTheirTargetWas) {
  record("a", shadow_attempt, minute_us + 1, FailureClass::none, 99, 98, "trial");
  record("d", 1, 4 * minute_us, FailureClass::server_error, {}, {});
  record("d", shadow_attempt, 4 * minute_us + 1, FailureClass::none, 99, 98, "trial");
  ASSERT_TRUE(journal_->flush());
  ASSERT_TRUE(drain_->wait_until_drained());
  for (const std::string& file : {database(), write(pages())}) {
    const auto read = read_past(file, {}, {});
    ASSERT_TRUE(read) << read.error().detail;
    ASSERT_EQ(read->requests.size(), 3U);
    EXPECT_EQ(read->requests[0].tokens_in, 11);
    EXPECT_EQ(read->requests[2].tokens_in, -1) << "nobody got that answer";
    ASSERT_TRUE(read->paces.contains("trial"));
    EXPECT_EQ(read->paces.at("trial").streams, 1U);
  }
}

TEST_F(PastTest, ATimeHoldsWhatBeganInIt) {
  for (const std::string& file : {database(), write(pages())}) {
    const auto second = read_past(file, minute_us + 1, 3 * minute_us);
    ASSERT_TRUE(second) << second.error().detail;
    ASSERT_EQ(second->requests.size(), 1U);
    EXPECT_EQ(second->models.at(0), "other-chat");
    const auto cut = read_past(file, 2 * minute_us + 1, {});
    ASSERT_FALSE(cut) << "a second attempt is no request";
    EXPECT_EQ(read_past(file, {}, 2 * minute_us)->requests.size(), 1U);
  }
}

TEST_F(PastTest, SaysWhatIsWrongAndWhatToDo) {
  struct Case {
    const char* rule;
    std::string file, want;
  };
  const std::string empty_database = state_.path() + "/other.db";
  auto other = store::Database::open(empty_database, store::Access::write);
  ASSERT_TRUE(other && other->execute("CREATE TABLE things(id INTEGER)"));
  const std::string good = pages();
  const std::string line = good.substr(0, good.find('\n'));
  std::string renamed = line;
  renamed.replace(renamed.find("embeddings"), 10, "telepathy!");
  write_file(state_.path() + "/1", "\n" + line + "\nhello\n");
  write_file(state_.path() + "/2", renamed + "\n");
  write_file(state_.path() + "/3", "");
  const Case cases[] = {
      {"no such file", state_.path() + "/none", "/none cannot be read or is empty: name"},
      {"an empty file", state_.path() + "/3", "/3 cannot be read or is empty: name"},
      {"no JSON, by its line", state_.path() + "/1", "/1:3: neither a page nor an attempt"},
      {"an attempt of no known endpoint", state_.path() + "/2", "/2:1: neither a page"},
      {"a database of others", empty_database, "has no records of attempts"},
  };
  for (const Case& c : cases) {
    const auto past = read_past(c.file, {}, {});
    ASSERT_FALSE(past) << c.rule;
    EXPECT_NE(past.error().detail.find(c.want), std::string::npos)
        << c.rule << ": " << past.error().detail;
  }
  const auto nothing = read_past(database(), 5 * minute_us, 6 * minute_us);
  ASSERT_FALSE(nothing);
  EXPECT_NE(nothing.error().detail.find("has no conversation from 1970-01-01T00:05:00Z until "
                                        "1970-01-01T00:06:00Z: choose another time"),
            std::string::npos)
      << nothing.error().detail;
}

}  // namespace
}  // namespace holdfast::records

#include "records/query.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <set>

#include "records/cursor.h"
#include "records/test_support.h"

namespace holdfast::records {
namespace {
class QueryTest : public testing::Test {
 protected:
  void SetUp() override {
    drain_ = *Drain::open(state_.path(), keep_all(), clock_);
    journal_ = drain_->open_journal();
    archive_ = std::make_unique<Archive>(*Archive::open(state_.path()));
  }
  void record(const AttemptStart& start, AttemptEnd end) {
    end.serial = journal_->start(start);
    journal_->end(end);
  }
  void store() {
    ASSERT_TRUE(journal_->flush());
    ASSERT_TRUE(drain_->wait_until_drained());
  }
  std::vector<std::string> ids(const Query& query) {
    const auto page = archive_->requests(query);
    EXPECT_TRUE(page) << page.error().detail;
    std::vector<std::string> found;
    for (const Attempt& attempt : page->attempts) found.push_back(attempt.request_id);
    return found;
  }
  StateFolder state_;
  ManualClock clock_;
  std::unique_ptr<Drain> drain_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<Archive> archive_;
};

TEST_F(QueryTest, EachFilterFindsItsOwn) {
  AttemptStart start = start_of("plain", 10);
  record(start, end_of(0));
  start.request_id = "other";
  start.started_us = 20;
  start.logical_model = "cheap";
  start.provider = "azure";
  start.model = "gpt-5";
  start.key_name = "team";
  AttemptEnd end = end_of(0);
  end.failure = FailureClass::rate_limited;
  end.status = 429;
  end.client_left = true;
  record(start, end);
  start.request_id = "open";
  start.started_us = 30;
  ASSERT_NE(journal_->start(start), 0U);
  store();

  struct Case {
    const char* rule;
    void (*set)(Query&);
    std::vector<std::string> want;
  };
  const Case cases[] = {
      {"none: all, newest first", [](Query&) {}, {"open", "other", "plain"}},
      {"since is part of it", [](Query& q) { q.since_us = 20; }, {"open", "other"}},
      {"until is not", [](Query& q) { q.until_us = 20; }, {"plain"}},
      {"logical model", [](Query& q) { q.logical_model = "chat"; }, {"plain"}},
      {"model", [](Query& q) { q.model = "gpt-5"; }, {"open", "other"}},
      {"provider", [](Query& q) { q.provider = "azure"; }, {"open", "other"}},
      {"key", [](Query& q) { q.key_name = "team"; }, {"open", "other"}},
      {"request id", [](Query& q) { q.request_id = "plain"; }, {"plain"}},
      {"failure", [](Query& q) { q.failure = FailureClass::rate_limited; }, {"other"}},
      {"failure none: success", [](Query& q) { q.failure = FailureClass::none; }, {"plain"}},
      {"status", [](Query& q) { q.status = 200; }, {"plain"}},
      {"client left", [](Query& q) { q.client_left = true; }, {"other"}},
      {"client stayed", [](Query& q) { q.client_left = false; }, {"open", "plain"}},
      {"unsettled", [](Query& q) { q.unsettled = true; }, {}},
      {"two at once", [](Query& q) { q.provider = "azure", q.status = 429; }, {"other"}},
      {"quotes are text", [](Query& q) { q.provider = "' OR '1'='1"; }, {}},
  };
  for (const Case& c : cases) {
    Query query;
    c.set(query);
    EXPECT_EQ(ids(query), c.want) << c.rule;
  }
}

TEST_F(QueryTest, PagesNeitherRepeatNorSkipWhileAttemptsCome) {
  std::set<std::string> before;
  for (int i = 0; i < 40; ++i) {
    const std::string id = fmt::format("old{}", i);
    before.insert(id);
    record(start_of(id, i / 4), end_of(0));  // four at a time share their start
  }
  store();
  Query query;
  query.limit = 7;
  std::set<std::string> seen;
  int pages = 0;
  while (true) {
    const auto page = archive_->requests(query);
    ASSERT_TRUE(page) << page.error().detail;
    for (const Attempt& attempt : page->attempts)
      EXPECT_TRUE(seen.insert(attempt.request_id).second) << attempt.request_id;
    ++pages;
    if (page->next_cursor.empty()) break;
    query.cursor = page->next_cursor;
    record(start_of(fmt::format("new{}", pages), 1000 + pages), end_of(0));
    store();
  }
  EXPECT_EQ(pages, 6);
  EXPECT_EQ(seen, before);
}

TEST_F(QueryTest, TheLastPageHasNoCursor) {
  for (int i = 0; i < 10; ++i) record(start_of("a", i), end_of(0));
  store();
  struct Case {
    int limit;
    bool more;
  };
  for (const Case& c : {Case{9, true}, Case{10, false}, Case{11, false}}) {
    Query query;
    query.limit = c.limit;
    EXPECT_EQ(!archive_->requests(query)->next_cursor.empty(), c.more) << c.limit;
  }
}

TEST_F(QueryTest, RefusesWhatIsOutOfRange) {
  const std::string good = encode({.started_us = 5, .id = 7});
  std::string other_alphabet = good, odd_bits = good;
  other_alphabet[3] = '+';
  odd_bits.back() = 'B';  // bits beyond the 16 bytes
  struct Case {
    const char* rule;
    int limit;
    std::string cursor;
    bool want;
  };
  const Case cases[] = {{"a good one", 50, good, true},
                        {"limit 0", 0, "", false},
                        {"limit below", -1, "", false},
                        {"limit above", 501, "", false},
                        {"limit at its end", 500, "", true},
                        {"too short", 50, good.substr(1), false},
                        {"too long", 50, good + "A", false},
                        {"not base64url", 50, other_alphabet, false},
                        {"odd bits", 50, odd_bits, false},
                        {"an id that cannot be", 50, encode({.started_us = 5, .id = -1}), false},
                        {"no base64 at all", 50, std::string(22, '\xff'), false},
                        {"SQL", 50, "1) OR 1=1 --          ", false}};
  for (const Case& c : cases) {
    Query query;
    query.limit = c.limit;
    query.cursor = c.cursor;
    const auto page = archive_->requests(query);
    EXPECT_EQ(page.has_value(), c.want) << c.rule;
    if (!page) EXPECT_EQ(page.error().code, ErrorCode::invalid_request) << c.rule;
  }
}

TEST_F(QueryTest, CursorsReadBack) {
  for (const std::int64_t started : {std::int64_t{0}, std::int64_t{-1}, INT64_MAX, INT64_MIN})
    for (const std::int64_t id : {std::int64_t{1}, INT64_MAX}) {
      const Cursor cursor{started, id};
      EXPECT_EQ(decode_cursor(encode(cursor)), cursor);
      EXPECT_EQ(encode(cursor).size(), 22U);
    }
}

TEST_F(QueryTest, TellsFailoversFromRetries) {
  const auto attempt = [&](std::string_view id, int number, std::string_view provider,
                           FailureClass failure, int status) {
    AttemptStart start = start_of(id, 100 + number);
    start.attempt = static_cast<std::uint16_t>(number);
    start.provider = provider;
    AttemptEnd end = end_of(0);
    end.failure = failure;
    end.status = static_cast<std::uint16_t>(status);
    record(start, end);
  };
  attempt("fine", 1, "openai", FailureClass::none, 200);
  attempt("moved", 1, "openai", FailureClass::overloaded, 529);
  attempt("moved", 2, "openai", FailureClass::revoked, 401);  // a retry
  attempt("moved", 3, "local", FailureClass::none, 200);
  attempt("won", 1, "openai", FailureClass::hedge_lost, 0);  // hedges: nobody has failed
  attempt("won", 2, "local", FailureClass::none, 200);
  attempt("lost", 1, "openai", FailureClass::none, 200);
  attempt("lost", 2, "local", FailureClass::hedge_lost, 0);
  store();
  const auto failovers = archive_->recent_failovers(10);
  ASSERT_TRUE(failovers) << failovers.error().detail;
  ASSERT_EQ(failovers->size(), 1U);
  const Failover& failover = failovers->front();
  EXPECT_EQ(failover.request_id, "moved");
  EXPECT_EQ(failover.from_provider, "openai");
  EXPECT_EQ(failover.failure, FailureClass::revoked);
  EXPECT_EQ(failover.status, 401);
  EXPECT_EQ(failover.to_provider, "local");
  EXPECT_EQ(boost::json::serialize(to_json(failover)),
            R"({"at_us":103,"request_id":"moved","logical_model":"chat","from":{"provider":)"
            R"("openai","model":"gpt-4o-mini"},"failure":"revoked","status":401,"to":{)"
            R"("provider":"local","model":"gpt-4o-mini"}})");
  EXPECT_FALSE(archive_->recent_failovers(0));
}

// A copy stands beside the attempts of its request, and is none of them.
TEST_F(QueryTest, TellsCopiesFromAttempts) {
  std::int64_t at_us = 100;
  const auto attempt = [&](std::uint16_t number, const char* provider, FailureClass failure) {
    AttemptStart start = start_of("moved", at_us++);
    start.attempt = number;
    start.provider = provider;
    AttemptEnd end = end_of(0);
    end.failure = failure;
    record(start, end);
  };
  attempt(1, "first", FailureClass::revoked);
  attempt(shadow_attempt, "trial", FailureClass::server_error);
  attempt(2, "second", FailureClass::none);
  store();
  Query query;
  query.shadow = true;
  const auto copies = archive_->requests(query);
  ASSERT_TRUE(copies) << copies.error().detail;
  ASSERT_EQ(copies->attempts.size(), 1U);
  EXPECT_TRUE(copies->attempts[0].shadow());
  EXPECT_EQ(copies->attempts[0].provider, "trial");
  query.shadow = false;
  const auto attempts = archive_->requests(query);
  ASSERT_TRUE(attempts) << attempts.error().detail;
  EXPECT_EQ(attempts->attempts.size(), 2U);
  const auto failovers = archive_->recent_failovers(10);
  ASSERT_TRUE(failovers) << failovers.error().detail;
  ASSERT_EQ(failovers->size(), 1U);
  EXPECT_EQ(failovers->front().from_provider, "first");
  EXPECT_EQ(failovers->front().to_provider, "second");
}

TEST_F(QueryTest, IsReadableAsJson) {
  AttemptStart start = start_of("a", 10);
  start.features |= 1U << 31U;  // of a version to come
  record(start, end_of(0));
  start.started_us = 9;
  ASSERT_NE(journal_->start(start), 0U);
  store();
  const auto page = archive_->requests({});
  ASSERT_TRUE(page);
  EXPECT_EQ(
      boost::json::serialize(to_json(*page)),
      R"({"data":[{"request_id":"a","attempt":1,"shadow":false,"state":"settled",)"
      R"("unsettled_reason":null,)"
      R"("started_us":10,"logical_model":"chat","provider":"openai","model":"gpt-4o-mini",)"
      R"("endpoint":"chat_completions","key_name":null,"team":null,)"
      R"("service":null,"reserved_nano_usd":0,"features":["stream","tools"],)"
      R"("ended_us":2000000,"failure":"none","status":200,"answer_status":200,"tokens_in":11,)"
      R"("tokens_out":7,"tokens_cached":null,"tokens_reasoning":null,"usage_from_provider":true,)"
      R"("first_content_us":120000,"total_us":1000000,"bytes_sent":300,"bytes_received":900,)"
      R"("client_left":false,"committed":true,"continuation":true,"upstream_request_id":"up-1",)"
      R"("cost_nano_usd":null,"charged_nano_usd":0,"price_version":null},)"
      R"({"request_id":"a","attempt":1,"shadow":false,"state":"open",)"
      R"("unsettled_reason":null,"started_us":9,)"
      R"("logical_model":"chat","provider":"openai","model":"gpt-4o-mini",)"
      R"("endpoint":"chat_completions","key_name":null,"team":null,)"
      R"("service":null,"reserved_nano_usd":0,"features":["stream","tools"]}],)"
      R"("next_cursor":null})");
}

TEST_F(QueryTest, NeedsRecordsToRead) {
  const StateFolder empty;
  EXPECT_FALSE(Archive::open(empty.path()));
}
}  // namespace
}  // namespace holdfast::records

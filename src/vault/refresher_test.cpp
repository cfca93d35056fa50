// When credentials are fetched, and what happens meanwhile; on real sockets, with a clock that is
// pushed forward.
#include "vault/refresher.h"

#include <boost/asio/co_spawn.hpp>

#include "net/connector.h"
#include "vault/schedule.h"
#include "vault/settings.h"
#include "vault/test_support.h"

namespace holdfast::vault {
namespace {
using namespace std::chrono_literals;
using test::Received;
using test::Reply;
using test::TokenService;

TEST(Schedule, FiveMinutesAheadOrAtFourFifthsOfAShortLife) {
  struct Case {
    Duration life, latest, earliest;
  };
  const Case cases[] = {{24h, 24h - 5min, 24h - 5min - 30s},
                        {60min, 55min, 54min + 30s},
                        {25min, 20min, 19min + 30s},
                        {10min, 8min, 8min - 12s},
                        {10s, 8s, 7'800ms},
                        {0s, 1s, 1s},
                        {-5min, 1s, 1s}};
  Random random(7);
  for (const Case& c : cases)
    for (int i = 0; i < 100; ++i) {
      const Duration wait = refresh_after(c.life, random);
      EXPECT_LE(wait, c.latest);
      EXPECT_GE(wait, c.earliest);
    }
}

TEST(Schedule, BacksOffUpToAMinuteAndAsLongAsIsAsked) {
  Random random(7);
  const Duration full[] = {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s};
  for (int failures = 1; failures <= 8; ++failures) {
    const Duration wait = retry_after(failures, {}, random);
    EXPECT_LE(wait, full[failures - 1]);
    EXPECT_GE(wait, full[failures - 1] / 4 * 3);
  }
  EXPECT_EQ(retry_after(1, 90s, random), 90s);
  EXPECT_EQ(retry_after(1, 24h, random), 5min);
  EXPECT_LE(retry_after(1'000'000, {}, random), 60s);
}

// A wall clock that goes with the monotonic one.
class TestClock final : public Clock {
 public:
  MonoTime now() const override { return system_clock().now() + skipped_; }
  std::int64_t wall_us() const override {
    return system_clock().wall_us() + wall_ahead_us +
           std::chrono::duration_cast<std::chrono::microseconds>(skipped_).count();
  }
  void skip(Duration by) { skipped_ += by; }
  std::int64_t wall_ahead_us = 0;

 private:
  Duration skipped_{};
};

class RefresherTest : public testing::Test {
 protected:
  void begin(TokenService& service) {
    AuthSettings settings;
    settings.source = Source::google_metadata;
    settings.endpoint = service.url();
    begin(make_source(settings));
  }
  void begin(std::unique_ptr<const CredentialSource> source) {
    refresher_ = std::make_shared<Refresher>(
        Refresher::Loop{loop_, watchdog_, pool_, clock_}, "p", std::move(source),
        [this](const std::shared_ptr<const Credential>& credential) {
          told_.push_back(credential);
        },
        Random(7));
    boost::asio::co_spawn(loop_, refresher_->run(),
                          [this](const std::exception_ptr&) { ended_ = true; });
  }
  template <class Done>
  void until(Done done) {
    net::test::run_until(loop_, std::move(done));
  }
  void skip(Duration by) {
    clock_.skip(by);
    watchdog_.check();
  }
  void end() {
    refresher_->stop();
    until([&] { return ended_; });
  }
  void TearDown() override {
    if (!ended_) end();
  }

  boost::asio::io_context loop_;
  TestClock clock_;
  net::Watchdog watchdog_{loop_, clock_};
  std::unique_ptr<net::Connector> connector_ = net::make_connector(loop_, watchdog_, clock_);
  net::ConnectionPool pool_{*connector_, clock_};
  std::shared_ptr<Refresher> refresher_;
  std::vector<std::shared_ptr<const Credential>> told_;
  bool ended_ = false;
};

Reply token(const std::string& name, int life_s) {
  return {200, "{\"access_token\":\"" + name + "\",\"expires_in\":" + std::to_string(life_s) + "}",
          "Metadata-Flavor: Google\r\n"};
}

TEST_F(RefresherTest, FetchesAtOnceAndAheadOfTheEnd) {
  int number = 0;
  TokenService service(
      [&](const Received&) { return token("t" + std::to_string(++number), 3'600); });
  begin(service);
  until([&] { return told_.size() == 1; });
  EXPECT_EQ(told_[0]->token.reveal(), "t1");
  const std::int64_t left_us = told_[0]->expires_us - clock_.wall_us();
  EXPECT_NEAR(static_cast<double>(left_us), 3.6e9, 3e7);
  EXPECT_TRUE(refresher_->status().ready);
  skip(54min);
  loop_.poll();
  EXPECT_EQ(service.asked(), 1);
  skip(60s);
  until([&] { return told_.size() == 2; });
  EXPECT_EQ(told_[1]->token.reveal(), "t2");
  EXPECT_EQ(refresher_->status().fetches, 2U);
}

TEST_F(RefresherTest, WakingFromSleepTheWallClockDecides) {
  TokenService service([&](const Received&) { return token("t", 3'600); });
  begin(service);
  until([&] { return told_.size() == 1; });
  clock_.wall_ahead_us = 3'500'000'000;  // the machine slept: the other clock stood still
  skip(30s);
  until([&] { return told_.size() == 2; });
}

TEST_F(RefresherTest, AFailureKeepsTheOldOneAndIsTold) {
  std::atomic<bool> broken = false;
  TokenService service([&](const Received&) -> Reply {
    if (broken) return {503, R"({"error":"busy","error_description":"later"})"};
    return token("t", 3'600);
  });
  begin(service);
  until([&] { return told_.size() == 1; });
  broken = true;
  skip(56min);
  until([&] { return refresher_->status().failures == 1; });
  EXPECT_EQ(refresher_->status().last_error, "127.0.0.1 answered 503 busy: later");
  EXPECT_TRUE(refresher_->status().ready);
  EXPECT_EQ(told_.size(), 1U);
  skip(1s);
  until([&] { return refresher_->status().failures == 2; });
  skip(4min);
  until([&] { return refresher_->status().failures == 3; });
  EXPECT_FALSE(refresher_->status().ready) << "an hour has passed";
  broken = false;
  skip(1min);
  until([&] { return told_.size() == 2; });
  EXPECT_EQ(refresher_->status().last_error, "");
}

TEST_F(RefresherTest, WaitsAsLongAsTheServiceAsks) {
  TokenService service([&](const Received&) -> Reply { return {429, "", "Retry-After: 100\r\n"}; });
  begin(service);
  until([&] { return refresher_->status().failures == 1; });
  skip(98s);
  loop_.poll();
  EXPECT_EQ(service.asked(), 1);
  skip(5s);
  until([&] { return refresher_->status().failures == 2; });
}

TEST_F(RefresherTest, ARefusedCredentialIsReplacedButNotInAStorm) {
  TokenService service([&](const Received&) { return token("t", 3'600); });
  begin(service);
  until([&] { return told_.size() == 1; });
  refresher_->refused();  // it has only just come
  loop_.poll();
  EXPECT_EQ(service.asked(), 1);
  skip(11s);  // it is not forgotten
  until([&] { return told_.size() == 2; });
  for (int i = 0; i < 10; ++i) refresher_->refused();
  loop_.poll();
  EXPECT_EQ(service.asked(), 2);
}

TEST_F(RefresherTest, LearnsNoTimeFromAServiceThatHasNotProvenWhoItIs) {
  TokenService service([&](const Received&) {
    Reply reply = token("t", 3'600);
    reply.headers += "Date: Fri, 15 Jan 2027 08:00:00 GMT\r\n";
    return reply;
  });
  begin(service);
  until([&] { return told_.size() == 1; });
  EXPECT_NEAR(static_cast<double>(told_[0]->expires_us - clock_.wall_us()), 3.6e9, 3e7);
}

std::string http_date(std::int64_t at_us) {
  const std::time_t at = at_us / 1'000'000;
  std::tm parts{};
  gmtime_r(&at, &parts);
  std::array<char, 64> text{};
  std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return text.data();
}

TEST_F(RefresherTest, OverTlsTheServicesTimeGoesBeforeAWrongClock) {
  const net::test::Authority authority("tokens");
  const net::test::Certificate certificate = authority.sign("IP:127.0.0.1");
  constexpr std::int64_t hour_us = 3'600'000'000;
  const std::int64_t theirs_us = clock_.wall_us() + hour_us;
  std::atomic<std::int64_t> issued_s = 0;
  std::atomic<int> refused = 0;
  TokenService service(
      [&](const Received& request) -> Reply {
        auto form = request.form();
        const test::Jwt jwt = test::parts_of(form["assertion"]);
        const std::size_t at = jwt.claims.find("\"iat\":") + 6;
        issued_s = std::atoll(jwt.claims.c_str() + at);
        const std::string date = "Date: " + http_date(theirs_us) + "\r\n";
        if (std::llabs(issued_s - theirs_us / 1'000'000) > 300)
          return ++refused, Reply{400, R"({"error":"invalid_grant"})", date};
        Reply reply = token("t", 3'600);
        reply.headers += date;
        return reply;
      },
      &certificate);
  const test::Folder folder;
  AuthSettings settings;
  settings.source = Source::google_service_account;
  settings.credential_file = folder.write("sa.json", test::service_account_json(service.url()));
  settings.network.ca_file = authority.file();
  begin(make_source(settings));
  until([&] { return refresher_->status().failures == 1; });
  skip(1s);
  until([&] { return told_.size() == 1; });
  EXPECT_EQ(refused, 1);
  // What is published is by this machine's clock again.
  EXPECT_NEAR(static_cast<double>(told_[0]->expires_us - clock_.wall_us()), 3.6e9, 3e7);
}

TEST_F(RefresherTest, WhatASilentServiceHoldsEndsAtItsDeadlineOrWithStop) {
  std::mutex gate;
  std::unique_lock closed(gate);
  TokenService service([&](const Received&) -> Reply {
    const std::lock_guard wait(gate);
    return {500, ""};
  });
  begin(service);
  until([&] { return service.asked() == 1; });
  skip(11s);
  until([&] { return refresher_->status().failures == 1; });
  EXPECT_EQ(refresher_->status().last_error.substr(0, 11), "127.0.0.1: ");
  closed.unlock();
  skip(1s);
  until([&] { return service.asked() == 2; });
  end();
  EXPECT_TRUE(told_.empty());
}

TEST_F(RefresherTest, AnAnswerWithoutEndIsRefused) {
  TokenService service([&](const Received&) -> Reply { return {200, std::string(70'000, ' ')}; });
  begin(service);
  until([&] { return refresher_->status().failures == 1; });
  EXPECT_EQ(refresher_->status().last_error, "127.0.0.1: the answer is longer than 64 KiB");
}

TEST_F(RefresherTest, ARedirectIsNotFollowed) {
  TokenService other([&](const Received&) { return token("stolen", 3'600); });
  TokenService service(
      [&](const Received&) -> Reply { return {302, "", "Location: " + other.url() + "\r\n"}; });
  begin(service);
  until([&] { return refresher_->status().failures == 1; });
  EXPECT_EQ(refresher_->status().last_error, "127.0.0.1 answered 302");
  EXPECT_EQ(other.asked(), 0);
}

TEST_F(RefresherTest, ReadsFilesWithinBounds) {
  const test::Folder folder;
  AuthSettings settings;
  settings.source = Source::aws_container;
  TokenService service([&](const Received&) -> Reply { return {404, ""}; });
  settings.endpoint = service.url();
  struct Case {
    const char* rule;
    std::string path, want;
  };
  const Case cases[] = {
      {"none", (folder.path() / "none").string(), "cannot be opened: No such file or directory"},
      {"a folder", folder.path().string(), "is not a regular file"},
      {"empty", folder.write("empty", " \n"), "is empty"},
      {"long", folder.write("long", std::string(65'537, 'x')), "is longer than 64 KiB"}};
  for (const Case& c : cases) {
    settings.token_file = c.path;
    begin(make_source(settings));
    until([&] { return refresher_->status().failures == 1; });
    EXPECT_TRUE(refresher_->status().last_error.ends_with(c.want))
        << c.rule << ": " << refresher_->status().last_error;
    end();
    ended_ = false;
  }
  EXPECT_EQ(service.asked(), 0);
  ended_ = true;
}

}  // namespace
}  // namespace holdfast::vault

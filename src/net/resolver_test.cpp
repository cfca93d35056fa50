#include "net/resolver.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "net/test_support.h"

namespace holdfast::net {
namespace {
using namespace std::chrono_literals;
using test::DnsServer;
using Says = DnsServer::Says;
using Addresses = Result<Resolver::Addresses>;

struct ResolverTest : ::testing::Test {
  asio::io_context loop;
  test::SkippingClock clock;
  Watchdog watchdog{loop, clock};
  DnsServer server{loop};
  Resolver resolver{loop, watchdog, clock, {server.address(), 50ms, 2}};

  Cancellation nobody_leaves;
  Addresses resolve(const std::string& name, Duration within = 10s) {
    return test::run(loop, resolver.resolve(name, clock.now() + within, nobody_leaves));
  }
  static std::string text(const Addresses& addresses) {
    if (!addresses) return "error: " + addresses.error().detail;
    std::string out;
    for (const auto& address : *addresses) out += (out.empty() ? "" : " ") + address.to_string();
    return out;
  }
};

TEST_F(ResolverTest, AddressesAndLocalhostNeedNoServer) {
  struct Case {
    const char* host;
    const char* want;
  };
  constexpr Case cases[] = {
      {"192.0.2.1", "192.0.2.1"}, {"2001:db8::1", "2001:db8::1"}, {"localhost", "::1 127.0.0.1"}};
  for (const Case& c : cases) EXPECT_EQ(text(resolve(c.host)), c.want);
  EXPECT_TRUE(server.zones.empty());
}

TEST_F(ResolverTest, GivesBothFamiliesIPv6First) {
  server.zones["both.example"] = {.a = {"192.0.2.1", "192.0.2.2"}, .aaaa = {"2001:db8::1"}};
  server.zones["four.example"] = {.a = {"192.0.2.1"}};
  server.zones["six.example"] = {.aaaa = {"2001:db8::1"}};
  EXPECT_EQ(text(resolve("both.example")), "2001:db8::1 192.0.2.1 192.0.2.2");
  EXPECT_EQ(text(resolve("four.example")), "192.0.2.1");
  EXPECT_EQ(text(resolve("six.example")), "2001:db8::1");
}

TEST_F(ResolverTest, AsksAgainWhenTheTtlHasPassed) {
  auto& zone = server.zones["a.example"] = {.a = {"192.0.2.1"}, .ttl = 30};
  EXPECT_EQ(text(resolve("a.example")), "192.0.2.1");
  const int asked = zone.asked;
  zone.a = {"192.0.2.9"};
  clock.skip(29s);
  EXPECT_EQ(text(resolve("a.example")), "192.0.2.1");
  EXPECT_EQ(zone.asked, asked);
  clock.skip(2s);
  EXPECT_EQ(text(resolve("a.example")), "192.0.2.9");
}

TEST_F(ResolverTest, BoundsTheTtlBothWays) {
  auto& eager = server.zones["eager.example"] = {.a = {"192.0.2.1"}, .ttl = 0};
  auto& lazy = server.zones["lazy.example"] = {.a = {"192.0.2.1"}, .ttl = 86400};
  EXPECT_TRUE(resolve("eager.example"));
  EXPECT_TRUE(resolve("lazy.example"));
  const int eager_asked = eager.asked, lazy_asked = lazy.asked;
  EXPECT_TRUE(resolve("eager.example"));
  EXPECT_EQ(eager.asked, eager_asked) << "at least one second";
  clock.skip(301s);
  EXPECT_TRUE(resolve("eager.example"));
  EXPECT_TRUE(resolve("lazy.example"));
  EXPECT_GT(eager.asked, eager_asked);
  EXPECT_GT(lazy.asked, lazy_asked) << "at most five minutes";
}

TEST_F(ResolverTest, NoSuchNameIsRememberedForSeconds) {
  const Addresses missing = resolve("missing.example");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::upstream_unavailable);
  EXPECT_NE(missing.error().detail.find("missing.example: no such name"), std::string::npos);
  server.zones["missing.example"] = {.a = {"192.0.2.1"}};
  EXPECT_FALSE(resolve("missing.example"));
  clock.skip(6s);
  EXPECT_EQ(text(resolve("missing.example")), "192.0.2.1");
}

TEST_F(ResolverTest, FailuresSayWhatHappened) {
  server.zones["broken.example"] = {.says = Says::failure};
  server.zones["silent.example"] = {.says = Says::nothing};
  const Addresses broken = resolve("broken.example");
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code, ErrorCode::upstream_unavailable);
  const Addresses silent = resolve("silent.example");
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().code, ErrorCode::upstream_unavailable);
  EXPECT_NE(silent.error().detail.find("silent.example"), std::string::npos);
}

TEST_F(ResolverTest, TheDeadlineHoldsWhileTheServersAreSilent) {
  server.zones["silent.example"] = {.says = Says::nothing};
  const Addresses silent = resolve("silent.example", 1ms);
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().code, ErrorCode::deadline_exceeded);
}

TEST_F(ResolverTest, StaleAddressesServeWhileTheServersFail) {
  for (const Says says : {Says::failure, Says::nothing}) {
    const std::string name = says == Says::failure ? "broken.example" : "silent.example";
    auto& zone = server.zones[name] = {.a = {"192.0.2.1"}, .ttl = 30};
    EXPECT_EQ(text(resolve(name)), "192.0.2.1");
    zone.says = says;
    clock.skip(31s);
    EXPECT_EQ(text(resolve(name)), "192.0.2.1");
    zone = {.a = {"192.0.2.9"}};
    clock.skip(31s);
    EXPECT_EQ(text(resolve(name)), "192.0.2.9") << "the servers are back";
    zone.says = says;
    clock.skip(25h);
    EXPECT_FALSE(resolve(name)) << "a day is the limit";
  }
}

TEST_F(ResolverTest, ANameThatIsGoneIsGone) {
  auto& zone = server.zones["a.example"] = {.a = {"192.0.2.1"}, .ttl = 30};
  EXPECT_TRUE(resolve("a.example"));
  zone.says = Says::no_such_name;
  clock.skip(31s);
  EXPECT_FALSE(resolve("a.example"));
}

TEST_F(ResolverTest, ASilentFamilyDoesNotHoldUpTheOther) {
  server.zones["a.example"] = {.a = {"192.0.2.1"}, .aaaa_silent = true};
  EXPECT_EQ(text(resolve("a.example")), "192.0.2.1");
}

TEST_F(ResolverTest, ASlowZoneStallsNobodyElse) {
  server.zones["silent.example"] = {.says = Says::nothing};
  server.zones["quick.example"] = {.a = {"192.0.2.1"}};
  std::vector<std::string> order;
  const auto ask = [&](const std::string& name) {
    asio::co_spawn(
        loop, resolver.resolve(name, no_deadline, nobody_leaves),
        [&order, name](const std::exception_ptr&, const Addresses&) { order.push_back(name); });
  };
  ask("silent.example");
  ask("quick.example");
  while (order.size() < 2) loop.run_one();
  EXPECT_EQ(order, (std::vector<std::string>{"quick.example", "silent.example"}));
}

TEST_F(ResolverTest, ManyWhoAskShareOneQuery) {
  auto& zone = server.zones["a.example"] = {.a = {"192.0.2.1"}};
  int answers = 0;
  for (int i = 0; i < 100; ++i)
    asio::co_spawn(loop, resolver.resolve("a.example", no_deadline, nobody_leaves),
                   [&](const std::exception_ptr&, const Addresses& got) {
                     EXPECT_EQ(text(got), "192.0.2.1");
                     ++answers;
                   });
  while (answers < 100) loop.run_one();
  EXPECT_EQ(zone.asked, 2) << "one for each family";
}

TEST_F(ResolverTest, ManyNamesAtOnce) {
  int answers = 0;
  for (int i = 0; i < 200; ++i) {
    const std::string name = "n" + std::to_string(i) + ".example";
    server.zones[name] = {.a = {"192.0.2." + std::to_string(i % 250)}};
    asio::co_spawn(loop, resolver.resolve(name, no_deadline, nobody_leaves),
                   [&, i](const std::exception_ptr&, const Addresses& got) {
                     EXPECT_EQ(text(got), "192.0.2." + std::to_string(i % 250));
                     ++answers;
                   });
  }
  while (answers < 200) loop.run_one();
}

TEST_F(ResolverTest, EndsWithQueriesUnderWay) {
  server.zones["silent.example"] = {.says = Says::nothing};
  bool ended = false;
  auto second =
      std::make_unique<Resolver>(loop, watchdog, clock, ResolverOptions{server.address(), 50ms, 2});
  asio::co_spawn(loop, second->resolve("silent.example", clock.now() + 1ms, nobody_leaves),
                 [&](const std::exception_ptr&, const Addresses& got) {
                   EXPECT_FALSE(got);
                   ended = true;
                 });
  while (!ended) loop.run_one();
  second.reset();
  EXPECT_TRUE(resolve("localhost"));
}

TEST_F(ResolverTest, HostsFileComesFirst) {
  std::ifstream hosts("/etc/hosts");
  std::string line, address, name;
  while (name.empty() && std::getline(hosts, line)) {
    std::stringstream words(line.substr(0, line.find('#')));
    std::string first, second;
    words >> first >> second;
    if (second.empty() || second.find("localhost") != std::string::npos) continue;
    if (first.find(':') == std::string::npos) address = first, name = second;
  }
  if (name.empty()) GTEST_SKIP() << "/etc/hosts names nothing but localhost";
  server.zones[name] = {.a = {"192.0.2.1"}};
  EXPECT_EQ(text(resolve(name)), address);
}
}  // namespace
}  // namespace holdfast::net

#include <gtest/gtest.h>

#include "routing/test_support.h"

namespace holdfast::routing {
namespace {

using namespace std::chrono_literals;

struct Pool : testing::Test, World {
  using Order = Positions;
  Positions order() { return World::order(route); }
  Route route = route_of(R"(
    targets:
      - { provider: a, model: m }
      - { provider: b, model: m }
      - { provider: c, model: m }
)");
};

TEST_F(Pool, IsTriedInItsOrder) { EXPECT_EQ(order(), (Order{0, 1, 2})); }

TEST_F(Pool, ARefusedConnectionPutsATargetLastForASecond) {
  fail(0, FailureClass::connect);
  EXPECT_EQ(order(), (Order{1, 2, 0}));
  clock.advance(1001ms);
  EXPECT_EQ(health->view(0, clock.now()).state, BreakerState::half_open);
  EXPECT_EQ(order(), (Order{0, 1, 2})) << "one request probes it";
  EXPECT_EQ(order(), (Order{1, 2, 0})) << "and only one";
  health->succeeded(0, clock.now());
  EXPECT_EQ(order(), (Order{0, 1, 2}));
}

TEST_F(Pool, ANewCredentialIsTriedAtOnceButOnce) {
  fail(0, FailureClass::revoked);
  fail(1, FailureClass::connect);
  EXPECT_EQ(order(), (Order{2, 0, 1}));
  health->credential_changed(0, clock.now());
  health->credential_changed(1, clock.now());
  EXPECT_EQ(order(), (Order{0, 2, 1})) << "what is out for another reason stays out";
  fail(0, FailureClass::revoked);
  health->credential_changed(0, clock.now());
  EXPECT_EQ(order(), (Order{2, 0, 1})) << "the credential was not at fault";
  clock.advance(61s);
  health->succeeded(0, clock.now());
  fail(0, FailureClass::revoked);
  health->credential_changed(0, clock.now());
  EXPECT_EQ(order().front(), 0U);
}

TEST_F(Pool, FailedProbesDoubleTheTime) {
  fail(0, FailureClass::connect);
  for (const auto wait : {1000ms, 2000ms, 4000ms, 8000ms}) {
    clock.advance(wait - 1ms);
    EXPECT_EQ(order(), (Order{1, 2, 0})) << wait.count();
    clock.advance(2ms);
    EXPECT_EQ(order(), (Order{0, 1, 2})) << wait.count();
    fail(0, FailureClass::connect);
  }
}

TEST_F(Pool, OtherFailuresCountToThreeInARow) {
  fail(0, FailureClass::server_error);
  fail(0, FailureClass::server_error);
  health->succeeded(0, clock.now());
  fail(0, FailureClass::server_error);
  fail(0, FailureClass::stall);
  EXPECT_EQ(order(), (Order{0, 1, 2}));
  fail(0, FailureClass::server_error);
  EXPECT_EQ(order(), (Order{1, 2, 0}));
}

TEST_F(Pool, ARevokedCredentialIsOutForHalfAMinute) {
  fail(0, FailureClass::revoked);
  clock.advance(29s);
  EXPECT_EQ(order(), (Order{1, 2, 0}));
  clock.advance(2s);
  EXPECT_EQ(order(), (Order{0, 1, 2}));
}

TEST_F(Pool, RetryAfterIsNeverPassedOver) {
  fail(0, FailureClass::rate_limited, 2s);
  fail(1, FailureClass::rate_limited, 3s);
  fail(2, FailureClass::rate_limited, 4s);
  EXPECT_EQ(order(), Order{});
  EXPECT_EQ(plan(route).soonest_cooled(clock.now()), clock.now() + 2s);
  clock.advance(2s);
  EXPECT_EQ(order(), (Order{0}));
}

TEST_F(Pool, TheCallersFaultsSayNothingOfTheTarget) {
  for (int i = 0; i < 10; ++i) {
    fail(0, FailureClass::bad_request);
    fail(0, FailureClass::client_left);
    fail(0, FailureClass::context_too_long);
  }
  EXPECT_EQ(order(), (Order{0, 1, 2}));
  EXPECT_EQ(health->view(0, clock.now()).failures, 0U);
}

TEST_F(Pool, AllOpenAreStillTriedAsTheLastResort) {
  for (const std::size_t target : {0U, 1U, 2U}) fail(target, FailureClass::connect);
  EXPECT_EQ(order(), (Order{0, 1, 2}));
}

TEST_F(Pool, AProbeWhoseClientLeftLetsTheNextOneIn) {
  fail(0, FailureClass::connect);
  clock.advance(1001ms);
  EXPECT_EQ(order(), (Order{0, 1, 2}));
  fail(0, FailureClass::client_left);
  EXPECT_EQ(order(), (Order{0, 1, 2}));
}

struct Causes : testing::Test, World {
  // What comes after the first target failed so.
  std::pair<Next, Positions> after(const Route& route, const Failed& how) {
    Plan walk = plan(route);
    const auto first = walk.next(clock.now());
    const Next next = walk.failed(*first, how);
    Positions rest;
    while (const auto position = walk.next(clock.now())) rest.push_back(*position);
    return {next, rest};
  }
  static Route windows(const char* more = "") {
    return route_of(std::string(more) + R"(
    targets:
      - { provider: a, model: small, context_window: 8000 }
      - { provider: a, model: same, context_window: 8000 }
      - { provider: b, model: unsaid }
      - { provider: c, model: large, context_window: 128000 }
)");
  }
};

TEST_F(Causes, WhatIsTooLongGoesToLargerWindows) {
  EXPECT_EQ(after(windows(), {.failure = FailureClass::context_too_long}),
            std::make_pair(Next::next_target, Positions{3}));
  const Route unsaid = route_of(R"(
    targets:
      - { provider: a, model: m }
      - { provider: b, model: m, context_window: 128000 }
)");
  EXPECT_EQ(after(unsaid, {.failure = FailureClass::context_too_long}).first, Next::give_up)
      << "nobody knows that it is larger";
  const Route none_larger = route_of(R"(
    targets:
      - { provider: a, model: m, context_window: 128000 }
      - { provider: b, model: m, context_window: 8000 }
)");
  EXPECT_EQ(after(none_larger, {.failure = FailureClass::context_too_long}).first, Next::give_up);
}

TEST_F(Causes, RefusedContentGoesToAnotherProviderIfTheModelSaysSo) {
  EXPECT_EQ(after(windows(), {.failure = FailureClass::content_filter}).first, Next::give_up);
  EXPECT_EQ(
      after(windows("    on_content_filter: next"), {.failure = FailureClass::content_filter}),
      std::make_pair(Next::next_target, (Positions{2, 3})))
      << "but not to the same provider's other model";
}

TEST_F(Causes, AnotherCredentialIsTriedBeforeAnotherTarget) {
  for (const FailureClass failure :
       {FailureClass::revoked, FailureClass::unpaid, FailureClass::rate_limited}) {
    EXPECT_EQ(after(windows(), {.failure = failure, .another_credential = true}).first,
              Next::same_target);
    EXPECT_EQ(after(windows(), {.failure = failure}).first, Next::next_target);
  }
  EXPECT_EQ(
      after(windows(), {.failure = FailureClass::server_error, .another_credential = true}).first,
      Next::next_target);
}

TEST_F(Causes, NoLastResortIfTheModelSaysSo) {
  const Route route = windows("    last_resort: refuse");
  for (std::size_t i = 0; i < 4; ++i) fail(i, FailureClass::connect);
  EXPECT_EQ(order(route), Positions{});
  EXPECT_EQ(plan(route).passed_over(0, clock.now()), PassedOver::open);
  clock.advance(1001ms);
  EXPECT_EQ(order(route).front(), 0U) << "probes are made";
}

TEST_F(Causes, WaitsForTheFirstThatIsBackIfTheModelSaysSo) {
  const Route patient = windows("    wait_for_cooling: 3s");
  const MonoTime far = clock.now() + 60s;
  for (std::size_t i = 0; i < 4; ++i) fail(i, FailureClass::rate_limited, 20s);
  EXPECT_FALSE(plan(patient).wait_until(clock.now(), far)) << "20 s are more than 3 s";
  World other;
  for (std::size_t i = 1; i < 4; ++i) other.fail(i, FailureClass::rate_limited, 20s);
  Plan walk = other.plan(patient);
  EXPECT_EQ(walk.next(other.clock.now()), 0U);
  other.fail(0, FailureClass::rate_limited, 2s);
  walk.failed(0, {.failure = FailureClass::rate_limited});
  EXPECT_FALSE(walk.next(other.clock.now()));
  const MonoTime now = other.clock.now();
  EXPECT_FALSE(walk.wait_until(now, now + 1s)) << "the request's deadline comes first";
  EXPECT_EQ(walk.wait_until(now, far), now + 2s);
  other.clock.advance(2s);
  EXPECT_EQ(walk.next(other.clock.now()), 0U) << "it is asked again";
  other.fail(0, FailureClass::rate_limited, 2s);
  walk.failed(0, {.failure = FailureClass::rate_limited});
  EXPECT_FALSE(walk.next(other.clock.now()));
  EXPECT_FALSE(walk.wait_until(other.clock.now(), far)) << "3 s in all";
  const Route usual = windows();
  EXPECT_FALSE(plan(usual).wait_until(clock.now(), far)) << "usually not at all";
}

TEST_F(Causes, TargetsThatCannotServeAreNeverTried) {
  const Route route = windows();
  Plan walk = plan(route, {}, {.fitting = 0b0101, .lossy = 0b0001});
  EXPECT_EQ(walk.next(clock.now()), 2U) << "what would be lost by comes last";
  EXPECT_EQ(walk.next(clock.now()), 0U);
  EXPECT_EQ(walk.next(clock.now()), std::nullopt);
  EXPECT_EQ(walk.passed_over(1, clock.now()), PassedOver::unfit);
  EXPECT_EQ(walk.passed_over(0, clock.now()), PassedOver::no);
}

TEST(AfterFailure, TheClassDecides) {
  EXPECT_EQ(after_failure(FailureClass::bad_request, false), Next::give_up);
  EXPECT_EQ(after_failure(FailureClass::client_left, false), Next::give_up);
  EXPECT_EQ(after_failure(FailureClass::reset, true), Next::same_target);
  EXPECT_EQ(after_failure(FailureClass::reset, false), Next::next_target);
  EXPECT_EQ(after_failure(FailureClass::revoked, false), Next::next_target);
  EXPECT_EQ(after_failure(FailureClass::server_error, true), Next::next_target);
}

}  // namespace
}  // namespace holdfast::routing

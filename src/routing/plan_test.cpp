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
  health->succeeded(0);
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
  health->succeeded(0);
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
  health->succeeded(0);
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

// What copies for a target on trial do to everybody else: nothing.
#include "simulation/simulation.h"
#include "simulation/test_support.h"

namespace holdfast::simulation {
namespace {
using namespace std::chrono_literals;
using test::lines;

// Two that serve and a third on trial, or idle.
Course course_of(bool on_trial, std::vector<Fault> faults, const std::string& when = "",
                 std::string_view kind = "") {
  log::set_level(log::Level::off);
  test::Shape shape;
  shape.targets = 2;
  shape.idle = 1;
  shape.chat = test::plain_list(2, "round_robin");
  if (on_trial) {
    shape.chat.pop_back();
    shape.chat += fmt::format(", shadow: [{{provider: p2, model: m, share: 60{}}}]}}", when);
  }
  shape.with_key = true;
  shape.kind = kind;
  const Stage stage = test::make_stage(shape);
  Scenario scenario;
  scenario.lasts = 60s;
  scenario.traffic.tokens = 10;
  scenario.traffic.leave_percent = 5;
  scenario.faults = std::move(faults);
  auto course = simulate(stage, scenario, 17);
  EXPECT_TRUE(course) << (course ? "" : course.error().detail);
  if (!course) return {};
  EXPECT_EQ(lines(check_invariants(*course)), "");
  return std::move(*course);
}

Fault fault_of(FaultKind kind, const std::string& provider) {
  Fault fault;
  fault.kind = kind;
  fault.provider = provider;
  fault.at = 5s;
  fault.lasts = 40s;
  fault.share_percent = 100;
  fault.factor = 40;
  return fault;
}

void expect_same(const Course& with, const Course& without, const std::string& what) {
  ASSERT_EQ(with.history.fates.size(), without.history.fates.size()) << what;
  for (std::size_t i = 0; i < with.history.fates.size(); ++i) {
    const Fate& a = with.history.fates[i];
    const Fate& b = without.history.fates[i];
    ASSERT_EQ(a.ending, b.ending) << what << ", request " << i;
    ASSERT_EQ(a.sent, b.sent) << what << ", request " << i;
    ASSERT_EQ(a.first_content, b.first_content) << what << ", request " << i;
    ASSERT_EQ(a.ended, b.ended) << what << ", request " << i;
    ASSERT_EQ(a.status, b.status) << what << ", request " << i;
    ASSERT_EQ(a.provider, b.provider) << what << ", request " << i;
    ASSERT_EQ(a.attempts, b.attempts) << what << ", request " << i;
    ASSERT_EQ(a.tokens, b.tokens) << what << ", request " << i;
  }
  EXPECT_EQ(with.meters.attempts_counted, without.meters.attempts_counted) << what;
  EXPECT_EQ(with.meters.failovers, without.meters.failovers) << what;
  EXPECT_EQ(with.meters.tokens_out_counted, without.meters.tokens_out_counted) << what;
  EXPECT_EQ(with.breakers.size(), without.breakers.size()) << what;
}

TEST(Shadows, LeaveEveryClientAsItWasWhateverTheyMeet) {
  const Course without = course_of(false, {});
  EXPECT_EQ(without.history.copies.size(), 0U);
  const Course well = course_of(true, {});
  const double share =
      static_cast<double>(well.history.copies.size() + well.meters.copies_dropped) /
      static_cast<double>(well.history.fates.size());
  EXPECT_NEAR(share, 0.6, 0.03);
  expect_same(well, without, "well");
  for (const FaultKind kind :
       {FaultKind::outage, FaultKind::unreachable, FaultKind::slow, FaultKind::stall,
        FaultKind::cut, FaultKind::revoked, FaultKind::quota}) {
    const Course course = course_of(true, {fault_of(kind, "p2")});
    expect_same(course, without, std::string(to_string(kind)));
    EXPECT_GT(course.meters.copies_recorded, 0U);
  }
}

// The original fails over; its copy is one nevertheless.
TEST(Shadows, AreMadeOnceHoweverOftenTheOriginalIsTried) {
  const std::vector<Fault> faults = {fault_of(FaultKind::brown_out, "p0")};
  const Course without = course_of(false, faults);
  const Course with = course_of(true, faults);
  EXPECT_GT(with.meters.failovers, 0U);
  EXPECT_GT(with.history.copies.size(), 0U);
  expect_same(with, without, "brown-out of a target");
}

// Providers of a dialect that no client speaks, too.
TEST(Shadows, AreSimulatedWhoeverTheyAreFor) {
  const Course course = course_of(true, {fault_of(FaultKind::cut, "p2")}, "", "cohere");
  EXPECT_GT(course.meters.copies_recorded, 100U);
  const auto whole = std::ranges::count_if(
      course.history.fates, [](const Fate& fate) { return fate.ending == Ending::whole; });
  EXPECT_GT(whole, static_cast<std::ptrdiff_t>(course.history.fates.size() * 9 / 10));
  const auto answered = std::ranges::count_if(course.history.copies,
                                              [](const Arrival& copy) { return copy.answered; });
  EXPECT_GT(answered, 100);
}

TEST(Shadows, GoNowhereThatTheirConditionForbids) {
  const Course none = course_of(true, {}, R"(, when: 'team == "y"')");
  EXPECT_EQ(none.history.copies.size(), 0U);
  EXPECT_GT(none.meters.copies_dropped, 0U);
  const Course some = course_of(true, {}, R"(, when: 'team == "x" and stream')");
  EXPECT_GT(some.history.copies.size(), 0U);
  for (const Arrival& one : some.history.copies)
    EXPECT_TRUE(some.history.fates.at(one.request).stream);
}

TEST(Shadows, AreHeldToTheirRules) {
  struct Case {
    const char* rule;
    void (*tamper)(Course&);
    const char* want;
  };
  const Case cases[] = {
      {"to one that is forbidden",
       [](Course& c) { c.copies_permitted[c.history.copies[0].request] = 0; },
       "reached p2, which its regions or condition forbid"},
      {"not on file", [](Course& c) { c.history.copies[0].on_file = false; },
       "without being on file"},
      {"twice", [](Course& c) { c.history.copies[1].request = c.history.copies[0].request; },
       "was copied twice to p2"},
      {"not counted", [](Course& c) { --c.meters.copies_counted; }, "copies are counted"},
      {"not ended", [](Course& c) { --c.meters.copies_ended; }, "of them ended"},
      {"not arrived", [](Course& c) { c.history.copies.pop_back(); }, "arrived"},
      {"left", [](Course& c) { c.left.copies = 1; }, "1 copies"},
  };
  const Course fine = course_of(true, {});
  for (const Case& c : cases) {
    Course course = fine;
    c.tamper(course);
    EXPECT_NE(lines(check_invariants(course)).find(c.want), std::string::npos)
        << c.rule << ": " << lines(check_invariants(course));
  }
}

TEST(Shadows, AreTheSameForTheSameSeed) {
  EXPECT_EQ(course_of(true, {}).history.hash, course_of(true, {}).history.hash);
}

}  // namespace
}  // namespace holdfast::simulation

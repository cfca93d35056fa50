#include "simulation/invariants.h"

#include <functional>

#include "simulation/test_support.h"

namespace holdfast::simulation {
namespace {
using namespace std::chrono_literals;
using test::lines;

// A history in which nothing goes wrong.
const Course& fine() {
  static const Course course = [] {
    Scenario scenario;
    scenario.lasts = 5s;
    return std::move(*simulate(test::make_stage(3), scenario, 1));
  }();
  return course;
}

// Each rule must be able to break: a history that was tampered with is told from a good one.
TEST(Invariants, EachCanBreak) {
  ASSERT_EQ(lines(check_invariants(fine())), "");
  struct Case {
    const char* rule;
    std::function<void(Course&)> tamper;
    const char* want;
  };
  const Case cases[] = {
      {"ended twice", [](Course& c) { c.history.fates[3].endings = 2; }, "request 3 ended 2 times"},
      {"never ended", [](Course& c) { c.history.fates[3].endings = 0; }, "request 3 ended 0 times"},
      {"two answers in one", [](Course& c) { c.history.fates[0].garbled = true; },
       "not one answer"},
      {"short, and called complete", [](Course& c) { --c.history.fates[0].tokens; },
       "complete with 39 of 40 tokens"},
      {"not on file", [](Course& c) { c.history.arrivals[0].on_file = false; },
       "without being on file"},
      {"after its deadline", [](Course& c) { c.history.arrivals[0].at += 61s; },
       "after its deadline"},
      {"to no target", [](Course& c) { c.target_providers = {1, 2}; }, "which is no target"},
      {"an error though all were well",
       [](Course& c) {
         c.history.fates[0].ending = Ending::error_status;
         c.history.fates[0].tokens = 0;
       },
       "got an error (error_status, status 200) while p0 was well"},
      {"broken though its provider was well",
       [](Course& c) { c.history.fates[0].ending = Ending::cut; }, "broke although p0 was well"},
      {"an attempt that is not recorded", [](Course& c) { --c.meters.attempts_recorded; },
       "attempts are counted and"},
      {"an attempt that is not ended", [](Course& c) { --c.meters.attempts_ended; },
       "recorded and"},
      {"tokens that nobody told",
       [](Course& c) {
         c.meters.tokens_out_counted += 1;
         c.meters.tokens_out_recorded += 1;
       },
       "were told"},
      {"a request that is not counted", [](Course& c) { --c.meters.requests_counted; },
       "requests are counted"},
      {"lost records", [](Course& c) { c.meters.records_lost = 1; }, "1 records were lost"},
      {"a connection is left", [](Course& c) { c.left.client_connections = 1; }, "left at the end"},
      {"a timer is left", [](Course& c) { c.left.timers = true; }, "left at the end"},
  };
  for (const Case& c : cases) {
    Course course = fine();
    c.tamper(course);
    EXPECT_NE(lines(check_invariants(course)).find(c.want), std::string::npos)
        << c.rule << ": " << lines(check_invariants(course));
  }
}

TEST(Invariants, OneThatDoesNotReturnAndAHerdAreTold) {
  Scenario scenario;
  scenario.lasts = 150s;
  scenario.traffic.requests_per_second = 5;
  Fault fault;
  fault.at = 10s;
  fault.lasts = 20s;
  scenario.faults.push_back(fault);
  const auto course = simulate(test::make_stage(2), scenario, 1);
  ASSERT_TRUE(course) << course.error().detail;
  ASSERT_EQ(lines(check_invariants(*course)), "");

  Course shunned = *course;
  std::erase_if(shunned.history.arrivals,
                [](const Arrival& one) { return one.provider == 0 && one.at > MonoTime{30s}; });
  EXPECT_NE(lines(check_invariants(shunned)).find("got no answer through"), std::string::npos);

  Course herd = *course;
  const auto first = std::ranges::find_if(herd.history.arrivals, [](const Arrival& one) {
    return one.provider == 0 && one.at > MonoTime{30s};
  });
  ASSERT_NE(first, herd.history.arrivals.end());
  Arrival before = *first;
  before.answered = false;
  before.at -= 1ms;
  herd.history.arrivals.insert(first, before);
  EXPECT_NE(lines(check_invariants(herd)).find("by several at once"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::simulation

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
       "complete with 39 of 40 pieces"},
      {"not on file", [](Course& c) { c.history.arrivals[0].on_file = false; },
       "without being on file"},
      {"after its deadline", [](Course& c) { c.history.arrivals[0].at += 61s; },
       "after its deadline"},
      {"to one that is forbidden", [](Course& c) { c.permitted[0].may = 0b110; },
       "reached p0, which its regions or conditions forbid"},
      {"to no target", [](Course& c) { c.target_providers = {1, 2}; }, "which is no target"},
      {"an error though all were well",
       [](Course& c) {
         c.history.fates[0].ending = Ending::error_status;
         c.history.fates[0].tokens = 0;
       },
       "got an error (error_status, status 200) while p0 was well"},
      {"broken though its provider was well",
       [](Course& c) { c.history.fates[0].ending = Ending::cut; }, "broke although p0 was well"},
      {"an error though one was well that must answer",
       [](Course& c) {
         for (Windows& windows : c.windows)
           windows.push_back({.from = 0s, .until = 1ms, .fault = {}});  // long enough ago
         c.history.fates.back().ending = Ending::error_status;
         c.history.fates.back().tokens = 0;
       },
       "got an error (error_status, status 200) while p0 was well"},
      {"an answer that is not recorded", [](Course& c) { c.recorded.clear(); },
       "0 of them are recorded"},
      {"another answer than was recorded",
       [](Course& c) { c.recorded.front().failure = FailureClass::reset; },
       "answered completely by p0, and no record says so"},
      {"a recorded answer that nobody gave", [](Course& c) { ++c.recorded.front().tokens_out; },
       "on record, which gave none"},
      {"memory that grows", [](Course& c) { c.most_memory_each = 1 << 20; },
       "requests held 1048576 bytes of memory each"},
      {"memory is left", [](Course& c) { c.left.memory = 1; }, "1 bytes of memory"},
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

// The first of two is away for 20 s.
const Course& outage() {
  static const Course course = [] {
    Scenario scenario;
    scenario.lasts = 150s;
    scenario.traffic.requests_per_second = 5;
    Fault fault;
    fault.at = 10s;
    fault.lasts = 20s;
    scenario.faults.push_back(fault);
    return std::move(*simulate(test::make_stage(2), scenario, 1));
  }();
  return course;
}

TEST(Invariants, OneThatDoesNotReturnAndAHerdAreTold) {
  ASSERT_EQ(lines(check_invariants(outage())), "");

  Course shunned = outage();
  std::erase_if(shunned.history.arrivals,
                [](const Arrival& one) { return one.provider == 0 && one.at > MonoTime{30s}; });
  EXPECT_NE(lines(check_invariants(shunned)).find("got no answer through"), std::string::npos);

  // The breaker was open for 16 s at most: a return after 40 s more is none in time.
  Course late = outage();
  std::erase_if(late.history.arrivals, [](const Arrival& one) {
    return one.provider == 0 && one.at > MonoTime{30s} && one.at < MonoTime{70s};
  });
  EXPECT_NE(lines(check_invariants(late)).find("got no answer through until 70"),
            std::string::npos);

  Course herd = outage();
  const auto first = std::ranges::find_if(herd.history.arrivals, [](const Arrival& one) {
    return one.provider == 0 && one.at > MonoTime{30s};
  });
  ASSERT_NE(first, herd.history.arrivals.end());
  Arrival before = *first;
  before.answered = false;
  before.at -= 1ms;
  herd.history.arrivals.insert(first, before);
  EXPECT_NE(lines(check_invariants(herd)).find("by several at once"), std::string::npos);

  // Those that follow a probe which succeeds later are as many as those before it.
  Course hasty = outage();
  const auto probe = std::ranges::find_if(hasty.history.arrivals, [](const Arrival& one) {
    return one.provider == 0 && one.at > MonoTime{30s};
  });
  Arrival behind = *probe;
  behind.at += 1ms;
  hasty.history.arrivals.insert(probe + 1, behind);
  EXPECT_NE(lines(check_invariants(hasty)).find("by several at once"), std::string::npos);
}

TEST(Invariants, MoreThanItsShareToWhatReturnsIsTold) {
  Course rush = outage();
  const auto closed = std::ranges::find_if(rush.breakers, [](const BreakerTurn& turn) {
    return turn.target == 0 && turn.state == routing::BreakerState::closed;
  });
  ASSERT_NE(closed, rush.breakers.end());
  int moved = 0;
  for (Arrival& one : rush.history.arrivals)
    if (one.at > closed->at && one.at < closed->at + 5s && one.provider == 1) {
      one.provider = 0;
      ++moved;
    }
  ASSERT_GT(moved, 10);
  EXPECT_NE(lines(check_invariants(rush)).find("more than its share"), std::string::npos);
}

TEST(Invariants, RetriesBeyondTheBudgetAreTold) {
  Scenario scenario;
  scenario.lasts = 60s;
  Fault fault;
  fault.everything = true;
  fault.at = 5s;
  fault.lasts = 50s;
  scenario.faults.push_back(fault);
  Course course = std::move(*simulate(test::make_stage(3), scenario, 1));
  ASSERT_EQ(lines(check_invariants(course)), "");
  for (std::size_t i = 0; i < course.attempts.size(); ++i)
    if (i % 4 == 0) ++course.attempts[i];  // a quarter more, beside the fifth
  EXPECT_NE(lines(check_invariants(course)).find("attempts more than one each"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::simulation

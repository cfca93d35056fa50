#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "base/random.h"
#include "routing/admission_queue.h"
#include "routing/capacity.h"

namespace holdfast::routing {
namespace {

using Waiter = AdmissionQueue::Waiter;
using enum ServiceClass;

std::vector<Waiter*> order(AdmissionQueue& queue) {
  std::vector<Waiter*> out;
  queue.offer([&](Waiter& waiter) {
    out.push_back(&waiter);
    return false;
  });
  return out;
}

TEST(AdmissionQueue, TheMoreImportantFirstThenAsTheyCame) {
  AdmissionQueue queue;
  Waiter a(experimental), b(internal_productivity), c(critical_revenue), d(critical_revenue);
  for (Waiter* one : {&a, &b, &c, &d}) EXPECT_EQ(queue.enter(*one, 10), nullptr);
  EXPECT_EQ(order(queue), (std::vector<Waiter*>{&c, &d, &b, &a}));
  c.leave();
  c.leave();
  EXPECT_EQ(order(queue), (std::vector<Waiter*>{&d, &b, &a}));
  queue.offer([&](Waiter& waiter) { return &waiter == &b; });
  EXPECT_EQ(order(queue), (std::vector<Waiter*>{&d, &a}));
  EXPECT_FALSE(b.waits());
}

TEST(AdmissionQueue, AFullOneShedsTheLeastImportantThatCameLast) {
  AdmissionQueue queue;
  Waiter a(experimental), b(experimental), c(internal_productivity);
  for (Waiter* one : {&a, &b, &c}) queue.enter(*one, 3);
  Waiter d(experimental);
  EXPECT_EQ(queue.enter(d, 3), &d) << "nobody is less important";
  EXPECT_FALSE(d.waits());
  Waiter e(internal_productivity), f(critical_revenue), g(critical_revenue), h(critical_revenue);
  EXPECT_EQ(queue.enter(e, 3), &b);
  EXPECT_EQ(queue.enter(f, 3), &a);
  EXPECT_EQ(queue.enter(g, 3), &e) << "the later of the two";
  EXPECT_EQ(order(queue), (std::vector<Waiter*>{&f, &g, &c}));
  Waiter i(internal_productivity);
  EXPECT_EQ(queue.enter(h, 3), &c);
  EXPECT_EQ(queue.enter(i, 3), &i);
  EXPECT_EQ(queue.size(), 3U);
}

TEST(AdmissionQueue, WhoIsGoneIsNotCalled) {
  AdmissionQueue queue;
  auto gone = std::make_unique<Waiter>(experimental);
  queue.enter(*gone, 3);
  gone.reset();
  EXPECT_TRUE(order(queue).empty());
  EXPECT_TRUE(queue.empty());
}

struct Capacity : testing::Test {
  std::unique_ptr<CapacityTable> table = std::make_unique<CapacityTable>();
  ConcurrencyBounds bounds{.most = 1, .least = 1, .adapts = false};
};

TEST_F(Capacity, WhoWaitsComesBeforeWhoComes) {
  constexpr bool waited = true;
  struct Case {
    const char* rule;
    std::optional<ServiceClass> waiting;
    ServiceClass asks;
    bool has_waited, gets;
  };
  const Case cases[] = {
      {"nobody waits", std::nullopt, experimental, !waited, true},
      {"its own class waits", internal_productivity, internal_productivity, !waited, false},
      {"its own class waits, as it did", internal_productivity, internal_productivity, waited,
       true},
      {"a more important one waits", critical_revenue, internal_productivity, waited, false},
      {"a less important one waits", experimental, internal_productivity, !waited, true}};
  for (const Case& c : cases) {
    if (c.waiting) table->wait_begins(7, *c.waiting);
    EXPECT_EQ(table->enter(7, bounds, c.asks, c.has_waited).held(), c.gets) << c.rule;
    if (c.waiting) table->wait_ends(7, *c.waiting);
    EXPECT_EQ(table->concurrency(7).under_way(), 0) << c.rule;
  }
}

TEST_F(Capacity, APlaceIsGivenBackOnceHoweverItIsMoved) {
  {
    CapacityTable::Place place = table->enter(3, bounds, experimental, false);
    ASSERT_TRUE(place.held());
    CapacityTable::Place moved = std::move(place);
    EXPECT_FALSE(table->enter(3, bounds, experimental, false).held());
    CapacityTable::Place again;
    again = std::move(moved);
    EXPECT_EQ(again.target(), 3U);
    EXPECT_EQ(table->concurrency(3).under_way(), 1);
  }
  EXPECT_EQ(table->concurrency(3).under_way(), 0);
}

// Requests of all classes come, wait, leave and end at random on two loops. At every moment: never
// more under way than the limit; who gets a place is the most important of those that wait; nobody
// waits while there is room for them.
TEST_F(Capacity, AnyHistoryKeepsTheOrder) {
  struct Request {
    explicit Request(ServiceClass service_class) : waiter(service_class) {}
    Waiter waiter;
    CapacityTable::Place place;
  };
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Random random(seed);
    bounds.most = 1 + static_cast<int>(random.below(5));
    std::array<AdmissionQueue, 2> loops;
    std::vector<std::unique_ptr<Request>> requests;
    const auto stop_waiting = [&](Request& request) {
      if (!request.waiter.waits()) return;
      request.waiter.leave();
      table->wait_ends(0, request.waiter.service_class());
    };
    const auto offer = [&](AdmissionQueue& loop) {
      loop.offer([&](Waiter& waiter) {
        const auto owner = std::ranges::find_if(
            requests, [&](const auto& one) { return one && &one->waiter == &waiter; });
        auto place = table->enter(0, bounds, waiter.service_class(), true);
        if (!place.held()) return false;
        for (const auto& other : requests)
          EXPECT_FALSE(other->waiter.waits() &&
                       rank(other->waiter.service_class()) < rank(waiter.service_class()))
              << "overtaken, seed " << seed;
        (*owner)->place = std::move(place);
        table->wait_ends(0, waiter.service_class());
        return true;
      });
    };
    for (int step = 0; step < 400; ++step) {
      const std::uint64_t what = random.below(4);
      if (what < 2) {
        auto request = std::make_unique<Request>(static_cast<ServiceClass>(random.below(3)));
        const ServiceClass service_class = request->waiter.service_class();
        request->place = table->enter(0, bounds, service_class, false);
        if (!request->place.held()) {
          AdmissionQueue& loop = loops[random.below(2)];
          Waiter* shed = loop.enter(request->waiter, 6);
          if (shed != &request->waiter) table->wait_begins(0, service_class);
          if (shed != nullptr && shed != &request->waiter)
            table->wait_ends(0, shed->service_class());
        }
        if (request->place.held() || request->waiter.waits())
          requests.push_back(std::move(request));
      } else if (!requests.empty()) {  // one ends, or its client leaves while it waits
        const std::size_t which = random.below(requests.size());
        stop_waiting(*requests[which]);
        requests.erase(requests.begin() + static_cast<std::ptrdiff_t>(which));
      }
      for (int turn = 0; turn < 3; ++turn)  // each loop's poll; a class a turn at the latest
        for (AdmissionQueue& loop : loops) offer(loop);
      std::erase_if(requests, [](const auto& one) {
        return !one->place.held() && !one->waiter.waits();  // shed
      });
      const std::int64_t under_way = table->concurrency(0).under_way();
      ASSERT_LE(under_way, bounds.most) << "seed " << seed;
      for (const auto& one : requests)
        ASSERT_FALSE(one->waiter.waits() && under_way < bounds.most)
            << "a wake-up was lost, seed " << seed;
    }
    for (const auto& one : requests) stop_waiting(*one);
    requests.clear();
    ASSERT_EQ(table->concurrency(0).under_way(), 0);
  }
}

}  // namespace
}  // namespace holdfast::routing

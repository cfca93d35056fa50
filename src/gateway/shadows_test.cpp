// What copies must not do to those that serve: fail their requests, keep places, outlive their
// loop, teach what they go by.
#include "gateway/shadows.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <map>

#include "base/log.h"
#include "base/overload_limits.h"
#include "gateway/attempt.h"
#include "gateway/shadow_copy.h"
#include "gateway/target_permit.h"
#include "gateway/waiting_room.h"
#include "net/discarded_exchange.h"
#include "net/signal.h"
#include "provider/kind.h"

namespace holdfast::gateway {
namespace {
using namespace std::chrono_literals;
using observe::ShadowDrop;

// Time stands still, and may not be told.
class BrittleClock final : public Clock {
 public:
  MonoTime now() const override {
    if (broken) throw std::runtime_error("no time");
    return time;
  }
  std::int64_t wall_us() const override { return 1'800'000'000'000'000; }
  MonoTime time = MonoTime{} + 1h;
  bool broken = false;
};

// Nobody answers; whoever connects waits until it is cancelled, or meets an exception.
class Silence final : public net::Connector {
 public:
  Silence(boost::asio::io_context& loop, net::Watchdog& watchdog)
      : loop_(loop), watchdog_(watchdog) {}
  Task<std::expected<std::unique_ptr<net::Stream>, net::ConnectFailure>> connect(
      const net::Origin& /*origin*/, net::Deadline /*deadline*/,
      net::Cancellation& cancellation) override {
    ++asked;
    if (throws) throw std::runtime_error("a bug");
    net::Signal over(loop_, watchdog_);
    const net::Cancellation::Step step(cancellation, [&over] { over.notify(); });
    auto told = co_await over.wait(net::no_deadline);
    (void)told;
    co_return std::unexpected(net::ConnectFailure{FailureClass::client_left, "cancelled"});
  }
  int asked = 0;
  bool throws = false;

 private:
  boost::asio::io_context& loop_;
  net::Watchdog& watchdog_;
};

class NoDisk final : public records::JournalDisk {
 public:
  int create(const std::string& /*path*/) override { return next_++; }
  ssize_t write(int /*descriptor*/, std::span<const char> bytes) override {
    return static_cast<ssize_t>(bytes.size());
  }
  void close(int /*descriptor*/) override {}
  int remove(const std::string& /*path*/) override { return 0; }

 private:
  int next_ = 1;
};

std::shared_ptr<const routing::Provider> provider_of(const std::string& name) {
  provider::Settings settings;
  settings.name = name;
  settings.kind = provider::find_kind("openai_compatible");
  settings.base = *net::parse_base_url("https://" + name + ".invalid/v1");
  auto made = std::make_shared<routing::Provider>();
  made->name = name;
  made->kind = settings.kind;
  made->adapter = settings.kind->make(settings, {});
  made->origin = settings.base.origin;
  made->pool_key = made->origin.key();
  made->authority = made->origin.authority();
  made->path = settings.base.path;
  made->concurrency = {.most = 100, .least = 1, .adapts = true};
  return made;
}

constexpr std::uint16_t trial = 1;  // the index of the target on trial
constexpr std::string_view body = R"({"model":"chat","messages":[{"role":"user","content":"x"}]})";

routing::Target target_of(const std::string& name) {
  routing::Target target;
  target.provider = provider_of(name);
  target.model = "m";
  target.timeouts = {
      .connect = 10s, .headers = 10s, .first_content = 10s, .idle = 10s, .total = 60s};
  return target;
}

std::shared_ptr<const routing::Snapshot> snapshot_of() {
  auto made = std::make_shared<routing::Snapshot>();
  routing::Model& model = made->models["chat"];
  model.name = "chat";
  model.deadline = 60s;
  model.targets.push_back(target_of("one"));
  model.indices.push_back(0);
  model.shadows.push_back({target_of("new"), trial, {}});
  model.shadows[0].rule.share = 10'000;
  return made;
}

struct Loop {
  boost::asio::io_context loop;
  BrittleClock clock;
  net::Watchdog watchdog{loop, clock};
  Silence silence{loop, watchdog};
  net::ConnectionPool pool{silence, clock};
  NoDisk disk;
  records::Journal journal{records::JournalFolder::detached(1, disk), 0, clock};
  observe::ThreadCounters counters;
  std::unique_ptr<routing::HealthTable> health = std::make_unique<routing::HealthTable>();
  std::unique_ptr<routing::LoadTable> load = std::make_unique<routing::LoadTable>();
  std::unique_ptr<routing::CapacityTable> capacity = std::make_unique<routing::CapacityTable>();
  routing::MemoryAccount memory;
  LoopParts parts{.loop = loop,
                  .clock = clock,
                  .watchdog = watchdog,
                  .pool = pool,
                  .journal = journal,
                  .counters = counters,
                  .health = *health,
                  .load = *load,
                  .capacity = *capacity,
                  .memory = memory,
                  .random = Random(1),
                  .on_failure = [](const FailureNotice&) {},
                  .on_refused = [](const std::string&) {},
                  .credentials = {}};
  JournalTurn turn{loop, journal};
  WaitingRoom waiting{loop, watchdog, *capacity, counters};
  std::shared_ptr<const routing::Snapshot> snapshot = snapshot_of();
  std::unique_ptr<net::DiscardedExchange> client = *net::DiscardedExchange::of(
      *net::read_request_head("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"
                              "content-type: application/json\r\n\r\n"),
      1'000, watchdog, clock);
  RequestState state{.exchange = client->exchange(),
                     .parts = parts,
                     .turn = turn,
                     .waiting = waiting,
                     .snapshot = snapshot,
                     .request_id = "req-1",
                     .model = &snapshot->models.at("chat")};
  Shadows shadows{parts, turn, waiting};

  Loop() {
    log::set_level(log::Level::off);
    state.incoming.body = body;
    shadows.use(*snapshot);
  }
  // All that can be done now.
  void turns() {
    loop.restart();
    loop.poll();
  }
  bool ended() {
    bool over = false;
    boost::asio::co_spawn(loop, shadows.ended(),
                          [&over](const std::exception_ptr&) { over = true; });
    turns();
    return over;
  }
  std::uint64_t dropped(ShadowDrop why) {
    return counters.target(trial).shadows_dropped[static_cast<std::size_t>(why)].value();
  }
  std::int64_t under_way() const { return counters.shadows_in_flight.value(); }
};

TEST(Shadows, EndOnceTheyAreStoppedWhateverTheyWaitFor) {
  Loop here;
  for (int i = 0; i < 5; ++i) here.shadows.offer(here.state);
  here.turns();
  EXPECT_EQ(here.silence.asked, 5);  // and nobody answers
  EXPECT_EQ(here.under_way(), 5);
  here.shadows.offer(here.state);  // not even begun when all is stopped
  here.shadows.stop();
  EXPECT_TRUE(here.ended());
  EXPECT_EQ(here.under_way(), 0);
  EXPECT_EQ(here.dropped(ShadowDrop::stopping), 1U);
  here.shadows.offer(here.state);
  EXPECT_TRUE(here.ended());
  EXPECT_EQ(here.dropped(ShadowDrop::stopping), 2U);
  EXPECT_EQ(here.silence.asked, 5);
}

TEST(Shadows, AreCountedForMemoryWhenTheyGoForIt) {
  Loop here;
  here.shadows.offer(here.state);
  here.shadows.cut_all();
  here.turns();
  EXPECT_EQ(here.dropped(ShadowDrop::memory), 1U);
  EXPECT_EQ(here.dropped(ShadowDrop::stopping), 0U);
  EXPECT_EQ(here.under_way(), 0);
}

TEST(Shadows, AreAsManyAsTheirLimitSays) {
  Loop here;
  constexpr int most = limits::shadows_per_thread;
  for (int i = 0; i < most + 3; ++i) here.shadows.offer(here.state);
  EXPECT_EQ(here.under_way(), most);
  EXPECT_EQ(here.dropped(ShadowDrop::full), 3U);
  here.shadows.stop();
  EXPECT_TRUE(here.ended());
}

TEST(Shadows, FailNoRequestByAnException) {
  Loop here;
  here.clock.broken = true;
  here.shadows.offer(here.state);  // throws inside
  here.clock.broken = false;
  EXPECT_EQ(here.shadows.bugs(), 1U);
  EXPECT_EQ(here.under_way(), 0);
  here.silence.throws = true;
  here.shadows.offer(here.state);
  here.turns();
  EXPECT_EQ(here.shadows.bugs(), 2U);
  EXPECT_EQ(here.under_way(), 0);
  EXPECT_EQ(here.capacity->concurrency(trial).under_way(), 0);  // its place is free
  here.silence.throws = false;
  for (std::size_t i = 0; i < limits::shadows_per_thread; ++i) here.shadows.offer(here.state);
  EXPECT_EQ(here.dropped(ShadowDrop::full), 0U);  // nor is a copy's place still taken
  here.shadows.stop();
  EXPECT_TRUE(here.ended());
}

TEST(ShadowWay, LeavesNoPlaceToProbeTaken) {
  Loop here;
  const MonoTime failed_at = here.clock.now() - 50min;
  here.health->failed(trial, FailureClass::connect, 0, failed_at, 0, std::nullopt);
  Candidate candidate;
  const routing::Target target = target_of("new");
  candidate.target = &target;
  candidate.index = trial;
  const MonoTime now = here.clock.now();
  const auto fail_on_the_way = [&] {
    const auto way = ShadowWay::take(*here.health, candidate, now);
    EXPECT_TRUE(way);
    EXPECT_FALSE(ShadowWay::take(*here.health, candidate, now)) << "one probes at a time";
    throw std::runtime_error("a bug");
  };
  EXPECT_THROW(fail_on_the_way(), std::runtime_error);
  EXPECT_TRUE(ShadowWay::take(*here.health, candidate, now)) << "the next one may";
  auto way = ShadowWay::take(*here.health, candidate, now);
  Outcome well;
  way->ended(well, now, 0);
  way.reset();
  EXPECT_EQ(here.health->view(trial, now).state, routing::BreakerState::closed);
}

TEST(NoteFirstContent, OfCopiesTeachesNothingThatRequestsGoBy) {
  for (const bool on_trial : {true, false}) {
    Loop here;
    here.state.on_trial = on_trial;
    Candidate candidate;
    const routing::Target target = target_of("new");
    candidate.target = &target;
    candidate.index = trial;
    const auto& bounds = target.provider->concurrency;
    for (int i = 0; i < 10; ++i) note_first_content(here.state, candidate, 1'000);
    here.clock.time += 1min;
    for (int i = 0; i < 10; ++i) note_first_content(here.state, candidate, 60'000'000);
    const std::int64_t limit = here.capacity->concurrency(trial).limit(bounds);
    if (on_trial)
      EXPECT_EQ(limit, 100);
    else
      EXPECT_LT(limit, 100);
  }
}

TEST(NotCopied, SaysWhyByWhatIsAsked) {
  struct Case {
    const char* rule;
    std::optional<ShadowDrop> want;
    void (*make)(Incoming&);
  };
  const Case cases[] = {
      {"a conversation", std::nullopt, [](Incoming&) {}},
      {"vectors", std::nullopt, [](Incoming& i) { i.front.operation = Operation::embeddings; }},
      {"pictures, sound, moderation", ShadowDrop::not_text,
       [](Incoming& i) { i.front.operation = Operation::media; }},
      {"a count", ShadowDrop::not_text,
       [](Incoming& i) { i.front.operation = Operation::count_tokens; }},
      {"a completion that is kept", ShadowDrop::kept,
       [](Incoming& i) { i.features |= records::bit(records::Feature::stored); }},
      {"a file that one provider has", ShadowDrop::kept,
       [](Incoming& i) { i.features |= records::bit(records::Feature::files); }},
      {"what a response goes on from", ShadowDrop::kept,
       [](Incoming& i) { i.kept.said.previous_response_id = "resp_1"; }},
      {"a conversation that is kept by its name", ShadowDrop::kept,
       [](Incoming& i) {
         i.canonical->extras.push_back({dialect::Dialect::gemini, "cachedContent", R"("c")"});
       }},
  };
  for (const Case& c : cases) {
    Incoming incoming;
    incoming.canonical = std::make_unique<dialect::Request>();
    c.make(incoming);
    EXPECT_EQ(not_copied(incoming), c.want) << c.rule;
  }
}

}  // namespace
}  // namespace holdfast::gateway

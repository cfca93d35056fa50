#include "simulation/simulation.h"

#include <fmt/format.h>

#include "gateway/gateway.h"
#include "provider/kind.h"
#include "records/shadow_attempt.h"
#include "routing/pool_judge.h"
#include "simulation/clients.h"

namespace holdfast::simulation {
namespace {
using namespace std::chrono_literals;
constexpr auto look_interval = 10ms;
constexpr auto housekeeping_interval = 1s;  // as in production
constexpr auto after_deadline = 30s;        // by then every request has ended, whatever happened
constexpr auto goodbye_time = 10min;
constexpr std::uint16_t gateway_port = 8080;

net::Origin gateway_origin() {
  net::Origin origin;
  origin.tls = false;
  origin.host = "127.0.0.1";
  origin.port = gateway_port;
  return origin;
}

// The name of a provider in the network.
std::string place_of(const routing::Provider& provider) {
  if (!provider.engine) return provider.pool_key;
  net::Origin origin;
  origin.tls = false;
  origin.host = "127.0.0.1";
  origin.port = provider.engine->endpoint()->port;
  origin.private_allowed = true;
  return origin.key();
}

std::map<std::string, std::shared_ptr<const vault::Credential>, std::less<>> made_up_credentials(
    const routing::Snapshot& snapshot) {
  std::map<std::string, std::shared_ptr<const vault::Credential>, std::less<>> all;
  for (const auto& provider : snapshot.providers) {
    if (!provider->short_lived) continue;
    auto credential = std::make_shared<vault::Credential>();
    credential->token = Secret("simulated");
    if (provider->kind->name == "bedrock") {
      credential->kind = vault::Credential::Kind::aws;
      credential->aws.access_key_id = "simulated";
      credential->aws.secret_access_key = Secret("simulated");
    }
    all[provider->name] = std::move(credential);
  }
  return all;
}

// The keys of the clients, as Asked::key counts them.
std::vector<std::string> keys_of(const Stage& stage, const Scenario& scenario) {
  if (!scenario.script) return {stage.client_key};
  std::vector<std::string> keys;
  for (const std::string& name : scenario.script->keys) {
    const auto found = stage.named_keys.find(name);
    keys.push_back(found != stage.named_keys.end() ? found->second : stage.client_key);
  }
  return keys;
}

// What the provider's streams on record were like; null: random traffic, or too few of them.
const records::PastPace* pace_of(const Scenario& scenario, const std::string& provider) {
  if (!scenario.script) return nullptr;
  const auto found = scenario.script->paces.find(provider);
  const bool known = found != scenario.script->paces.end() && found->second.streams >= pace_streams;
  return known ? &found->second : nullptr;
}

class Simulation {
 public:
  Simulation(const Stage& stage, const routing::Model& model, Course& course)
      : course_(course),
        stage_(stage),
        model_(model),
        keys_(keys_of(stage, course.scenario)),
        time_(course.scenario.script ? course.scenario.script->begins_us : first_wall_us),
        network_(time_),
        random_(course.seed),
        pool_(network_, time_.clock()),
        journal_(records::JournalFolder::detached(1, disk_), 0, time_.clock()),
        gateway_({.loop = time_.loop(),
                  .clock = time_.clock(),
                  .watchdog = time_.watchdog(),
                  .pool = pool_,
                  .journal = journal_,
                  .counters = counters_,
                  .health = health_,
                  .load = load_,
                  .capacity = capacity_,
                  .memory = memory_,
                  .random = Random(random_.next()),
                  .on_failure = [](const gateway::FailureNotice&) {},
                  .on_refused = [](const std::string&) {},
                  .credentials = made_up_credentials(*stage.snapshot)},
                 stage.snapshot),
        server_(time_.loop(), time_.watchdog(), time_.clock(), gateway_),
        clients_({time_, course.history, network_}, gateway_origin(), model.name, keys_,
                 course.scenario.traffic, course.scenario.script, Random(random_.next())) {}

  void go() {
    for (std::size_t i = 0; i < model_.targets.size(); ++i)
      health_.configure(model_.indices[i], model_.targets[i].provider->health);
    build_network();
    schedule_faults();
    schedule_full_disk();
    keep_house();
    watch();
    const MonoTime end{Duration(course_.scenario.lasts)};
    clients_.start(end);
    time_.run_until(end);
    const MonoTime latest = end + course_.deadline + after_deadline;
    while (clients_.under_way() > 0 && time_.now() < latest) time_.run_until(time_.now() + 1s);
    over_ = true;
    say_goodbye();
    read_meters();
    note_who_may_answer();
    look_what_is_left();
    course_.jumps = time_.jumps();
    note_all();
  }

 private:
  void build_network() {
    network_.listen(
        gateway_origin().key(), Link{.latency = 1ms},
        [this](std::unique_ptr<net::Stream> stream) { server_.adopt(std::move(stream)); });
    const auto& providers = stage_.snapshot->providers;
    for (std::size_t i = 0; i < providers.size(); ++i) {
      upstreams_.push_back(std::make_unique<Upstream>(
          Upstream::Parts{time_, course_.history, disk_}, static_cast<int>(i),
          *providers[i]->adapter, course_.scenario.service,
          pace_of(course_.scenario, providers[i]->name), Random(random_.next()),
          std::ranges::find(course_.trial_providers, static_cast<int>(i)) !=
              course_.trial_providers.end()));
      network_.listen(place_of(*providers[i]), Link{.latency = course_.scenario.service.latency},
                      [upstream = upstreams_.back().get()](std::unique_ptr<net::Stream> stream) {
                        upstream->accept(std::move(stream));
                      });
    }
  }

  void schedule_faults() {
    for (std::size_t i = 0; i < course_.windows.size(); ++i)
      for (const Duration at : turning_points(course_.windows[i])) {
        if (at > course_.scenario.lasts) break;  // nobody sees it any more
        time_.at(MonoTime{at}, [this, i, at] {
          const Condition condition = condition_at(course_.windows[i], at);
          upstreams_[i]->set(condition);
          network_.set_reach(place_of(*stage_.snapshot->providers[i]), condition.reach);
          course_.history.note(4, at.count(), i, condition.reach, condition.status);
        });
      }
  }

  void schedule_full_disk() {
    const Scenario& scenario = course_.scenario;
    if (scenario.disk_full_lasts == 0ms) return;
    time_.at(MonoTime{scenario.disk_full_at}, [this] { disk_.set_full(true); });
    time_.at(MonoTime{scenario.disk_full_at + scenario.disk_full_lasts},
             [this] { disk_.set_full(false); });
  }

  void keep_house() {
    gateway_.keep_house(server_);
    routing::judge_pool(health_, model_.indices, time_.now());
    clients_.evict();
    if (!over_) time_.at(time_.now() + housekeeping_interval, [this] { keep_house(); });
  }

  void watch() {
    watch_breakers();
    watch_memory();
    if (!over_) time_.at(time_.now() + look_interval, [this] { watch(); });
  }

  void watch_memory() {
    const std::int64_t held = memory_.held();
    const std::int64_t requests = std::max<std::int64_t>(1, counters_.requests_in_flight.value());
    course_.most_memory = std::max(course_.most_memory, held);
    course_.most_memory_each = std::max(course_.most_memory_each, held / requests);
  }

  void watch_breakers() {
    breakers_.resize(model_.indices.size(), routing::BreakerState::closed);
    for (std::size_t i = 0; i < breakers_.size(); ++i) {
      const routing::BreakerState state = health_.view(model_.indices[i], time_.now()).state;
      if (state == breakers_[i]) continue;
      breakers_[i] = state;
      course_.breakers.push_back({time_.now(), i, state});
      course_.history.note(5, time_.since_start().count(), i, state);
    }
  }

  void say_goodbye() {
    clients_.hang_up();
    gateway_.stop_shadows();
    pool_.clear();
    // Providers may still think about what nobody waits for.
    const MonoTime latest = time_.now() + goodbye_time;
    do {
      time_.run_until(time_.now() + 1s);
    } while (upstream_connections() > 0 && time_.now() < latest);
    course_.left.upstream_connections = upstream_connections();
    course_.left.client_connections = server_.connections();
    gateway_.keep_house(server_);
    const auto flushed = journal_.flush();
    (void)flushed;  // what is lost is counted
    // Whatever may be left ends now, so that nothing refers to what goes.
    gateway_.cut_all();
    server_.close_all();
    for (const auto& upstream : upstreams_) upstream->stop();
    time_.run_until(time_.now() + goodbye_time);
  }

  std::size_t upstream_connections() const {
    std::size_t sum = 0;
    for (const auto& upstream : upstreams_) sum += upstream->connections();
    return sum;
  }

  void read_meters() {
    Meters& meters = course_.meters;
    for (std::size_t index = 0; index <= limits::targets_total; ++index) {
      const observe::TargetCounters* target = counters_.find_target(index);
      if (target == nullptr) continue;
      for (const observe::Count& count : target->attempts) meters.attempts_counted += count.value();
      for (const observe::Count& count : target->failovers) meters.failovers += count.value();
      for (const observe::Count& count : target->shadows) meters.copies_counted += count.value();
      for (const observe::Count& count : target->shadows_dropped)
        meters.copies_dropped += count.value();
      meters.hedges += target->hedges.value();
      meters.hedges_won += target->hedges_won.value();
      meters.tokens_out_counted +=
          target->tokens[static_cast<std::size_t>(observe::TokenKind::out)].value();
    }
    meters.hedges_refused = counters_.hedges_refused.value();
    for (unsigned status = observe::ThreadCounters::status_low;
         status <= observe::ThreadCounters::status_high; ++status)
      meters.requests_counted += counters_.answers(observe::Route::chat_completions, status);
    course_.attempts.resize(course_.history.fates.size());
    for (const RecordedAttempt& attempt : disk_.attempts()) {
      if (attempt.attempt == records::shadow_attempt) {
        ++meters.copies_recorded;
        if (attempt.ended) ++meters.copies_ended;
        continue;
      }
      course_.recorded.push_back(attempt);
      ++meters.attempts_recorded;
      if (const auto request = request_of(attempt.request_id)) ++course_.attempts.at(*request);
      if (attempt.ended) ++meters.attempts_ended;
      if (attempt.tokens_in > 0)
        meters.tokens_in_recorded += static_cast<std::uint64_t>(attempt.tokens_in);
      if (attempt.tokens_out > 0)
        meters.tokens_out_recorded += static_cast<std::uint64_t>(attempt.tokens_out);
    }
    meters.records_lost = journal_.lost();
    meters.journal_damaged = disk_.damaged();
  }

  void note_who_may_answer() {
    Asker asker;
    const auto regions = stage_.regions.find(model_.name);
    if (regions != stage_.regions.end()) asker.regions = regions->second;
    const std::int64_t began_us =
        time_.clock().wall_us() -
        std::chrono::duration_cast<std::chrono::microseconds>(time_.since_start()).count();
    for (const Fate& fate : course_.history.fates) {
      asker.key = stage_.snapshot->keys.find_key(keys_[fate.asked.key]);
      asker.features = fate.asked.features & ~unsaid(fate.asked.features);
      asker.stream = fate.stream;
      const auto sent =
          std::chrono::duration_cast<std::chrono::microseconds>(fate.sent.time_since_epoch());
      course_.permitted.push_back(permitted_targets(model_, asker, began_us + sent.count()));
      course_.copies_permitted.push_back(permitted_copies(model_, asker, began_us + sent.count()));
    }
  }

  void look_what_is_left() {
    course_.left.requests = counters_.requests_in_flight.value();
    course_.left.streams = counters_.streams.value();
    course_.left.copies = counters_.shadows_in_flight.value();
    course_.left.memory = memory_.held();
    course_.left.timers = !time_.quiet();
    course_.left.bugs = server_.internal_errors();
    for (const std::uint16_t index : model_.indices)
      course_.left.attempts += load_.in_flight(index);
  }

  void note_all() {
    History& history = course_.history;
    for (const RecordedAttempt& attempt : disk_.attempts()) {
      history.note_text(attempt.request_id);
      history.note_text(attempt.provider);
      history.note(attempt.attempt, attempt.ended, attempt.failure, attempt.status,
                   attempt.tokens_out);
    }
    history.note(course_.meters.attempts_counted, course_.meters.requests_counted, course_.jumps,
                 disk_.writes(), network_.connections_made());
  }

  Course& course_;
  const Stage& stage_;
  const routing::Model& model_;
  const std::vector<std::string> keys_;
  Timeline time_;
  Network network_;
  Disk disk_;
  Random random_;
  observe::ThreadCounters counters_;
  routing::HealthTable health_;
  routing::LoadTable load_;
  routing::CapacityTable capacity_;
  routing::MemoryAccount memory_;
  net::ConnectionPool pool_;
  records::Journal journal_;
  gateway::Gateway gateway_;
  net::HttpServer server_;
  std::vector<std::unique_ptr<Upstream>> upstreams_;
  Clients clients_;
  std::vector<routing::BreakerState> breakers_;
  bool over_ = false;
};

// Fills in what is known beforehand.
Result<const routing::Model*> prepare(const Stage& stage, Course& course) {
  const routing::Snapshot& snapshot = *stage.snapshot;
  auto found = snapshot.models.find(course.scenario.model);
  if (course.scenario.model.empty()) found = snapshot.models.begin();
  if (found == snapshot.models.end())
    return fail(ErrorCode::configuration,
                course.scenario.model.empty()
                    ? "the configuration has no model to ask for"
                    : fmt::format("the configuration has no model {}", course.scenario.model));
  const routing::Model& model = found->second;
  for (std::size_t i = 0; i < snapshot.providers.size(); ++i)
    course.providers.push_back(snapshot.providers[i]->name);
  for (const routing::Target& target : model.targets) {
    course.targets.push_back(target.provider->name + "/" + target.model);
    const auto at = std::ranges::find(course.providers, target.provider->name);
    course.target_providers.push_back(static_cast<int>(at - course.providers.begin()));
  }
  for (const routing::Shadow& shadow : model.shadows) {
    const std::string& provider = shadow.target.provider->name;
    const auto at = std::ranges::find(course.providers, provider) - course.providers.begin();
    const auto number = static_cast<int>(at);
    if (std::ranges::find(course.target_providers, number) != course.target_providers.end() ||
        std::ranges::find(course.trial_providers, number) != course.trial_providers.end())
      return fail(
          ErrorCode::configuration,
          fmt::format("the shadow {}/{} cannot be simulated: its provider has other requests",
                      provider, shadow.target.model));
    course.trial_providers.push_back(number);
  }
  course.deadline = model.deadline;
  for (const routing::Target& target : model.targets)
    course.slow_starts.push_back(target.provider->health.slow_start);
  const routing::Node& root = model.route.nodes.front();
  course.in_order = root.policy == routing::Policy::failover &&
                    model.route.nodes[root.children.front()].leaf != routing::Node::no_leaf;
  auto windows = place_faults(course.scenario.faults, stage.providers, model);
  if (!windows) return std::unexpected(std::move(windows).error());
  course.windows = std::move(*windows);
  return &model;
}

}  // namespace

Result<Course> simulate(const Stage& stage, const Scenario& scenario, std::uint64_t seed) {
  Course course;
  course.seed = seed;
  course.scenario = scenario;
  if (scenario.script)
    course.scenario.lasts = std::chrono::ceil<std::chrono::milliseconds>(scenario.script->lasts);
  const Result<const routing::Model*> model = prepare(stage, course);
  if (!model) return std::unexpected(model.error());
  const auto simulation = std::make_unique<Simulation>(stage, **model, course);
  simulation->go();
  return course;
}

}  // namespace holdfast::simulation

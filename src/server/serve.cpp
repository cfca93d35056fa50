#include "server/serve.h"

#include <fmt/ranges.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <optional>
#include <thread>

#include "audit/usage.h"
#include "base/log.h"
#include "gateway/answer_cache.h"
#include "provider/kind.h"
#include "responses/schema.h"
#include "routing/pool_judge.h"
#include "server/access.h"
#include "server/admin.h"
#include "server/alerts.h"
#include "server/auditing.h"
#include "server/budget_keeper.h"
#include "server/credentials.h"
#include "server/listener_tls.h"
#include "server/loader.h"
#include "server/prober.h"
#include "server/snapshot.h"
#include "server/virtual_keys.h"
#include "server/worker.h"
#include "store/state_lock.h"
#include "vault/sealed/vault_file.h"

namespace holdfast::server {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

constexpr int exit_ok = 0, exit_configuration = 1, exit_infrastructure = 4;
constexpr auto rate_interval = 1s;

int refuse_start(const Error& error) {
  log::flush();
  std::fprintf(stderr, "holdfast: %s\n", error.detail.c_str());
  return error.code == ErrorCode::configuration ? exit_configuration : exit_infrastructure;
}

// Another gateway has it for long, a verb of `holdfast vault` for a moment.
Result<store::StateLock> lock_state(const std::string& directory) {
  for (int tries = 0; tries < 20; ++tries) {
    auto lock = store::StateLock::try_acquire(directory);
    if (!lock) return std::unexpected(std::move(lock).error());
    if (*lock) return **std::move(lock);
    std::this_thread::sleep_for(100ms);
  }
  return store::StateLock::acquire(directory);  // which says who has it
}

// The one place where the password is ever shown.
std::string first_person_text(const std::string& password) {
  return fmt::format(
      "first start: sign in as admin with the one-time password {} within a day, at /login of the "
      "administration. Lost: holdfast admin reset-password",
      password);
}

// Each connection needs a descriptor, and each stream two.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// The local engines, kept over reloads while their settings stay the same.
class Engines {
 public:
  Engines(std::string state_dir, const Clock& clock)
      : state_dir_(std::move(state_dir)), clock_(clock) {}

  std::shared_ptr<engine::Engine> get(const provider::Settings& settings) {
    Entry& entry = engines_[settings.name];
    if (!entry.engine || !(entry.settings == settings.engine)) {
      if (entry.engine) retired_.push_back(std::move(entry.engine));
      entry.settings = settings.engine;
      entry.engine = engine::make_llama_cpp(settings.name, settings.engine, state_dir_, clock_);
      entry.engine->start();
    }
    return entry.engine;
  }

  // Forgets the engines that `settings` do not have any more.
  void keep_only(const Settings& settings) {
    for (auto entry = engines_.begin(); entry != engines_.end();) {
      const bool kept = std::any_of(settings.providers.begin(), settings.providers.end(),
                                    [&](const provider::Settings& one) {
                                      return one.kind->local && one.name == entry->first;
                                    });
      if (!kept) retired_.push_back(std::move(entry->second.engine));
      entry = kept ? std::next(entry) : engines_.erase(entry);
    }
  }

  // Stops those that no request uses any more.
  void reap() {
    std::erase_if(retired_, [](const auto& engine) { return engine.use_count() == 1; });
  }

 private:
  struct Entry {
    provider::EngineSettings settings;
    std::shared_ptr<engine::Engine> engine;
  };
  std::string state_dir_;
  const Clock& clock_;
  std::map<std::string, Entry> engines_;
  std::vector<std::shared_ptr<engine::Engine>> retired_;
};

// The running process.
class Server {
 public:
  Server(ServeOptions options, Reading first, Clock& clock)
      : options_(std::move(options)),
        clock_(clock),
        registry_(HF_VERSION),
        health_(entropy_seed()),
        cache_(first.settings->cache_size),
        engines_(options_.state_dir, clock),
        failures_(loop_),
        signals_(loop_, SIGTERM, SIGINT, SIGHUP),
        rate_timer_(loop_),
        watchdog_(loop_, clock),
        prober_(loop_, watchdog_, clock, health_, entropy_seed()),
        settings_(std::move(*first.settings)),
        first_{std::move(first.document), std::move(first.secrets), {}} {}

  int run() {
    auto lock = lock_state(options_.state_dir);
    if (!lock) return refuse_start(lock.error());
    lock_.emplace(*std::move(lock));
    auto audited = audit::Log::open(options_.state_dir + "/audit", settings_.audit, clock_);
    if (!audited) return refuse_start(audited.error());
    audit_ = *std::move(audited);
    auditing_.emplace(*audit_, clock_, registry_);
    auditing_->vault_changes(vault::sealed::changes_in(options_.state_dir));  // from here on
    usage_sealer_.emplace(*audit_, options_.state_dir + "/audit");
    auto drain = records::Drain::open(options_.state_dir, settings_.records, clock_,
                                      records::system_disk(), &*usage_sealer_);
    if (!drain) return refuse_start(drain.error());
    drain_ = std::move(*drain);
    if (auto kept = open_responses(); !kept) return refuse_start(kept.error());
    auto operators = OperatorState::open(options_.state_dir);
    if (!operators) return refuse_start(operators.error());
    operators_ = std::move(*operators);
    auto access = Access::open(options_.state_dir, clock_);
    if (!access) return refuse_start(access.error());
    access_ = std::move(*access);
    auto keys = VirtualKeys::open(options_.state_dir, limits_);
    if (!keys) return refuse_start(keys.error());
    keys_ = *std::move(keys);
    if (const identity::KeySettings* clash = keys_->clash(settings_.keys))
      return refuse_start({ErrorCode::configuration, clash_message(*clash)});
    access_->use(settings_.sessions);
    if (auto free = refuse_taken_port(settings_.applications); !free)
      return refuse_start(free.error());
    if (auto free = refuse_taken_port(settings_.administration); !free)
      return refuse_start(free.error());

    failures_.also_tell([this](const gateway::FailureNotice& notice) {
      if (notice.failure == FailureClass::revoked || notice.failure == FailureClass::unpaid)
        auditing_->credential_refused(notice.provider, notice.failure);
    });
    if (auto kept = keep_budgets(); !kept) return refuse_start(kept.error());
    auto snapshot = compile(
        settings_, ++generation_, clock_.wall_us(), registry_, limits_,
        [this](const provider::Settings& one) { return engines_.get(one); }, budget_table_.get());
    admin_.emplace(AdminState{clock_, registry_, *drain_, responses_.get(), health_, load_,
                              capacity_, failures_, *operators_, *auditing_, *access_,
                              options_.state_dir, HF_VERSION, clock_.wall_us(), snapshot,
                              settings_});
    admin_->local = net::is_loopback_host(settings_.administration.address);
    admin_->budgets = keeper_ ? &*keeper_ : nullptr;
    admin_->keys = keys_.get();
    use_health(*snapshot);
    if (auto opened = open_tls(); !opened) return refuse_start(opened.error());
    if (auto made = make_workers(snapshot); !made) return refuse_start(made.error());
    if (auto made = make_admin(); !made) return refuse_start(made.error());
    auditing_->started(HF_VERSION, settings_.digest);
    make_first_person();
    start_workers();
    admin_http_->start();
    alerts_.emplace(loop_, watchdog_, clock_, registry_);
    alerts_->use(settings_.alerts);
    admin_->alerts = &*alerts_;
    provide_gauges();
    await_signal();
    measure_rates();
    announce();
    // From here on the snapshot and the administration's copy have what is secret in them: when
    // those go, it is gone.
    settings_.providers.clear();
    settings_.keys.clear();
    loader_.emplace(options_, first_, [this](std::shared_ptr<Loaded> loaded) {
      asio::post(loop_, [this, loaded = std::move(loaded)] { take(*loaded); });
    });
    first_ = {};
    loop_.run();
    return finish();
  }

 private:
  static std::string clash_message(const identity::KeySettings& key) {
    return fmt::format(
        "keys.{0}: a virtual key has, or had, this name, and what it did is recorded under it: "
        "give "
        "the key of the configuration another name",
        key.name);
  }

  // A disk that is full keeps nobody from being served.
  void make_first_person() {
    if (!access_->people().fresh()) return;
    audit::Event event;
    event.action = "person.add";
    event.actor = "holdfast";
    event.from = "the first start";
    event.target = "person:admin";
    event.after = {{"roles", "administrator"}};
    const auto intent = auditing_->begin(event);
    if (!intent) {
      log::error("no local administrator is made while the audit log cannot be written: {}",
                 intent.error().detail);
      return;
    }
    const auto first = access_->make_first_person();
    auditing_->conclude(*intent, first.has_value());
    if (!first)
      log::error("no local administrator could be made, the next start tries again: {}",
                 first.error().detail);
    else if (*first)
      std::printf("%s\n", first_person_text(**first).c_str());
  }

  Result<void> open_responses() {
    if (!settings_.responses.store) {
      const std::string left = responses::database_path(options_.state_dir);
      if (::access(left.c_str(), F_OK) == 0)
        log::warning(
            "responses.store is off, and {} still holds prompts and answers of before: delete it "
            "and its -wal and -shm files unless they are wanted again",
            left);
      return {};
    }
    auto keeper = responses::Keeper::open(options_.state_dir, settings_.responses, clock_);
    if (!keeper) return std::unexpected(std::move(keeper).error());
    responses_ = std::move(*keeper);
    return {};
  }

  // What was spent before is known before anything is spent again.
  Result<void> keep_budgets() {
    if (settings_.budgets.empty()) return {};
    auto drained = drain_->wait_until_drained();
    if (!drained) return drained;
    auto ledger = records::BudgetLedger::open(options_.state_dir);
    if (!ledger) return std::unexpected(std::move(ledger).error());
    budget_ledger_ = std::move(*ledger);
    budget_table_ = std::make_unique<routing::BudgetTable>();
    const auto charged = [this](const records::SpendingScope& scope, std::int64_t from,
                                std::int64_t until) -> Result<NanoUsd> {
      auto archive = records::Archive::open(options_.state_dir);
      if (!archive) return std::unexpected(std::move(archive).error());
      return archive->charged_in(scope, from, until);
    };
    keeper_.emplace(settings_.budgets, BudgetKeeper::Parts{*budget_table_, *budget_ledger_, clock_,
                                                           charged, records::boot_id()});
    auto first = keeper_->pass();
    if (!first) return first;
    keeper_->provide(registry_);
    keeper_->start();
    return {};
  }

  // Takes over what may change while it runs.
  void reload_budgets(Settings& loaded) {
    const bool same = keeper_ ? keeper_->use(loaded.budgets) : loaded.budgets.empty();
    if (!same)
      log::warning(
          "budgets: amounts and what is told change now; new ones, and another scope, period or "
          "hard, take effect at the next start");
    loaded.budgets = keeper_ ? keeper_->budgets() : std::vector<routing::Budget>();
  }

  // The certificates of the listeners that have one.
  Result<void> open_tls() {
    const auto open = [this](std::optional<ListenerTls>& into, std::string name,
                             std::string_view alpn,
                             const std::optional<net::ServerTlsFiles>& files) -> Result<void> {
      if (!files) return {};
      into.emplace(std::move(name), std::string(alpn), clock_);
      return into->open(*files);
    };
    auto opened = open(application_tls_, "server.tls", net::alpn_http1, settings_.applications_tls);
    if (!opened) return opened;
    return open(admin_tls_, "admin.tls", net::alpn_http1, settings_.administration_tls);
  }

  // TLS itself comes and goes with a start; its files may be others from now on.
  void reload_tls(const Settings& loaded) {
    if (application_tls_ && loaded.applications_tls)
      application_tls_->use(*loaded.applications_tls);
    if (admin_tls_ && loaded.administration_tls) admin_tls_->use(*loaded.administration_tls);
    if (application_tls_.has_value() != loaded.applications_tls.has_value() ||
        admin_tls_.has_value() != loaded.administration_tls.has_value())
      log::warning("server.tls and admin.tls are turned on and off by the next start");
  }

  // Threads share their port by SO_REUSEPORT; another process must not join them by accident.
  Result<void> refuse_taken_port(const Listen& listen) {
    if (listen.port == 0) return {};
    auto probe = net::listen_on(loop_, listen.address, listen.port, false);
    if (!probe) return std::unexpected(std::move(probe).error());
    return {};
  }

  // Takes the ports, and makes what serves them; nothing is taken in yet.
  Result<void> make_workers(const std::shared_ptr<const routing::Snapshot>& snapshot) {
    const auto cores = std::max(1U, std::thread::hardware_concurrency());
    const auto count = settings_.threads > 0 ? static_cast<unsigned>(settings_.threads) : cores;
    std::uint16_t port = settings_.applications.port;
    for (unsigned i = 0; i < count; ++i) {
      workers_.push_back(std::make_unique<Worker>(
          clock_, health_, load_, capacity_, memory_, registry_.add_thread(),
          drain_->open_journal(),
          [this](gateway::FailureNotice notice) { failures_.notice(std::move(notice)); },
          [this](const std::string& provider) {
            asio::post(loop_, [this, provider] { credentials_->refused(provider); });
          },
          cache_, responses_.get(), snapshot));
      auto bound =
          workers_.back()->listen(settings_.applications.address, port,
                                  application_tls_ ? application_tls_->current() : nullptr,
                                  application_tls_ ? &application_tls_->counters() : nullptr);
      if (!bound) return std::unexpected(std::move(bound).error());
      port = *bound;
    }
    application_port_ = port;
    return {};
  }

  void start_workers() {
    credentials_.emplace(clock_, workers_);
    credentials_->use(settings_);  // first: what is written down is there with the first request
    admin_->credentials = &*credentials_;
    keys_->tell([this](const VirtualKeys::Published& keys) {
      for (const auto& worker : workers_) worker->use_keys(keys);
    });
    for (const auto& worker : workers_) {
      worker->use_keys(keys_->published());  // first, too
      worker->start();
    }
    if (application_tls_)
      application_tls_->give_to([this](const std::shared_ptr<const net::ServerTls>& tls) {
        for (const auto& worker : workers_) worker->use_tls(tls);
      });
  }

  Result<void> make_admin() {
    auto acceptor = net::listen_on(loop_, settings_.administration.address,
                                   settings_.administration.port, false);
    if (!acceptor) return std::unexpected(std::move(acceptor).error());
    admin_port_ = acceptor->local_endpoint().port();
    admin_handler_.emplace(*admin_);
    net::HttpServerOptions options;
    if (admin_tls_) options.tls_counters = &admin_tls_->counters();
    admin_http_.emplace(loop_, watchdog_, clock_, *admin_handler_, std::move(*acceptor),
                        std::move(options));
    if (admin_tls_)
      admin_tls_->give_to([this](std::shared_ptr<const net::ServerTls> tls) {
        admin_http_->use_tls(std::move(tls));
      });
    return {};
  }

  void announce() {
    const auto url = [](const Listen& listen, std::uint16_t port, bool tls) {
      const bool v6 = listen.address.find(':') != std::string::npos;
      return fmt::format("{}://{}{}{}:{}", tls ? "https" : "http", v6 ? "[" : "", listen.address,
                         v6 ? "]" : "", port);
    };
    for (const config::Problem& warning : settings_.warnings)
      log::warning("{}", config::to_string(warning));
    if (!vault::sealed::LockedBytes::all_locked())
      log::warning(
          "keys of the vault could not be locked in memory and may be swapped out: raise the limit "
          "(LimitMEMLOCK, ulimit -l)");
    std::printf(
        "listening on %s (applications)\n",
        url(settings_.applications, application_port_, application_tls_.has_value()).c_str());
    std::printf("listening on %s (administration)\n",
                url(settings_.administration, admin_port_, admin_tls_.has_value()).c_str());
    std::fflush(stdout);
  }

  void provide_gauges() {
    using observe::Metric;
    registry_.provide_records(*drain_);
    provide_responses();
    provide_audit();
    provide_tls();
    registry_.provide(Metric::snapshot_generation,
                      [this] { return static_cast<double>(generation_); });
    registry_.provide(Metric::cache_size, [this] { return static_cast<double>(cache_.bytes()); });
    registry_.provide(Metric::cache_entries,
                      [this] { return static_cast<double>(cache_.entries()); });
    registry_.provide(Metric::config_reload_failures,
                      [this] { return static_cast<double>(reload_failures_); });
    provide_health(Metric::breaker_state,
                   [](const routing::HealthView& view) { return static_cast<double>(view.state); });
    provide_health(Metric::target_frozen,
                   [](const routing::HealthView& view) { return view.frozen ? 1.0 : 0.0; });
    provide_health(Metric::usual_first_content, [](const routing::HealthView& view) {
      return std::max(0.0, view.usual_first_content_us / 1e6);
    });
    registry_.provide(Metric::probes, [this] { return prober_.samples(); });
    registry_.provide(Metric::credential_state, [this] {
      std::vector<observe::Sample> samples;
      for (const auto& provider : admin_->snapshot->providers)
        for (const routing::Credential& one : provider->credentials)
          samples.push_back({{provider->name, one.name},
                             static_cast<double>(health_.view(one.index, clock_.now()).state)});
      return samples;
    });
    registry_.provide(Metric::memory_held, [this] { return static_cast<double>(memory_.held()); });
    registry_.provide(Metric::concurrency_limit, [this] { return concurrency_limits(); });
    provide_engine(Metric::engine_ready, [](const engine::EngineStatus& status) {
      return status.state == engine::EngineState::ready ? 1.0 : 0.0;
    });
    provide_engine(Metric::engine_time_to_ready,
                   [](const engine::EngineStatus& status) { return status.time_to_ready_seconds; });
    provide_engine(Metric::engine_restarts, [](const engine::EngineStatus& status) {
      return status.starts > 0 ? static_cast<double>(status.starts - 1) : 0.0;
    });
  }

  // One sample for each listener that speaks TLS.
  void provide_tls() {
    using observe::Metric;
    const auto of = [this](Metric metric, double (*read)(ListenerTls&)) {
      registry_.provide(metric, [this, read] {
        std::vector<observe::Sample> samples;
        if (application_tls_) samples.push_back({{"applications"}, read(*application_tls_)});
        if (admin_tls_) samples.push_back({{"administration"}, read(*admin_tls_)});
        return samples;
      });
    };
    of(Metric::tls_certificate_expiry,
       [](ListenerTls& tls) { return static_cast<double>(tls.current()->expires_us()) / 1e6; });
    of(Metric::tls_reload_failures,
       [](ListenerTls& tls) { return static_cast<double>(tls.failures()); });
    of(Metric::tls_handshakes,
       [](ListenerTls& tls) { return static_cast<double>(tls.counters().handshakes.load()); });
    registry_.provide(Metric::tls_handshake_failures, [this] {
      std::vector<observe::Sample> samples;
      const auto add = [&](std::string listener, std::optional<ListenerTls>& tls) {
        for (std::size_t i = 0; tls && i < net::handshake_failure_count; ++i)
          samples.push_back(
              {{listener, std::string(to_string(static_cast<net::HandshakeFailure>(i)))},
               static_cast<double>(tls->counters().failures[i].load())});
      };
      add("applications", application_tls_);
      add("administration", admin_tls_);
      return samples;
    });
  }

  void provide_audit() {
    using observe::Metric;
    const auto of = [this](Metric metric, auto read) {
      registry_.provide(metric, std::function<double()>([this, read] {
                          return static_cast<double>(read(audit_->status()));
                        }));
    };
    of(Metric::audit_entries, [](const audit::Status& status) { return status.entries; });
    of(Metric::audit_signed_entries,
       [](const audit::Status& status) { return status.signed_entries; });
    of(Metric::audit_refused, [](const audit::Status& status) { return status.refused; });
    of(Metric::audit_checkpoint_failures,
       [](const audit::Status& status) { return status.checkpoint_failures; });
  }

  // Left out while responses are not kept.
  void provide_responses() {
    using observe::Metric;
    const auto of = [this](Metric metric, std::uint64_t responses::Totals::* field) {
      registry_.provide(metric, [this, field]() -> std::vector<observe::Sample> {
        if (!responses_) return {};
        return {{{}, static_cast<double>(responses_->totals().*field)}};
      });
    };
    of(Metric::responses_written, &responses::Totals::written);
    of(Metric::responses_lost, &responses::Totals::lost);
    of(Metric::responses_waiting, &responses::Totals::waiting);
    of(Metric::responses_waiting_bytes, &responses::Totals::waiting_bytes);
  }

  void provide_health(observe::Metric metric, double (*read)(const routing::HealthView&)) {
    registry_.provide(metric, [this, read] {
      std::vector<observe::Sample> samples;
      const auto targets = registry_.targets();
      samples.reserve(targets.size());
      for (std::size_t i = 0; i < targets.size(); ++i)
        samples.push_back(
            {{targets[i].provider, targets[i].model}, read(health_.view(i, clock_.now()))});
      return samples;
    });
  }

  // Each target once, whichever models have it.
  std::vector<observe::Sample> concurrency_limits() const {
    std::map<std::uint16_t, observe::Sample> samples;
    for (const auto& [name, model] : admin_->snapshot->models)
      for (std::size_t i = 0; i < model.targets.size(); ++i) {
        const routing::Target& target = model.targets[i];
        const provider::ConcurrencyBounds& bounds = target.provider->concurrency;
        if (bounds.most > 0)
          samples[model.indices[i]] = {
              {target.provider->name, target.model},
              static_cast<double>(capacity_.concurrency(model.indices[i]).limit(bounds))};
      }
    std::vector<observe::Sample> out;
    out.reserve(samples.size());
    for (auto& [index, sample] : samples) out.push_back(std::move(sample));
    return out;
  }

  void provide_engine(observe::Metric metric, double (*read)(const engine::EngineStatus&)) {
    registry_.provide(metric, [this, read] {
      std::vector<observe::Sample> samples;
      for (const auto& provider : admin_->snapshot->providers)
        if (provider->engine)
          samples.push_back({{provider->name}, read(provider->engine->status())});
      return samples;
    });
  }

  void await_signal() {
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
      if (error) return;
      if (signal == SIGHUP)
        reload();
      else
        stop(signal);
      await_signal();
    });
  }

  void reload() {
    if (!loader_) return;  // stopping
    if (loader_->ask())
      log::info("a reading of the configuration is under way: the one that was asked for follows");
  }

  // What the loader has read.
  void take(Loaded& loaded) {
    if (!loader_) return;  // stopping
    const bool taken = loaded.reading.settings ? use(loaded) : refuse(loaded);
    if (taken) problem_of(loaded.cause).clear();
    loader_->done(loaded.cause, taken ? &loaded.reading : nullptr);
  }

  std::string& problem_of(Loaded::Cause cause) {
    return cause == Loaded::Cause::asked ? admin_->reload_problem : admin_->secrets_problem;
  }

  static std::string_view named(Loaded::Cause cause) {
    switch (cause) {
      case Loaded::Cause::asked:
        return "reload";
      case Loaded::Cause::secrets:
        return "new secrets";
    }
    return {};
  }

  static std::string_view from(Loaded::Cause cause) {
    return cause == Loaded::Cause::asked ? "SIGHUP" : "their files";
  }

  bool refuse(const Loaded& loaded) {
    const std::vector<config::Problem>& problems = loaded.reading.settings.error();
    const auto first = std::find_if(problems.begin(), problems.end(), [](const auto& one) {
      return one.severity == config::Severity::error;
    });
    // Secrets that are refused are tried again: the same problem is told once.
    const std::string why = config::to_string(*first);
    if (loaded.cause == Loaded::Cause::secrets && admin_->secrets_problem == why) return false;
    problem_of(loaded.cause) = why;
    ++reload_failures_;
    for (const config::Problem& problem : problems)
      log::error("{} refused: {}", named(loaded.cause), config::to_string(problem));
    auditing_->reload_refused(from(loaded.cause),
                              fmt::format("{}:{}: {}", first->file, first->line, first->key),
                              problems.size());
    return false;
  }

  static audit::Event event_of(const Loaded& loaded) {
    audit::Event event;
    switch (loaded.cause) {
      case Loaded::Cause::asked:
        event.action = "configuration.reload";
        event.actor = "operator";
        event.from = from(loaded.cause);
        return event;
      case Loaded::Cause::secrets:
        event.action = "secrets.change";
        event.actor = "holdfast";
        event.from = from(loaded.cause);
        event.target = fmt::format("{}", fmt::join(loaded.secrets, ", "));
        return event;
    }
    return event;
  }

  bool use(Loaded& loaded_now) {
    if (loaded_now.cause == Loaded::Cause::secrets && loaded_now.secrets.empty()) {
      log::info("secrets can be read again, with the values that are in use");
      return true;
    }
    Settings* const loaded = &*loaded_now.reading.settings;
    if (const identity::KeySettings* clash = keys_->clash(loaded->keys)) {
      auditing_->reload_refused(from(loaded_now.cause), fmt::format("keys.{}", clash->name), 1);
      return refuse(loaded_now.cause, clash_message(*clash));
    }
    if (loaded->keys.empty() && keys_->keys().empty() &&
        !net::is_loopback_host(settings_.applications.address))
      return refuse(loaded_now.cause,
                    "keys: the last one cannot go while server.listen is no loopback address; "
                    "another address takes effect at the next start");
    audit::Event event = event_of(loaded_now);
    event.before = {{"configuration_sha256", settings_.digest}};
    event.after = {{"configuration_sha256", loaded->digest}};
    const auto intent = auditing_->begin(event);
    if (!intent) {
      return refuse(loaded_now.cause, "the audit log cannot be written: " + intent.error().detail);
    }
    for (const config::Problem& warning : loaded->warnings)
      log::warning("{}", config::to_string(warning));
    if (loaded->applications != settings_.applications ||
        loaded->administration != settings_.administration ||
        loaded->threads != settings_.threads || !(loaded->records == settings_.records) ||
        !(loaded->responses == settings_.responses))
      log::warning(
          "server.listen, server.threads, admin.listen, records and responses take effect at the "
          "next start");
    reload_budgets(*loaded);
    reload_tls(*loaded);
    const auto snapshot = compile(
        *loaded, ++generation_, clock_.wall_us(), registry_, limits_,
        [this](const provider::Settings& one) { return engines_.get(one); }, budget_table_.get());
    use_health(*snapshot);
    credentials_->use(*loaded);  // first: what is no longer of a provider goes nowhere new with it
    for (const auto& worker : workers_) worker->use(snapshot);
    admin_->snapshot = snapshot;
    admin_->settings = Settings(*loaded);  // moved in: what is overwritten would not be wiped
    access_->use(loaded->sessions);
    if (auto read = access_->reload(); !read)
      log::error("reload: the machine's token stays as it was: {}", read.error().detail);
    engines_.keep_only(*loaded);
    settings_.drain_timeout = loaded->drain_timeout;
    cache_.set_max_bytes(loaded->cache_size);
    alerts_->use(loaded->alerts);
    auditing_->use(loaded->audit);
    settings_.digest = loaded->digest;
    auditing_->conclude(*intent, true);
    if (loaded_now.cause == Loaded::Cause::asked)
      log::info("configuration reloaded: generation {}", generation_);
    else
      log::info("taken over with their new values: {} (generation {})",
                fmt::join(loaded_now.secrets, ", "), generation_);
    return true;
  }

  bool refuse(Loaded::Cause cause, const std::string& why) {
    if (cause == Loaded::Cause::secrets && admin_->secrets_problem == why) return false;
    ++reload_failures_;
    problem_of(cause) = why;
    log::error("{} refused: {}", named(cause), why);
    return false;
  }

  // What the configuration and the operator say of its targets, before a request may meet them.
  void use_health(const routing::Snapshot& snapshot) {
    for (const auto& [name, model] : snapshot.models)
      for (std::size_t i = 0; i < model.targets.size(); ++i)
        health_.configure(model.indices[i], model.targets[i].provider->health);
    for (const auto& provider : snapshot.providers)
      for (const routing::Credential& one : provider->credentials)
        health_.configure(one.index, provider->health);
    operators_->apply(snapshot, health_, clock_);
  }

  void stop(int signal) {
    if (std::exchange(admin_->draining, true)) {  // asked twice: at once
      for (const auto& worker : workers_) worker->drain(clock_.now());
      return;
    }
    auditing_->stopping(signal == SIGINT ? "SIGINT" : "SIGTERM");
    log::info("{}: draining for up to {} s", signal == SIGINT ? "SIGINT" : "SIGTERM",
              std::chrono::duration<double>(settings_.drain_timeout).count());
    const net::Deadline deadline = clock_.now() + settings_.drain_timeout;
    for (const auto& worker : workers_) worker->drain(deadline);
    // The administrative side answers until the last worker is done.
    joiner_ = std::thread([this] {
      for (const auto& worker : workers_) worker->join();
      asio::post(loop_, [this] { loop_.stop(); });
    });
  }

  void look_at_tls() {
    admin_->tls_warnings.clear();
    for (std::optional<ListenerTls>* one : {&application_tls_, &admin_tls_}) {
      if (!*one) continue;
      (*one)->tick();
      if (std::string warning = (*one)->warning(); !warning.empty())
        admin_->tls_warnings.push_back(std::move(warning));
    }
  }

  void measure_rates() {
    admin_->last_rates = admin_->rates.update(clock_.now(), observe::summarize(registry_));
    for (const auto& [name, model] : admin_->snapshot->models)
      routing::judge_pool(health_, model.indices, clock_.now());
    operators_->apply(*admin_->snapshot, health_, clock_);
    prober_.tick(admin_->snapshot);
    engines_.reap();
    alerts_->tick();
    for (const auto& [name, count] : keys_->take_wrong()) auditing_->key_refused(name, count);
    auditing_->vault_changes(vault::sealed::changes_in(options_.state_dir));
    auditing_->tick();
    look_at_tls();
    rate_timer_.expires_after(rate_interval);
    rate_timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error) measure_rates();
    });
  }

  int finish() {
    if (joiner_.joinable()) joiner_.join();
    loader_.reset();
    prober_.stop();
    loop_.restart();
    while (!prober_.idle()) loop_.run_one();
    // What still runs on this loop ends while all that it may ask is there.
    alerts_->stop();
    signals_.cancel();
    loop_.restart();
    loop_.poll();
    admin_->credentials = nullptr;
    credentials_.reset();
    if (responses_) {  // while there are loops, on which somebody may still have waited for it
      if (const auto kept = responses_->stop(); !kept)
        log::error("responses: {}", kept.error().detail);
    }
    workers_.clear();
    const auto drained = drain_->stop();
    if (!drained) log::error("records: {}", drained.error().detail);
    if (keeper_) keeper_->stop();
    auditing_->vault_changes(vault::sealed::changes_in(options_.state_dir));
    auditing_->stopped();
    log::info("stopped");
    log::flush();
    return exit_ok;
  }

  ServeOptions options_;
  Clock& clock_;
  asio::io_context loop_{1};  // of the administrative side
  observe::Registry registry_;
  routing::HealthTable health_;
  gateway::AnswerCache cache_;
  routing::LoadTable load_;
  routing::CapacityTable capacity_;
  routing::MemoryAccount memory_;
  routing::LocalLimitStore limits_;
  Engines engines_;
  FailureLog failures_;
  std::optional<OperatorState> operators_;
  std::optional<Access> access_;
  std::unique_ptr<VirtualKeys> keys_;
  std::optional<store::StateLock> lock_;  // goes after all that writes there
  std::unique_ptr<audit::Log> audit_;
  std::optional<Auditing> auditing_;
  std::optional<audit::UsageSealer> usage_sealer_;  // the drain's
  std::unique_ptr<records::Drain> drain_;
  std::unique_ptr<responses::Keeper> responses_;  // null: none are kept
  std::unique_ptr<records::BudgetLedger> budget_ledger_;
  std::unique_ptr<routing::BudgetTable> budget_table_;
  std::optional<BudgetKeeper> keeper_;
  asio::signal_set signals_;
  asio::steady_timer rate_timer_;
  net::Watchdog watchdog_;
  Prober prober_;
  Settings settings_;
  Reading first_;  // until the loader has it
  std::optional<Loader> loader_;
  std::uint64_t generation_ = 0, reload_failures_ = 0;
  std::optional<AdminState> admin_;
  std::optional<Alerts> alerts_;
  std::optional<ListenerTls> application_tls_, admin_tls_;  // nothing: plain HTTP
  std::optional<AdminHandler> admin_handler_;
  std::optional<net::HttpServer> admin_http_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::optional<Credentials> credentials_;  // goes before the workers
  std::thread joiner_;
  std::uint16_t application_port_ = 0, admin_port_ = 0;
};

}  // namespace

int serve(const ServeOptions& options) {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on file sizes is a full disk, not the end
  raise_descriptor_limit();
  Reading first = read_configuration(options);
  if (!first.settings) {
    for (const config::Problem& problem : first.settings.error())
      std::fprintf(stderr, "%s\n", config::to_string(problem).c_str());
    return exit_configuration;
  }
  const auto server = std::make_unique<Server>(options, std::move(first), system_clock());
  return server->run();
}

}  // namespace holdfast::server

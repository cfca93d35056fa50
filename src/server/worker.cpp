#include "server/worker.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace holdfast::server {
namespace {
using namespace std::chrono_literals;
namespace asio = boost::asio;
constexpr auto housekeeping_interval = 1s;
constexpr auto drain_poll = 20ms;
constexpr auto first_request_grace = 1s;  // for connections that were queued when draining began
constexpr auto after_cut = 2s;            // for the error events of what did not finish in time
}  // namespace

Worker::Worker(const Clock& clock, routing::HealthTable& health, routing::LoadTable& load,
               routing::CapacityTable& capacity, routing::MemoryAccount& memory,
               observe::ThreadCounters& counters, std::unique_ptr<records::Journal> journal,
               gateway::FailureListener on_failure, gateway::RefusedListener on_refused,
               gateway::AnswerCache& cache, responses::Keeper* responses,
               std::shared_ptr<const routing::Snapshot> snapshot)
    : work_(loop_.get_executor()),
      clock_(clock),
      journal_(std::move(journal)),
      watchdog_(loop_, clock),
      connector_(net::make_connector(loop_, watchdog_, clock)),
      pool_(*connector_, clock),
      gateway_({loop_,
                clock,
                watchdog_,
                pool_,
                *journal_,
                counters,
                health,
                load,
                capacity,
                memory,
                Random(entropy_seed()),
                std::move(on_failure),
                std::move(on_refused),
                {},
                &cache,
                responses},
               std::move(snapshot)),
      drained_(loop_, watchdog_) {}

Worker::~Worker() { join(); }

Result<std::uint16_t> Worker::listen(const std::string& address, std::uint16_t port,
                                     std::shared_ptr<const net::ServerTls> tls,
                                     net::TlsCounters* counters) {
  auto acceptor = net::listen_on(loop_, address, port, true);
  if (!acceptor) return std::unexpected(std::move(acceptor).error());
  const std::uint16_t bound = acceptor->local_endpoint().port();
  net::HttpServerOptions options;
  options.tls = std::move(tls);
  options.tls_counters = counters;
  http_ = std::make_unique<net::HttpServer>(loop_, watchdog_, clock_, gateway_,
                                            std::move(*acceptor), std::move(options));
  return bound;
}

void Worker::start() {
  http_->start();
  asio::co_spawn(loop_, housekeeping(), asio::detached);
  thread_ = std::thread([this] { run(); });
}

void Worker::run() { loop_.run(); }

void Worker::use(std::shared_ptr<const routing::Snapshot> snapshot) {
  asio::post(loop_, [this, snapshot = std::move(snapshot)] { gateway_.use(snapshot); });
}

void Worker::use_tls(std::shared_ptr<const net::ServerTls> tls) {
  asio::post(loop_, [this, tls = std::move(tls)] { http_->use_tls(tls); });
}

void Worker::use_keys(std::shared_ptr<const routing::PublishedKeys> keys) {
  asio::post(loop_, [this, keys = std::move(keys)] { gateway_.use_keys(keys); });
}

void Worker::use_credential(const std::string& provider,
                            std::shared_ptr<const vault::Credential> credential) {
  asio::post(loop_, [this, provider, credential = std::move(credential)] {
    gateway_.use_credential(provider, credential);
  });
}

void Worker::drain(net::Deadline deadline) {
  asio::post(loop_, [this, deadline] {
    const bool begun = drain_by_ != net::no_deadline;
    drain_by_ = deadline;
    if (!begun) asio::co_spawn(loop_, wind_down(), asio::detached);
  });
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

Task<void> Worker::housekeeping() {
  Result<void> drained = fail(ErrorCode::deadline_exceeded, "");
  while (!drained) {
    gateway_.keep_house(*http_);
    const net::Deadline next = clock_.now() + housekeeping_interval;
    drained = co_await drained_.wait(next);
  }
}

Task<void> Worker::wind_down() {
  net::Signal pause(loop_, watchdog_);  // nobody ends it before its time
  http_->stop_accepting();
  gateway_.stop_shadows();
  bool cut = false;
  const MonoTime patient_until = clock_.now() + first_request_grace;
  while (http_->connections() > 0) {
    const MonoTime now = clock_.now();
    if (now >= patient_until) http_->close_idle();
    if (now >= drain_by_ && !cut) {
      cut = true;
      gateway_.cut_all();
    }
    if (now >= drain_by_ + after_cut) {
      http_->close_all();
      drain_by_ = now;
    }
    const net::Deadline next = clock_.now() + drain_poll;
    co_await pause.wait(next);
  }
  co_await gateway_.shadows_ended();  // they were cut above
  pool_.clear();
  drained_.notify();
  const auto flushed = journal_->flush();
  (void)flushed;  // the journal itself has said why in the log
  work_.reset();
  for (int turn = 0; turn < 3; ++turn)  // what was cancelled above ends in these turns
    co_await asio::post(loop_, asio::use_awaitable);
  loop_.stop();
}

}  // namespace holdfast::server

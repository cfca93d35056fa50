// One loop thread of the data plane, with everything that is its own: listener, connection pools,
// journal, counters.
#pragma once
#include <atomic>
#include <memory>
#include <thread>

#include "gateway/gateway.h"
#include "net/connector.h"
#include "net/http_server.h"
#include "net/signal.h"
#include "net/watchdog.h"
#include "observe/registry.h"
#include "records/drain.h"

namespace holdfast::server {

class Worker {
 public:
  Worker(const Clock& clock, routing::HealthTable& health, routing::LoadTable& load,
         routing::CapacityTable& capacity, routing::MemoryAccount& memory,
         observe::ThreadCounters& counters, std::unique_ptr<records::Journal> journal,
         gateway::FailureListener on_failure, gateway::RefusedListener on_refused,
         gateway::AnswerCache& cache, responses::Keeper* responses,
         std::shared_ptr<const routing::Snapshot> snapshot);
  ~Worker();  // joins
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Before start().   errors   io
  //   tls, counters   null: plain HTTP; the counters outlive it
  Result<std::uint16_t> listen(const std::string& address, std::uint16_t port,
                               std::shared_ptr<const net::ServerTls> tls,
                               net::TlsCounters* counters);
  void start();
  // Any thread from here on.
  void use(std::shared_ptr<const routing::Snapshot> snapshot);
  void use_tls(std::shared_ptr<const net::ServerTls> tls);
  void use_keys(std::shared_ptr<const routing::PublishedKeys> keys);
  void use_credential(const std::string& provider,
                      std::shared_ptr<const vault::Credential> credential);
  // Accepts no more, lets requests finish until `deadline`, then ends them with an error; the
  // thread ends when the last connection has closed. Told again, only the deadline is another.
  void drain(net::Deadline deadline);
  void join();
  const records::Journal& journal() const { return *journal_; }

 private:
  void run();
  Task<void> housekeeping();
  Task<void> wind_down();

  // One thread runs it and has its sockets to itself: they need no locks. What other threads post
  // does.
  boost::asio::io_context loop_{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  const Clock& clock_;
  std::unique_ptr<records::Journal> journal_;
  net::Watchdog watchdog_;
  std::unique_ptr<net::Connector> connector_;
  net::ConnectionPool pool_;
  gateway::Gateway gateway_;
  std::unique_ptr<net::HttpServer> http_;
  net::Signal drained_;
  net::Deadline drain_by_ = net::no_deadline;  // until drain()
  std::thread thread_;
};

}  // namespace holdfast::server

// The alerts of the running process: counters in, messages to webhooks out. The main loop's own.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/json/value.hpp>
#include <memory>
#include <vector>

#include "base/random.h"
#include "control/alert/watch.h"
#include "control/alert/webhook.h"
#include "net/connector.h"
#include "net/http_client.h"
#include "observe/registry.h"

namespace holdfast::server {

// What was counted for `rule` since the start of the process.
control::alert::Totals totals_of(const observe::Registry& registry,
                                 const control::alert::Rule& rule);

class Alerts {
 public:
  Alerts(boost::asio::io_context& loop, net::Watchdog& watchdog, const Clock& clock,
         observe::Registry& registry);
  Alerts(const Alerts&) = delete;
  Alerts& operator=(const Alerts&) = delete;

  void use(const control::alert::Settings& settings);
  // Sends nothing more. What is under way ends as the loop runs on.
  void stop() { webhooks_.stop(); }
  // Looks at the rules when it is time again. Called every second or so.
  void tick();
  // GET /api/v1/alerts
  boost::json::value to_json() const;
  // Those that page, in words, for /readyz.
  std::vector<std::string> pages() const;

 private:
  void provide_metrics();

  const Clock& clock_;
  observe::Registry& registry_;
  Random random_;
  std::unique_ptr<net::Connector> connector_;
  net::ConnectionPool pool_;
  control::alert::Watch watch_;
  control::alert::Webhooks webhooks_;
  MonoTime looked_at_{};
};

}  // namespace holdfast::server

// Tries targets that are out without a client's request, so that no client is the one who finds
// out.
#pragma once
#include <boost/asio/io_context.hpp>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "net/http_client.h"
#include "observe/registry.h"
#include "provider/adapter.h"
#include "routing/health.h"
#include "routing/snapshot.h"

namespace holdfast::limits {
inline constexpr int probes_at_once = 16;
inline constexpr std::size_t probe_answer_bytes = 1U << 20U;  // what is read of one
}  // namespace holdfast::limits

namespace holdfast::server {

// The main thread's. What a probe finds goes into the table of health as a request's outcome does.
class Prober {
 public:
  // All outlive it; it must be idle when it goes.
  Prober(boost::asio::io_context& loop, net::Watchdog& watchdog, const Clock& clock,
         routing::HealthTable& health, std::uint64_t seed);

  // Once a second: starts the probes that are due of targets that are out.
  void tick(const std::shared_ptr<const routing::Snapshot>& snapshot);
  // Ends those under way; idle() soon after, when the loop runs.
  void stop();
  bool idle() const { return under_way_.empty(); }
  // Probes that ended, for the metric.
  std::vector<observe::Sample> samples() const;

 private:
  struct State {  // of one target
    std::string provider, model;
    MonoTime due{};
    bool known = false;  // due is set for the present outage
    bool under_way = false;
    std::uint32_t turn = 0;  // which of several keys is next
    std::map<FailureClass, std::uint64_t> ended;
  };
  struct Spent {  // completions of one provider
    MonoTime from{};
    int count = 0;
  };
  struct Found {
    FailureClass failure = FailureClass::local;
    std::uint16_t status = 0;
  };
  void look_at(const std::shared_ptr<const routing::Snapshot>& snapshot,
               const routing::Target& target, std::uint16_t index);
  bool reserve(std::uint16_t index, const routing::Provider& provider, MonoTime now);
  bool may_spend(const routing::Provider& provider, MonoTime now);
  Task<Found> probe(std::shared_ptr<const routing::Snapshot> snapshot,
                    const routing::Target& target, const Secret& key);
  Task<Found> ask(net::UpstreamCall& call, const routing::Target& target,
                  provider::Outgoing outgoing, net::Deadline deadline);
  void conclude(std::uint16_t index, const routing::Provider& provider, const Found& found);

  boost::asio::io_context& loop_;
  const Clock& clock_;
  routing::HealthTable& health_;
  Random random_;
  std::unique_ptr<net::Connector> connector_;
  net::ConnectionPool pool_;
  std::map<std::uint16_t, State> states_;  // by index in the table of health
  std::map<std::string, Spent> spent_;     // by provider
  std::list<net::UpstreamCall*> under_way_;
  bool stopping_ = false;
};

}  // namespace holdfast::server

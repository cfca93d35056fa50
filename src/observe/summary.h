// What the status page shows of the counters.
#pragma once
#include <boost/json/value.hpp>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "observe/registry.h"

namespace holdfast::observe {

struct TargetSummary {
  std::string provider, model;
  std::uint64_t attempts = 0, failed = 0;  // all that ended; failed: but for hedges that lost
  std::uint64_t failovers = 0;             // away from it
  std::uint64_t tokens_in = 0, tokens_out = 0;
  std::vector<std::pair<FailureClass, std::uint64_t>> failures;  // classes seen, but none
};

// Since the start of the process, over all threads.
struct Summary {
  std::uint64_t requests = 0, client_errors = 0, server_errors = 0;  // all; 4xx; 5xx
  std::uint64_t refused = 0;
  std::uint64_t attempts = 0, failovers = 0, tokens_in = 0, tokens_out = 0;
  std::uint64_t cut_streams = 0, error_events = 0, clients_left = 0, bugs = 0;
  std::int64_t requests_in_flight = 0, client_connections = 0, streams = 0;
  std::vector<TargetSummary> targets;  // in the order of their index
};
Summary summarize(const Registry& registry);
boost::json::value to_json(const Summary& summary);

struct Rates {
  double requests_per_second = 0, tokens_in_per_second = 0, tokens_out_per_second = 0;
};

// The rates of the last 10 seconds, from the summaries that it is shown. One thread at a time.
class RateMeter {
 public:
  // Takes in one more summary and tells the rates up to `now`; 0 until two are at hand.
  //   now   never less than before
  Rates update(MonoTime now, const Summary& summary);

 private:
  struct Point {
    MonoTime at;
    std::uint64_t requests, tokens_in, tokens_out;
  };
  std::deque<Point> points_;  // oldest first; the first is the one at which the window begins
};

}  // namespace holdfast::observe

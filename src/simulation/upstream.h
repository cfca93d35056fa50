// A virtual provider: answers in its own dialect, takes its time, and misbehaves on schedule.
#pragma once
#include <optional>
#include <string>

#include "base/random.h"
#include "net/http_server.h"
#include "provider/adapter.h"
#include "simulation/disk.h"
#include "simulation/history.h"
#include "simulation/network.h"
#include "simulation/scenario.h"

namespace holdfast::simulation {

// What is wrong with a provider at a time.
struct Condition {
  Reach reach = Reach::open;
  int status = 0;         // every request that `share` picks gets it; 0: none
  int share_percent = 0;  // of requests that get `status`, stall or are cut
  bool stalls = false, cuts = false;
  int factor = 1;  // all times are so much longer
  std::chrono::milliseconds retry_after{0};
  bool well() const {
    return reach == Reach::open && status == 0 && !stalls && !cuts && factor == 1;
  }
};

// Serves over the network's streams by the server and the codecs that ship.
class Upstream final : net::Handler {
 public:
  struct Parts {
    Timeline& time;
    History& history;
    const Disk& disk;
  };
  //   number    names it in the history
  //   adapter   of the provider that it stands for: whose dialect it speaks
  //   pace      that it had on record; null: `service` says it
  //   on_trial  what it gets are copies, and goes into History::copies
  Upstream(Parts parts, int number, const provider::Adapter& adapter, const Service& service,
           const records::PastPace* pace, Random random, bool on_trial);

  void accept(std::unique_ptr<net::Stream> stream) { server_.adopt(std::move(stream)); }
  void set(const Condition& condition) { condition_ = condition; }
  // Ends everything.
  void stop() { server_.close_all(); }
  std::size_t connections() const { return server_.connections(); }

 private:
  Task<void> handle(net::Exchange& exchange) override;
  std::string problem_answer(const net::HeadProblem& problem, net::AnswerHeaders&) override;
  Task<void> serve(net::Exchange& exchange, std::size_t arrival, bool stream);
  Task<void> answer_stream(net::Exchange& exchange, std::size_t arrival, const Condition& now,
                           bool struck);
  Task<void> answer_error(net::Exchange& exchange, std::size_t arrival, const Condition& now);
  Task<void> wait_for_goodbye(net::Exchange& exchange);
  const Asked& asked(std::size_t arrival) const;
  Duration thinking_time();
  // For all of an answer's text, from its first piece.
  Duration writing_time(const Asked& asked) const;
  std::string token(std::uint32_t request, int index) const;
  bool strikes(const Condition& now);

  Parts parts_;
  const int number_;
  const provider::Adapter& adapter_;
  const Service service_;
  const records::PastPace* const pace_;
  Random random_;
  const bool on_trial_;
  std::vector<Arrival>& arrivals_;
  Condition condition_;
  net::HttpServer server_;
};

// "sim-17" for 17: the id with which a request travels; back: nothing when it is no such id.
std::string id_of(std::uint32_t request);
std::optional<std::uint32_t> request_of(std::string_view id);

}  // namespace holdfast::simulation

// The applications: send requests at random times and look closely at what they get.
#pragma once
#include <string>

#include "base/random.h"
#include "net/http_client.h"
#include "simulation/history.h"
#include "simulation/network.h"
#include "simulation/scenario.h"

namespace holdfast::simulation {

class Clients {
 public:
  struct Parts {
    Timeline& time;
    History& history;
    Network& network;
  };
  //   origin   where the gateway is
  //   keys     of the clients, by Asked::key, at least one; empty ones: none is needed
  //   script   what they send, and when; null: random traffic, of the first key
  Clients(Parts parts, const net::Origin& origin, std::string model, std::vector<std::string> keys,
          const Traffic& traffic, std::shared_ptr<const Script> script, Random random);

  // Begins to send; no new request is sent at or after `end`.
  void start(MonoTime end);
  std::size_t under_way() const { return under_way_; }
  // Closes idle connections.
  void evict() { pool_.evict(); }
  void hang_up() { pool_.clear(); }

 private:
  void send_next();
  void send_next_recorded();
  void send(const Asked& asked);
  Task<void> ask(std::uint32_t number, bool stream);
  Task<void> read_answer(net::UpstreamCall& call, std::uint32_t number,
                         const net::ResponseHead& head);
  void take_text(Fate& fate, std::uint32_t number, std::string_view json) const;
  void end(std::uint32_t number, Ending ending);
  std::string request_text(std::uint32_t number) const;

  Parts parts_;
  const net::Origin origin_;
  const std::string origin_key_;
  const std::string model_;
  const std::vector<std::string> keys_;
  const Traffic traffic_;
  const std::shared_ptr<const Script> script_;
  std::size_t sent_ = 0;  // of the script
  Random random_;
  net::ConnectionPool pool_;
  MonoTime end_{};
  std::size_t under_way_ = 0;
};

}  // namespace holdfast::simulation

// Names to addresses, by c-ares on the loop: no thread waits, and a dead zone stalls nobody else.
#pragma once
#include <boost/asio/ip/address.hpp>
#include <memory>
#include <string>
#include <vector>

#include "net/cancellation.h"
#include "net/watchdog.h"

namespace holdfast::net {

inline constexpr std::size_t resolver_names = 4096;  // names remembered by one loop

struct ResolverOptions {
  std::string servers;  // "ADDRESS[:PORT],..."; empty: what /etc/resolv.conf says
  Duration first_timeout = std::chrono::seconds(1);  // of one try; doubled for each further one
  int tries = 3;
};

// Used by one loop; the watchdog outlives it. An answer is kept for its TTL, within 1 s and 5 min;
// "no such name" for 5 s. When a name cannot be resolved again, its last addresses serve on for up
// to a day. Many may ask for one name at once: one query is under way for it.
class Resolver {
 public:
  using Addresses = std::vector<asio::ip::address>;

  Resolver(asio::io_context& loop, Watchdog& watchdog, const Clock& clock,
           const ResolverOptions& options);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // The addresses of `host`, IPv6 first; at least one. Addresses and localhost need no server, and
  // /etc/hosts comes before the servers.
  //   errors   upstream_unavailable: no such name, or no server answers; deadline_exceeded;
  //   cancelled
  Task<Result<Addresses>> resolve(std::string host, Deadline deadline, Cancellation& cancellation);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::net

#include "net/resolver.h"

#include <ares.h>
#include <fmt/format.h>
#include <netdb.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/intrusive/list.hpp>
#include <map>

#include "base/check.h"
#include "net/signal.h"

namespace holdfast::net {
namespace {
using namespace std::chrono_literals;
namespace ip = asio::ip;

constexpr Duration shortest_ttl = 1s;
constexpr Duration longest_ttl = 5min;
constexpr Duration no_such_name_ttl = 5s;
constexpr Duration retry_after_failure = 1s;
constexpr Duration stale_for = 24h;
// How long one family of addresses waits for the other (RFC 8305, 3).
constexpr Duration other_family = 50ms;
// How long a caller waits for a fresh answer when there is a stale one.
constexpr Duration fresh_or_stale = 300ms;

struct Waiter
    : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  Waiter(asio::io_context& loop, Watchdog& watchdog) : signal(loop, watchdog) {}
  Signal signal;
};
using Waiters = boost::intrusive::list<Waiter, boost::intrusive::constant_time_size<false>>;

// A socket of c-ares, which opens and closes it.
struct Watched {
  Watched(asio::io_context& loop, int socket) : descriptor(loop, socket) {}
  asio::posix::stream_descriptor descriptor;
  bool open = true;
  bool wants_read = false, wants_write = false;  // what c-ares asks for
  bool reading = false, writing = false;         // what is waited for
};

ip::address address_of(const sockaddr* from) {
  if (from->sa_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(from);
    return ip::address_v4(ntohl(v4->sin_addr.s_addr));
  }
  ip::address_v6::bytes_type bytes;
  std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6*>(from)->sin6_addr, bytes.size());
  return ip::address_v6(bytes);
}
}  // namespace

struct Resolver::State {
  struct Entry;
  enum class Outcome : std::uint8_t { pending, found, no_such_name, failed };
  struct Query {  // for the addresses of one family
    Entry* entry = nullptr;
    int family = AF_UNSPEC;
    Outcome outcome = Outcome::failed;
    Addresses addresses;
    Duration ttl = longest_ttl;
    std::string why;
  };
  struct Entry final : Watchdog::Node {
    Entry(State& owner, std::string asked) : state(owner), name(std::move(asked)) {
      queries[0].family = AF_INET6;
      queries[1].family = AF_INET;
      for (Query& query : queries) query.entry = this;
    }
    void expire() override { state.settle(*this); }  // the other family had its time
    bool pending() const {
      return queries[0].outcome == Outcome::pending || queries[1].outcome == Outcome::pending;
    }
    State& state;
    std::string name;
    std::array<Query, 2> queries;
    Addresses addresses;    // fresh or stale; empty: `why` says what is wrong
    MonoTime good_until{};  // to be asked again afterwards
    MonoTime stale_until{};
    std::string why;
    Waiters waiters;
  };

  State(asio::io_context& asio_loop, Watchdog& watches, const Clock& time,
        const ResolverOptions& options);
  ~State();

  Entry& entry_of(const std::string& name);
  void ask(Entry& entry);
  static void answered(void* query, int status, int timeouts, ares_addrinfo* answer);
  void take(Query& query, int status, const ares_addrinfo* answer) const;
  void settle(Entry& entry);

  static void socket_changed(void* state, ares_socket_t socket, int read, int write);
  void watch(const std::shared_ptr<Watched>& watched);
  void set_timer();

  asio::io_context& loop;
  Watchdog& watchdog;
  const Clock& clock;
  ares_channel channel = nullptr;
  std::string broken;  // why there is no channel
  std::map<int, std::shared_ptr<Watched>> sockets;
  std::map<std::string, std::unique_ptr<Entry>> entries;
  asio::steady_timer timer;
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);
};

Resolver::State::State(asio::io_context& asio_loop, Watchdog& watches, const Clock& time,
                       const ResolverOptions& options)
    : loop(asio_loop), watchdog(watches), clock(time), timer(asio_loop) {
  static const int library = ares_library_init(ARES_LIB_INIT_ALL);
  HF_CHECK(library == ARES_SUCCESS);
  ares_options settings{};
  settings.timeout = static_cast<int>(
      std::chrono::duration_cast<std::chrono::milliseconds>(options.first_timeout).count());
  settings.tries = options.tries;
  settings.sock_state_cb = &State::socket_changed;
  settings.sock_state_cb_data = this;
  int status = ares_init_options(&channel, &settings,
                                 ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
  if (status == ARES_SUCCESS && !options.servers.empty())
    status = ares_set_servers_ports_csv(channel, options.servers.c_str());
  if (status != ARES_SUCCESS) broken = ares_strerror(status);
}

Resolver::State::~State() {
  *alive = false;
  if (channel != nullptr) ares_destroy(channel);
}

Resolver::State::Entry& Resolver::State::entry_of(const std::string& name) {
  const auto found = entries.find(name);
  if (found != entries.end()) return *found->second;
  if (entries.size() >= resolver_names) {
    const auto idle = std::ranges::find_if(entries, [](const auto& pair) {
      return !pair.second->pending() && pair.second->waiters.empty();
    });
    if (idle != entries.end()) entries.erase(idle);
  }
  return *entries.emplace(name, std::make_unique<Entry>(*this, name)).first->second;
}

void Resolver::State::ask(Entry& entry) {
  if (!broken.empty()) {
    entry.why = "the DNS library does not start: " + broken;
    return;
  }
  for (Query& query : entry.queries) query.outcome = Outcome::pending;
  for (Query& query : entry.queries) {
    ares_addrinfo_hints hints{};
    hints.ai_family = query.family;
    hints.ai_flags = ARES_AI_NOSORT;
    ares_getaddrinfo(channel, entry.name.c_str(), nullptr, &hints, &State::answered, &query);
  }
  set_timer();
}

void Resolver::State::answered(void* arg, int status, int, ares_addrinfo* answer) {
  Query& query = *static_cast<Query*>(arg);
  const std::unique_ptr<ares_addrinfo, decltype(&ares_freeaddrinfo)> owned(answer,
                                                                           &ares_freeaddrinfo);
  if (status == ARES_EDESTRUCTION) return;
  Entry& entry = *query.entry;
  entry.state.take(query, status, answer);
  if (!entry.pending())
    entry.state.settle(entry);
  else if (query.outcome == Outcome::found)
    entry.state.watchdog.arm(entry, entry.state.clock.now() + other_family);
}

void Resolver::State::take(Query& query, int status, const ares_addrinfo* answer) const {
  query.addresses.clear();
  query.ttl = longest_ttl;
  if (status == ARES_SUCCESS) {
    for (const ares_addrinfo_node* node = answer->nodes; node != nullptr; node = node->ai_next) {
      query.addresses.push_back(address_of(node->ai_addr));
      query.ttl = std::min<Duration>(query.ttl, std::chrono::seconds(node->ai_ttl));
    }
    for (const ares_addrinfo_cname* cname = answer->cnames; cname != nullptr; cname = cname->next)
      query.ttl = std::min<Duration>(query.ttl, std::chrono::seconds(cname->ttl));
  }
  const bool no_such_name = status == ARES_SUCCESS || status == ARES_ENOTFOUND ||
                            status == ARES_ENODATA || status == ARES_EBADNAME;
  query.outcome = !query.addresses.empty() ? Outcome::found
                  : no_such_name           ? Outcome::no_such_name
                                           : Outcome::failed;
  query.why = ares_strerror(status);
}

// Takes over what the queries brought so far and lets the waiters go on.
void Resolver::State::settle(Entry& entry) {
  watchdog.disarm(entry);
  Addresses found;
  Duration ttl = longest_ttl;
  const Query* failed = nullptr;
  for (const Query& query : entry.queries) {
    if (query.outcome == Outcome::failed) failed = &query;
    if (query.outcome != Outcome::found) continue;
    found.insert(found.end(), query.addresses.begin(), query.addresses.end());
    ttl = std::min(ttl, query.ttl);
  }
  const MonoTime now = clock.now();
  if (!found.empty()) {
    entry.addresses = std::move(found);
    entry.good_until = now + std::max(ttl, shortest_ttl);
    entry.stale_until = entry.good_until + stale_for;
  } else if (failed == nullptr) {
    entry.addresses.clear();
    entry.good_until = now + no_such_name_ttl;
    entry.why =
        fmt::format("{}: no such name, say the DNS servers; check how it is written", entry.name);
  } else {
    if (now >= entry.stale_until) entry.addresses.clear();
    entry.good_until = now + retry_after_failure;
    entry.why = fmt::format("{}: the DNS servers do not resolve it: {}", entry.name, failed->why);
  }
  for (Waiter& waiter : entry.waiters) waiter.signal.notify();
}

void Resolver::State::socket_changed(void* arg, ares_socket_t socket, int read, int write) {
  State& state = *static_cast<State*>(arg);
  std::shared_ptr<Watched>& watched = state.sockets[socket];
  if (!read && !write) {
    if (watched) {
      watched->open = false;
      watched->descriptor.release();
    }
    state.sockets.erase(socket);
    return;
  }
  if (!watched) watched = std::make_shared<Watched>(state.loop, socket);
  watched->wants_read = read != 0;
  watched->wants_write = write != 0;
  state.watch(watched);
}

void Resolver::State::watch(const std::shared_ptr<Watched>& watched) {
  using asio::posix::descriptor_base;
  if (watched->wants_read && !watched->reading) {
    watched->reading = true;
    watched->descriptor.async_wait(
        descriptor_base::wait_read, [this, watched](const boost::system::error_code& error) {
          watched->reading = false;
          if (error || !watched->open) return;
          ares_process_fd(channel, watched->descriptor.native_handle(), ARES_SOCKET_BAD);
          if (watched->open) watch(watched);
          set_timer();
        });
  }
  if (watched->wants_write && !watched->writing) {
    watched->writing = true;
    watched->descriptor.async_wait(
        descriptor_base::wait_write, [this, watched](const boost::system::error_code& error) {
          watched->writing = false;
          if (error || !watched->open) return;
          ares_process_fd(channel, ARES_SOCKET_BAD, watched->descriptor.native_handle());
          if (watched->open) watch(watched);
          set_timer();
        });
  }
}

void Resolver::State::set_timer() {
  timeval next{};
  if (ares_timeout(channel, nullptr, &next) == nullptr) {
    timer.cancel();
    return;
  }
  timer.expires_after(std::chrono::seconds(next.tv_sec) + std::chrono::microseconds(next.tv_usec));
  timer.async_wait([this, still = alive](const boost::system::error_code& error) {
    if (error || !*still) return;
    ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    set_timer();
  });
}

Resolver::Resolver(asio::io_context& loop, Watchdog& watchdog, const Clock& clock,
                   const ResolverOptions& options)
    : state_(std::make_unique<State>(loop, watchdog, clock, options)) {}
Resolver::~Resolver() = default;

Task<Result<Resolver::Addresses>> Resolver::resolve(std::string host, Deadline deadline,
                                                    Cancellation& cancellation) {
  boost::system::error_code not_an_address;
  const ip::address literal = ip::make_address(host, not_an_address);
  if (!not_an_address) co_return Addresses{literal};
  if (host == "localhost")
    co_return Addresses{ip::address_v6::loopback(), ip::address_v4::loopback()};

  State::Entry& entry = state_->entry_of(host);
  const MonoTime now = state_->clock.now();
  if (now >= entry.good_until && !entry.pending()) state_->ask(entry);
  if (now >= entry.good_until && entry.pending()) {
    const bool has_stale = !entry.addresses.empty() && now < entry.stale_until;
    Waiter waiter(state_->loop, state_->watchdog);
    entry.waiters.push_back(waiter);
    const Cancellation::Step step(cancellation, [&waiter] { waiter.signal.cancel(); });
    const Deadline until = has_stale ? std::min(deadline, now + fresh_or_stale) : deadline;
    const Result<void> told = co_await waiter.signal.wait(until);
    if (!told && told.error().code == ErrorCode::cancelled) co_return std::unexpected(told.error());
    if (!told && !has_stale)
      co_return fail(ErrorCode::deadline_exceeded,
                     fmt::format("{}: no answer from the DNS servers in time", entry.name));
  }
  if (!entry.addresses.empty()) co_return entry.addresses;
  co_return fail(ErrorCode::upstream_unavailable, entry.why);
}

}  // namespace holdfast::net

// Keeps one credential fresh on one loop: fetches it, replaces it ahead of its end, goes on with
// the old one while that fails.
#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "base/random.h"
#include "net/http_client.h"
#include "net/signal.h"
#include "vault/credential.h"

namespace holdfast::vault {

struct Status {                 // for the status page; nothing in it is secret
  bool ready = false;           // there is a credential that has not expired
  std::int64_t fetched_us = 0;  // when the last one came; 0: never
  std::int64_t expires_us = 0;  // its end; never_us: none
  std::int64_t next_us = 0;     // when it is fetched again; never_us: not
  std::int64_t version = 0;     // of the secret, where secrets have versions; 0: they have not
  std::uint64_t fetches = 0;    // that succeeded
  std::uint64_t failures = 0;
  std::string last_error;  // of the last fetch; empty: it succeeded
};

// Told each new credential, on the loop's thread. It may take no long time and end no refresher.
using OnChange = std::function<void(const std::shared_ptr<const Credential>&)>;

class Refresher final : public std::enable_shared_from_this<Refresher>, private Exchange {
 public:
  struct Loop {  // what it works with; all outlive it
    boost::asio::io_context& loop;
    net::Watchdog& watchdog;
    net::ConnectionPool& pool;
    const Clock& clock;
  };
  //   name   as messages call it: "vertex-eu"
  Refresher(Loop loop, std::string name, std::unique_ptr<const CredentialSource> source,
            OnChange on_change, Random random);

  // Fetches at once and then whenever it is time; ends after stop(). Called once, on the loop.
  Task<void> run();
  // The credential was refused before its end: fetches another, ten seconds after the last try at
  // the soonest. On the loop.
  void refused();
  // Lets run() end at its next step. On the loop.
  void stop();

  // Any thread. No credential is told once silence() has returned.
  void silence();
  Status status() const;

 private:
  std::int64_t wall_us() const override;
  Result<Secret> read_file(const std::string& path) override;
  Task<Result<TokenAnswer>> send(TokenRequest request) override;

  Task<Result<TokenAnswer>> ask(const TokenRequest& request, net::Deadline deadline);
  void learn_time(const TokenAnswer& answer, bool trusted);
  void take(Credential credential);
  void note_failure(const Error& error);
  Task<void> wait_for_turn();
  bool due() const;

  Loop loop_;
  std::string name_;
  std::unique_ptr<const CredentialSource> source_;
  Random random_;
  net::Signal* waking_ = nullptr;  // of wait_for_turn()
  net::UpstreamCall* call_ = nullptr;
  bool stopping_ = false;
  int failed_ = 0;             // in a row
  Duration asked_wait_{};      // by the service, of the fetch under way
  std::int64_t ahead_us_ = 0;  // the services' clocks of ours
  MonoTime next_{};            // when to fetch, by both clocks: waking from sleep moves but one
  std::int64_t next_us_ = 0;
  MonoTime last_try_{};
  std::mutex telling_;
  OnChange on_change_;  // under telling_; empty: silenced
  mutable std::mutex mutex_;
  Status status_;  // under mutex_
};

}  // namespace holdfast::vault

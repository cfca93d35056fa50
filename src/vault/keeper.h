// One thread that keeps all credentials of the process fresh.
#pragma once
#include <boost/asio/executor_work_guard.hpp>
#include <memory>
#include <string>
#include <thread>

#include "net/resolver.h"
#include "net/watchdog.h"
#include "vault/refresher.h"
#include "vault/settings.h"

namespace holdfast::vault {

class Keeper {
 public:
  // A credential that is kept fresh for as long as this lives. Any thread.
  class Kept {
   public:
    ~Kept();  // on_change is not called from then on
    Kept(const Kept&) = delete;
    Kept& operator=(const Kept&) = delete;
    Status status() const { return refresher_->status(); }
    // The provider refused the credential: see Refresher::refused.
    void refused();

   private:
    friend class Keeper;
    Kept(Keeper& keeper, std::shared_ptr<Refresher> refresher)
        : keeper_(keeper), refresher_(std::move(refresher)) {}
    Keeper& keeper_;
    std::shared_ptr<Refresher> refresher_;
  };

  // Starts the thread.   seed   of the jitter in all waits
  Keeper(const Clock& clock, std::uint64_t seed, const net::ResolverOptions& options = {});
  // Ends what is under way and joins; all Kept are gone by then.
  ~Keeper();
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  // Begins to fetch at once. The keeper outlives what it returns. Any thread.
  //   name        of the provider, for the log
  //   on_change   told each new credential, on the keeper's thread: it hands them on to the loops
  std::unique_ptr<Kept> keep(std::string name, std::unique_ptr<const CredentialSource> source,
                             OnChange on_change);

 private:
  // For which all deadlines have passed once it is stopped: so every wait on the loop ends.
  class StoppableClock final : public Clock {
   public:
    explicit StoppableClock(const Clock& clock) : clock_(clock) {}
    MonoTime now() const override {
      return stopped_.load() ? clock_.now() + std::chrono::hours(24) : clock_.now();
    }
    std::int64_t wall_us() const override { return clock_.wall_us(); }
    void stop() { stopped_.store(true); }

   private:
    const Clock& clock_;
    std::atomic<bool> stopped_ = false;
  };
  void begin(const std::shared_ptr<Refresher>& refresher);
  void ended(const std::shared_ptr<Refresher>& refresher);

  StoppableClock clock_;
  boost::asio::io_context loop_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  net::Watchdog watchdog_;
  std::unique_ptr<net::Connector> connector_;
  net::ConnectionPool pool_;
  std::mutex random_mutex_;
  Random random_;
  std::vector<std::shared_ptr<Refresher>> running_;  // the thread's
  bool stopping_ = false;                            // the thread's
  std::thread thread_;
};

}  // namespace holdfast::vault

// The applications' side: what one loop needs to answer requests, and the handler of its
// connections.
#pragma once
#include <functional>
#include <list>
#include <map>
#include <memory>

#include "base/clock.h"
#include "base/random.h"
#include "gateway/journal_turn.h"
#include "gateway/wrong_keys.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "observe/counters.h"
#include "responses/keeper.h"
#include "routing/capacity.h"
#include "routing/health.h"
#include "routing/load.h"
#include "routing/memory_account.h"
#include "routing/published_keys.h"
#include "routing/retry_budget.h"
#include "routing/snapshot.h"
#include "vault/credential.h"

namespace holdfast::gateway {

class AnswerCache;
class Shadows;
class WaitingRoom;

// A failed attempt, as told to whoever watches (the status page, the log). Posted, never awaited.
struct FailureNotice {
  std::string request_id, model, provider, target_model, detail;
  FailureClass failure = FailureClass::none;
  std::uint16_t status = 0;
  std::int64_t at_us = 0;
  // A copy that its target on trial cannot express, or not serve: it was not sent, and `detail`
  // says why.
  bool unfit_copy = false;
};
using FailureListener = std::function<void(FailureNotice)>;  // called from every loop

// The provider refused the credential that it was sent, which is still the one at hand. Posted,
// never awaited; called from every loop.
using RefusedListener = std::function<void(const std::string& provider)>;

// The parts of one loop; all outlive the gateway.
struct LoopParts {
  boost::asio::io_context& loop;
  const Clock& clock;
  net::Watchdog& watchdog;
  net::ConnectionPool& pool;
  records::Journal& journal;
  observe::ThreadCounters& counters;
  routing::HealthTable& health;
  routing::LoadTable& load;
  routing::CapacityTable& capacity;
  routing::MemoryAccount& memory;
  Random random;
  FailureListener on_failure;
  RefusedListener on_refused;
  // Short-lived credentials by provider, as they last came.
  std::map<std::string, std::shared_ptr<const vault::Credential>, std::less<>> credentials;
  AnswerCache* cache = nullptr;  // shared by all loops; null: nothing is answered from memory
  responses::Keeper* responses = nullptr;  // null: responses are not kept
  routing::RetryBudget retries = {};
};

// A request, as the gateway ends it from outside: with an error in its client's dialect.
struct UnderWay {
  virtual ~UnderWay() = default;
  virtual void cut() = 0;  // the process is stopping
  // Ends it if its virtual key is none of `keys` any more, or its time is over.
  virtual void check_key(const routing::PublishedKeys& keys) = 0;
};

// Used by its loop's thread alone.
class Gateway final : public net::Handler {
 public:
  Gateway(LoopParts parts, std::shared_ptr<const routing::Snapshot> snapshot);
  ~Gateway() override;

  Task<void> handle(net::Exchange& exchange) override;
  std::string problem_answer(const net::HeadProblem& problem, net::AnswerHeaders& headers) override;

  // The configuration for the requests that come from now on.
  void use(std::shared_ptr<const routing::Snapshot> snapshot);
  // The virtual keys from now on; ends the requests whose keys are revoked.
  void use_keys(std::shared_ptr<const routing::PublishedKeys> keys);
  // The credential of `provider` from now on; null: it has none any more.
  void use_credential(const std::string& provider,
                      std::shared_ptr<const vault::Credential> credential);
  // What a loop does every second beside serving: brings the counters of `server` up to date, tries
  // again to write what a failing disk did not take, closes what has been idle for too long.
  void keep_house(const net::HttpServer& server);
  // Ends every request under way with an error in its client's dialect: the process is stopping.
  void cut_all();
  // Ends the copies for targets on trial and makes no more, whatever configuration comes: nobody
  // waits for them.
  void stop_shadows();
  // Returns once the last of them has ended, and what it leaves is in the journal; it must before
  // the gateway goes. After stop_shadows().
  Task<void> shadows_ended();

 private:
  LoopParts parts_;
  JournalTurn turn_;
  std::unique_ptr<WaitingRoom> waiting_;
  std::unique_ptr<Shadows> shadows_;  // null: no model has had any so far
  bool no_more_shadows_ = false;
  std::shared_ptr<const routing::Snapshot> snapshot_;
  std::shared_ptr<const routing::PublishedKeys> keys_;
  WrongKeys wrong_keys_;
  std::list<UnderWay*> under_way_;
};

}  // namespace holdfast::gateway

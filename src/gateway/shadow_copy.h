// One copy of a request on its way to a target on trial.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "gateway/attempt.h"
#include "gateway/budget_hold.h"
#include "gateway/request_state.h"
#include "net/discarded_exchange.h"

namespace holdfast::gateway {

// Used by one loop; whoever made it keeps it until run() has ended.
class ShadowCopy {
 public:
  struct Of {
    LoopParts& parts;  // those of copies
    JournalTurn& turn;
    WaitingRoom& waiting;
    const routing::Shadow& shadow;  // of the snapshot of the request, which the copy keeps
  };
  // Of the request of `original`, whose body it copies.
  ShadowCopy(const Of& of, const RequestState& original,
             std::unique_ptr<net::DiscardedExchange> nobody);

  // Sends it if nothing speaks against that, reads the answer to its end and records it; or counts
  // why it was not sent.
  Task<void> run();
  // Ends it, now.
  void cut();

 private:
  std::optional<observe::ShadowDrop> prepare();
  bool choose_way();
  void give_way_back();
  Task<void> ask(BudgetHold& hold, std::int64_t started_us);
  void note_health(const Outcome& outcome);
  void account(const Outcome& outcome, std::uint64_t serial, MonoTime began,
               std::int64_t started_us, BudgetHold& hold);
  void drop(observe::ShadowDrop why);

  LoopParts& parts_;
  const routing::Shadow& shadow_;
  const identity::KeySettings* key_;  // of the original: for conditions; null: there is none
  std::int64_t tokens_;               // that the request is taken to have
  std::string body_;
  std::unique_ptr<net::DiscardedExchange> nobody_;
  RequestState state_;  // of a request that nobody has made: without a key
  std::optional<Candidate> candidate_;
  std::int64_t used_tokens_ = 0;
};

// Whether a copy of the request would do no more than be answered: see repeatable(); nor does it go
// on from what one provider keeps, or name it. Reads the whole of it.
bool copyable(Incoming& incoming);

}  // namespace holdfast::gateway

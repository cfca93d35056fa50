// One copy of a request on its way to a target on trial.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "gateway/attempt.h"
#include "gateway/budget_hold.h"
#include "gateway/request_state.h"
#include "gateway/shadow_way.h"
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
  //   why   counted if it has not been sent yet
  void cut(observe::ShadowDrop why);

 private:
  std::optional<observe::ShadowDrop> prepare();
  observe::ShadowDrop unfit(std::string why);
  Task<void> ask(ShadowWay& way, BudgetHold& hold, std::int64_t started_us);
  void account(const Outcome& outcome, std::uint64_t serial, MonoTime began,
               std::int64_t started_us, BudgetHold& hold);
  void drop(observe::ShadowDrop why);
  bool was_cut() const { return state_.stopping; }

  LoopParts& parts_;
  const routing::Shadow& shadow_;
  const identity::KeySettings* key_;  // of the original: for conditions; null: there is none
  std::int64_t tokens_;               // that the request is taken to have
  std::string body_;
  std::unique_ptr<net::DiscardedExchange> nobody_;
  RequestState state_;  // of a request that nobody has made: without a key
  std::optional<Candidate> candidate_;
  std::int64_t used_tokens_ = 0;
  observe::ShadowDrop cut_for_ = observe::ShadowDrop::stopping;
};

// Why no copy of the request may be made. kept: it acts, or goes on from, names or leaves behind
// what one provider keeps, see repeatable(); not_text: what is made of it is no text. Nothing: a
// copy would do no more than be answered.
//   incoming   with its canonical form, if it is a conversation
std::optional<observe::ShadowDrop> not_copied(const Incoming& incoming);

}  // namespace holdfast::gateway

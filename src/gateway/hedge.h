// A second attempt beside one that is late: the next target is asked too, and whichever has content
// first answers (docs/adr/0023).
#pragma once
#include <exception>
#include <optional>
#include <vector>

#include "gateway/attempts.h"
#include "gateway/target_permit.h"
#include "net/signal.h"

namespace holdfast::gateway {

// Whether what is asked for is text, vectors or an order of texts: neither pictures nor sound, no
// judgement of them, no count and no list.
bool asks_for_text(Operation operation);

// Whether asking twice does no more than asking once: work that is neither stored under a name that
// the client goes on from, nor acts by tools that the provider itself runs, nor makes pictures or
// sound.
bool repeatable(const Incoming& incoming);

// Of one attempt, while that is under way. Used by one loop. Lives in the coroutine that makes the
// attempt, which awaits end() before it lets go of it, whatever has happened.
class Hedge {
 public:
  Hedge(Attempts& attempts, RequestState& state, routing::Plan& plan,
        std::vector<Candidate>& fitting)
      : attempts_(attempts), state_(state), plan_(plan), fitting_(fitting) {}
  Hedge(const Hedge&) = delete;
  Hedge& operator=(const Hedge&) = delete;

  // Begins to watch the attempt at `first`, which is about to be made, if its model wants that and
  // enough is known of its target; else does nothing.
  void watch(const Candidate& first);
  // Whether end() has to be awaited.
  bool watching() const { return watching_; }
  // The first attempt has ended: returns when the second has, if there is one.
  //   over   the second is not needed any more: it is cancelled
  //   errors   throws what the second has thrown
  Task<void> end(bool over);

  // How the second ended; null: there was none.
  const Outcome* outcome() const { return outcome_ ? &*outcome_ : nullptr; }
  Candidate& candidate() const { return *second_; }  // where outcome() is not null
  // Why the second failed: for the client, when the first has failed too.
  std::vector<FailedAttempt> take_failed() { return std::move(failed_); }

 private:
  Task<void> run();
  Task<void> ask();
  std::optional<TargetPermit> choose();

  Attempts& attempts_;
  RequestState& state_;
  routing::Plan& plan_;
  std::vector<Candidate>& fitting_;
  bool watching_ = false;
  std::optional<net::Signal> wake_;   // the first has ended
  std::optional<net::Signal> ended_;  // so has run()
  net::Deadline due_{};
  bool first_loses_ = false;  // something of the request that is not harmless
  std::exception_ptr bug_;
  Contest::Entrant* entrant_ = nullptr;  // of the second, while it is under way
  Candidate* second_ = nullptr;
  std::optional<Outcome> outcome_;
  std::vector<FailedAttempt> failed_;
};

}  // namespace holdfast::gateway

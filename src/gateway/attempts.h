// One target after the other until one has answered, with what is noted of each. Beside one that is
// late another may be asked (hedge.h).
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "gateway/attempt.h"
#include "routing/plan.h"

namespace holdfast::gateway {

struct Cost;
class Hedge;

class Attempts {
 public:
  explicit Attempts(RequestState& state) : state_(state), parts_(state.parts) {}

  // Tries the candidates in the order of their plan. Nothing: the client has its answer, or has
  // left. Else what it is to be told.
  Task<std::optional<Refusal>> run(std::vector<Candidate>& fitting);

 private:
  friend class Hedge;
  struct Verdict {
    routing::Next next = routing::Next::give_up;
    bool fresh = false;  // of the same target: over a new connection
  };
  using Failures = std::vector<FailedAttempt>;

  // What the failure of an attempt at `candidate` means; the last of `failed` is forgotten when it
  // was not the target's fault.
  Verdict judge(routing::Plan& plan, Candidate& candidate, const Outcome& outcome,
                Failures& failed);
  // The candidate to try now, or to go on with what broke off; null: none is left. May wait for one
  // that cools down.
  Task<Candidate*> next_candidate(routing::Plan& plan, std::vector<Candidate>& fitting);
  // Chooses the candidate's key; false: none of its keys may be used now.
  bool choose_key_of(Candidate& candidate);
  void note_key(Candidate& candidate, Outcome& outcome);
  //   failed   takes up how it failed, if the client may hear of it
  Task<Outcome> attempt_one(Candidate& candidate, bool fresh, Contest::Entrant& entrant,
                            Failures& failed);
  bool may_retry(const routing::Plan& plan);
  // What becomes of a stream that broke after content (attempts_continue.cpp).
  bool breaks_off(const Outcome& outcome);
  bool ask_to_go_on(Candidate& candidate);
  Task<void> end_broken(FailureClass failure, bool error_event_sent);
  Outcome not_asked(const Candidate& candidate, const Contest::Entrant& entrant, std::string why,
                    Failures& failed);
  void note_failure(const Candidate& candidate, const Outcome& outcome, Failures& failed);
  void note_pace(std::size_t index, const Outcome& outcome, std::int64_t took_us, bool hedge);
  void account_attempt(std::uint64_t serial, std::size_t index, const Outcome& outcome,
                       std::int64_t took_us, const Cost& cost);
  Task<void> end_cut_stream(FailureClass failure, bool error_event_sent);

  RequestState& state_;
  LoopParts& parts_;
};

// The one event that ends a broken stream, in the client's dialect.
std::string error_event(RequestState& state, const Refusal& refusal);

}  // namespace holdfast::gateway

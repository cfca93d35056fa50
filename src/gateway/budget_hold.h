// What one attempt may cost at worst, held on every budget that counts it, from before the call
// until its cost is known.
#pragma once
#include <expected>
#include <string>
#include <vector>

#include "gateway/candidate.h"
#include "gateway/request_state.h"
#include "routing/budget.h"

namespace holdfast::gateway {

// The most that asking `candidate` can cost at `price`: no token is shorter than a byte, and no
// answer longer than it may be. Where nothing bounds them, limits::tokens_in_unbounded and
// limits::tokens_out_unbounded stand in.
//   errors   invalid_request: more than an amount can be
Result<NanoUsd> worst_case(RequestState& state, const Candidate& candidate,
                           const records::Price& price);

class BudgetHold {
 public:
  explicit BudgetHold(RequestState& state) : state_(state) {}
  // One that was not settled, because something threw, charges what it has reserved.
  ~BudgetHold() { settle(reserved_); }
  BudgetHold(const BudgetHold&) = delete;
  BudgetHold& operator=(const BudgetHold&) = delete;

  // Reserves the worst case of asking `candidate` at `wall_us`; waits for a slice that is being
  // leased, up to limits::budget_wait.
  //   errors   why it must not be asked, for the client: names the budget
  Task<std::expected<void, std::string>> reserve(Candidate& candidate, std::int64_t wall_us);
  NanoUsd reserved() const { return reserved_; }
  // Puts the charge in its place.
  void settle(NanoUsd charged);

 private:
  struct Held {
    const routing::Budget* budget;
    std::int64_t period;
    std::int64_t amount;
  };
  Task<std::expected<void, std::string>> take(const routing::Budget& budget, std::int64_t wall_us);
  bool critical() const;  // its service is never stopped for money
  void give_back();

  RequestState& state_;
  NanoUsd reserved_;
  std::vector<Held> held_;
};

// The logical model to ask instead, when a budget that counts the request is so far used; null:
// none is. Also notes for the answer's header which budgets are nearly used up.
const routing::Budget* degrading_budget(RequestState& state, std::string_view model);

}  // namespace holdfast::gateway

// Walks a model's targets for one request, in the order of its policies.
#pragma once
#include <cstdint>
#include <optional>

#include "routing/order.h"

namespace holdfast::routing {

// What a failed attempt means for its request.
enum class Next : std::uint8_t {
  next_target,  // another target may answer
  same_target,  // once more: over a fresh connection, or with another credential
  give_up,      // the fault is the caller's, the caller has left, or no other may answer
};

// Whether another target may answer after `failure`, before content was committed, wherever that
// does not depend on the model.
//   stale   the connection had served before and failed before the first byte of an answer
Next after_failure(FailureClass failure, bool stale);

// How an attempt failed, beside its class.
struct Failed {
  FailureClass failure = FailureClass::none;
  bool stale = false;               // see after_failure
  bool another_credential = false;  // the provider has one that this request has not tried
};

// Which targets can serve a request, by its form. Bits of positions in the model.
struct Fit {
  std::uint32_t fitting = ~std::uint32_t{0};
  std::uint32_t lossy = 0;  // would lose something of it: they come after the others
};

// Why a target is not tried.
enum class PassedOver : std::uint8_t {
  no,              // it has been tried, or still may be
  region,          // not in the regions that the model or the key allows
  unfit,           // cannot serve what is asked
  condition,       // stands under a condition that does not hold
  context_window,  // what was too long for another is too long for it
  same_provider,   // a target of its provider has refused the content
  cooling,         // out until the time that its provider asked for
  open,            // its breaker is open
  maintenance,     // an operator has taken it out
};
inline constexpr std::size_t passed_over_count = 9;
std::string_view to_string(PassedOver reason);

// One request's way through its targets: those that are well in the order of the policies, then, as
// the last resort, those whose breaker is open. Targets that cool down (Retry-After) are never
// tried before their time, and those that are not permitted never at all. Each is given out once.
class Plan {
 public:
  // `route` and `health` outlive the plan. Makes no allocation.
  Plan(const Route& route, const Facts& facts, Fit fit, HealthTable& health, const LoadTable& load,
       Random& random, MonoTime now);

  // The position of the target to try now; nothing when none is left.
  std::optional<std::size_t> next(MonoTime now);
  // The position of the target to ask beside one that is under way: the next that is well, never a
  // probe, one that is spared or the last resort. Nothing when there is none.
  std::optional<std::size_t> next_well(MonoTime now);
  // The target at `position`, given out last, was not asked: it may be given out again.
  void give_back(std::size_t position) { tried_ &= ~(1U << position); }
  // Whether the target that next() gave out last is believed to be out.
  bool last_resort() const { return last_resort_; }
  // Notes that an attempt at `position` failed: which others may still answer after that.
  Next failed(std::size_t position, const Failed& how);

  // When nothing is left: until when to wait for the first target that cools down, if the model
  // allows to wait and it is back before `deadline`; next() then gives it out, again if need be.
  std::optional<MonoTime> wait_until(MonoTime now, MonoTime deadline);
  // When the first of the targets that were passed over for cooling is back; nothing when none was.
  std::optional<MonoTime> soonest_cooled(MonoTime now) const;

  // Whether no target at all may answer this request, however well they are.
  bool nobody_permitted() const { return order_.count == 0; }
  PassedOver passed_over(std::size_t position, MonoTime now) const;
  const Order& order() const { return order_; }

 private:
  const Route& route_;
  HealthTable& health_;
  Order order_;
  Fit fit_;
  std::uint32_t permitted_;  // bits by position, as all below
  std::uint32_t tried_ = 0;
  std::uint32_t too_small_ = 0;  // left out: their context window
  std::uint32_t refusing_ = 0;   // left out: their provider refused the content
  bool last_resort_ = false;     // the last one given out has an open breaker
  MonoTime wait_by_;             // waiting ends then
};

}  // namespace holdfast::routing

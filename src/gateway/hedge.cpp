#include "gateway/hedge.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>

namespace holdfast::gateway {
namespace {

// What the provider itself would do, or keep, for each time that it is asked.
bool acts(const dialect::Request& request) {
  const auto hosted = [](const dialect::Tool& tool) { return tool.native.has_value(); };
  const auto acting = [](const dialect::Extra& extra) {
    return extra.name == "mcp_servers" || extra.name == "container" || extra.name == "thread";
  };
  return std::ranges::any_of(request.tools, hosted) || std::ranges::any_of(request.extras, acting);
}

}  // namespace

bool asks_for_text(Operation operation) {
  switch (operation) {
    case Operation::generate:
    case Operation::completions:
    case Operation::embeddings:
    case Operation::rerank:
      return true;
    case Operation::count_tokens:
    case Operation::media:
    case Operation::list_models:
    case Operation::get_model:
    case Operation::get_response:
    case Operation::delete_response:
    case Operation::cancel_response:
    case Operation::list_input_items:
      return false;
  }
  return false;
}

bool repeatable(const Incoming& incoming) {
  using records::bit, records::Feature;
  constexpr std::uint32_t keeping = bit(Feature::stored) | bit(Feature::web_search);
  if (!asks_for_text(incoming.front.operation) || (incoming.features & keeping) != 0) return false;
  if (!incoming.kept.said.conversation.empty() || incoming.kept.said.store == true) return false;
  // A response whose request says nothing is kept by the provider that it is passed to.
  if (incoming.front.dialect == dialect::Dialect::openai_responses &&
      incoming.kept.said.store != false)
    return false;
  return !incoming.canonical || !acts(*incoming.canonical);
}

void Hedge::watch(const Candidate& first) {
  const routing::HedgeSettings& settings = state_.model->hedge;
  if (settings.percentile == 0 || state_.hedged || fitting_.size() < 2) return;
  if (state_.broke_off) return;  // one client, one text: nobody else may go on with it
  if (plan_.last_resort() || !repeatable(state_.incoming)) return;
  const auto late = state_.parts.load.first_content(first.index, state_.incoming.stream)
                        .within(settings.percentile);
  if (!late) return;
  due_ = state_.parts.clock.now() + std::max(*late, Duration(settings.at_least));
  if (due_ >= state_.deadline) return;
  first_loses_ = first.loses();
  watching_ = true;
  wake_.emplace(state_.parts.loop, state_.parts.watchdog);
  ended_.emplace(state_.parts.loop, state_.parts.watchdog);
  boost::asio::co_spawn(state_.parts.loop, run(), [this](const std::exception_ptr& bug) {
    bug_ = bug;
    ended_->notify();
  });
}

Task<void> Hedge::run() {
  auto first_ended = co_await wake_->wait(due_);
  if (first_ended || state_.contest.claimed()) co_return;
  if (state_.exchange.client_left() || state_.stopping) co_return;
  co_await ask();
}

Task<void> Hedge::ask() {
  std::optional<TargetPermit> permit = choose();
  if (!permit) co_return;
  struct Part : Contest::Entrant {  // known as long as it takes part, also when it throws
    Part(Contest& contest, Contest::Entrant*& as) : Entrant(contest, true), known(as) {
      known = this;
    }
    ~Part() { known = nullptr; }
    Contest::Entrant*& known;
  } entrant(state_.contest, entrant_);
  outcome_ = co_await attempts_.attempt_one(*second_, false, entrant, failed_);
  permit->settle(*outcome_, state_.parts.clock.now());
  if (outcome_->committed) state_.parts.counters.target(second_->index).hedges_won.add();
  if (outcome_->failure == FailureClass::client_left) state_.contest.end_all();
}

// Room at the plan's next target, where it is well, says no less of the request than the first and
// the budget of retries allows it. Nothing: there is no hedge, and as far as the plan knows that
// target was not looked at.
std::optional<TargetPermit> Hedge::choose() {
  LoopParts& parts = state_.parts;
  const auto position = plan_.next_well(parts.clock.now());
  if (!position) return std::nullopt;
  const auto found = std::ranges::find(fitting_, *position, &Candidate::position);
  if (found->loses() && !first_loses_) {
    plan_.give_back(*position);
    return std::nullopt;
  }
  if (!parts.retries.allows_hedge()) {
    parts.counters.hedges_refused.add();
    plan_.give_back(*position);
    return std::nullopt;
  }
  // What has no room is noted only when the request itself goes on to it.
  const std::size_t full = state_.full.size();
  const std::optional<Refusal> passed_over = state_.passed_over;
  std::optional<TargetPermit> permit =
      attempts_.choose_key_of(*found) ? TargetPermit::take(state_, *found) : std::nullopt;
  if (!permit) {
    if (found->key != nullptr) parts.health.not_tried(found->key->index);
    state_.full.resize(full);
    state_.passed_over = passed_over;
    plan_.give_back(*position);
    return permit;
  }
  parts.retries.charge();
  second_ = &*found;
  return permit;
}

Task<void> Hedge::end(bool over) {
  wake_->notify();
  if (over && entrant_ != nullptr) {
    if (state_.exchange.client_left() || state_.stopping)
      entrant_->end();
    else
      entrant_->lose();
  }
  auto told = co_await ended_->wait(net::no_deadline);
  (void)told;  // nothing else ends it
  watching_ = false;
  if (bug_) std::rethrow_exception(bug_);
}

}  // namespace holdfast::gateway

#include "gateway/shadow_copy.h"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/overload_limits.h"
#include "gateway/cost.h"
#include "gateway/facts.h"
#include "gateway/hedge.h"
#include "gateway/key_choice.h"
#include "gateway/shadow_permit.h"
#include "records/shadow_attempt.h"

namespace holdfast::gateway {
namespace {

using observe::ShadowDrop;
using std::chrono::duration_cast;
using std::chrono::microseconds;

// What names something that one provider keeps.
bool names_kept(const dialect::Request& request) {
  constexpr std::array<std::string_view, 5> names = {"previous_response_id", "conversation",
                                                     "cachedContent", "thread", "container"};
  return std::ranges::any_of(request.extras, [&](const dialect::Extra& extra) {
    return std::ranges::find(names, extra.name) != names.end();
  });
}

}  // namespace

bool copyable(Incoming& incoming) {
  using records::bit, records::Feature;
  // Files are named by ids, which are one provider's.
  if ((incoming.features & bit(Feature::files)) != 0 || incoming.foreign_state) return false;
  if (!incoming.kept.said.previous_response_id.empty()) return false;
  if (incoming.front.operation == Operation::generate && !read_canonical_form(incoming))
    return false;
  if (incoming.canonical && names_kept(*incoming.canonical)) return false;
  return repeatable(incoming);
}

ShadowCopy::ShadowCopy(const Of& of, const RequestState& original,
                       std::unique_ptr<net::DiscardedExchange> nobody)
    : parts_(of.parts),
      shadow_(of.shadow),
      key_(original.key),
      tokens_(original.limits.estimate()),
      body_(original.incoming.body),
      nobody_(std::move(nobody)),
      state_{.exchange = nobody_->exchange(),
             .parts = parts_,
             .turn = of.turn,
             .waiting = of.waiting,
             .snapshot = original.snapshot,
             .request_id = original.request_id,
             .model = original.model,
             .incoming = {},
             .key_name = {},
             .key = nullptr,
             .started = parts_.clock.now(),
             .deadline = parts_.clock.now() + original.model->deadline,
             .keepalive_at = net::no_deadline,
             .failed = {},
             .attempts = 0,
             .cancel_wait = {},
             .stopping = false,
             .cors_origin = {},
             .writer = {},
             .answered_status = 200,
             .broken = false,
             .limits = {},
             .answer_most = std::min(original.answer_most, limits::shadow_answer_bytes)} {}

void ShadowCopy::cut() {
  state_.stopping = true;
  state_.cancel();
}

void ShadowCopy::drop(ShadowDrop why) {
  parts_.counters.target(shadow_.index).shadows_dropped[static_cast<std::size_t>(why)].add();
}

Task<void> ShadowCopy::run() {
  // Behind the turn in which the original begins: nothing of this is done before that has been
  // sent.
  co_await boost::asio::post(parts_.loop, boost::asio::use_awaitable);
  if (state_.stopping) co_return drop(ShadowDrop::stopping);
  if (const auto why = prepare()) co_return drop(*why);
  if (!choose_way()) co_return drop(ShadowDrop::out);
  std::optional<ShadowPermit> permit = ShadowPermit::take(parts_, state_.waiting, shadow_, tokens_);
  if (!permit) {
    give_way_back();
    co_return drop(ShadowDrop::no_room);
  }
  const std::int64_t started_us = parts_.clock.wall_us();
  BudgetHold hold(state_);
  if (!state_.snapshot->budgets.empty()) {
    auto held = co_await hold.reserve(*candidate_, started_us);
    if (!held || state_.stopping) {
      if (held) hold.settle({0});
      permit->undo(tokens_, parts_.clock.now());
      give_way_back();
      co_return drop(held ? ShadowDrop::stopping : ShadowDrop::budget);
    }
  }
  co_await ask(hold, started_us);
  permit->settle(used_tokens_, parts_.clock.now());
}

// Reads the copy and finds the form in which it is asked. Returns why it must not or cannot be.
std::optional<ShadowDrop> ShadowCopy::prepare() {
  Incoming& incoming = state_.incoming;
  auto front = find_route(state_.exchange.head());
  if (!front) return ShadowDrop::unfit;
  incoming.front = std::move(*front);
  if (!read_incoming(state_.exchange.head(), body_, incoming)) return ShadowDrop::unfit;
  const routing::Facts facts = facts_of(state_, key_, shadow_.rule.needs());
  switch (routing::forbids(shadow_.rule, facts)) {
    case routing::PassedOver::no:
      break;
    case routing::PassedOver::region:
      return ShadowDrop::region;
    case routing::PassedOver::condition:
    case routing::PassedOver::unfit:
    case routing::PassedOver::context_window:
    case routing::PassedOver::same_provider:
    case routing::PassedOver::cooling:
    case routing::PassedOver::open:
    case routing::PassedOver::maintenance:
      return ShadowDrop::condition;
  }
  if (!copyable(incoming)) return ShadowDrop::kept;
  auto candidate = candidate_of(shadow_.target, shadow_.index, 0, state_.model->lossy, incoming);
  if (!candidate) return ShadowDrop::unfit;
  candidate_.emplace(std::move(*candidate));
  return std::nullopt;
}

// Whether copies that went before have left the target well, and one of its keys.
bool ShadowCopy::choose_way() {
  const MonoTime now = parts_.clock.now();
  switch (parts_.health.admit(shadow_.index, now)) {
    case routing::Admission::yes:
    case routing::Admission::probe:
      break;
    case routing::Admission::returning:
    case routing::Admission::open:
    case routing::Admission::cooling:
    case routing::Admission::maintenance:
      return false;
  }
  if (choose_key(*candidate_, parts_.health, now) == KeyChoice::chosen) return true;
  parts_.health.not_tried(shadow_.index);
  return false;
}

void ShadowCopy::give_way_back() {
  parts_.health.not_tried(shadow_.index);
  if (candidate_->key != nullptr) parts_.health.not_tried(candidate_->key->index);
}

Task<void> ShadowCopy::ask(BudgetHold& hold, std::int64_t started_us) {
  const MonoTime began = parts_.clock.now();
  records::AttemptStart start;
  start.request_id = state_.request_id;
  start.attempt = records::shadow_attempt;
  start.started_us = started_us;
  start.logical_model = state_.model->name;
  start.provider = shadow_.target.provider->name;
  start.model = shadow_.target.model;
  start.endpoint = state_.incoming.front.endpoint;
  start.features = state_.incoming.features;
  start.reserved = hold.reserved();
  const std::uint64_t serial = parts_.journal.start(start);
  co_await state_.turn.on_file();  // as every call that may cost money
  Outcome outcome;
  for (const bool fresh : {false, true}) {  // once more over a new connection, if need be
    Contest::Entrant entrant(state_.contest, false);
    Attempt attempt(state_, *candidate_, entrant);
    outcome = co_await attempt.run(fresh);
    if (!outcome.stale || outcome.failure != FailureClass::reset) break;
  }
  if (nobody_->overflowed()) outcome.failure = FailureClass::malformed_body;
  note_health(outcome);
  account(outcome, serial, began, started_us, hold);
}

void ShadowCopy::note_health(const Outcome& outcome) {
  const MonoTime now = parts_.clock.now();
  const auto note = [&](std::size_t index, bool blamed) {
    if (outcome.failure == FailureClass::none)
      parts_.health.succeeded(index, now);
    else if (blamed)
      parts_.health.failed(index, outcome.failure, outcome.status, now, parts_.clock.wall_us(),
                           outcome.retry_after);
    else
      parts_.health.undecided(index);
  };
  const bool of_key = candidate_->key != nullptr && blames_key(outcome.failure);
  if (candidate_->key != nullptr) note(candidate_->key->index, of_key);
  note(shadow_.index,
       !of_key && routing::blames_target(outcome.failure) && !outcome.old_credential);
}

void ShadowCopy::account(const Outcome& outcome, std::uint64_t serial, MonoTime began,
                         std::int64_t started_us, BudgetHold& hold) {
  const auto& prices = shadow_.target.prices;
  const auto& fallback = state_.snapshot->fallback_price;
  const Cost cost =
      cost_of(outcome, state_.incoming.front.endpoint, prices ? prices->at(started_us) : nullptr,
              fallback ? &*fallback : nullptr, hold.reserved());
  hold.settle(cost.charged);
  used_tokens_ = tokens_of(outcome.usage, outcome.committed ? tokens_ : 0);
  const auto took_us = duration_cast<microseconds>(parts_.clock.now() - began).count();
  records::AttemptEnd end = end_of(outcome, cost);
  end.serial = serial;
  end.ended_us = parts_.clock.wall_us();
  end.total_us = took_us;
  parts_.journal.end(end);
  state_.turn.schedule();

  observe::TargetCounters& counts = parts_.counters.target(shadow_.index);
  counts.shadows[static_cast<std::size_t>(outcome.failure)].add();
  counts.shadow_duration.observe_us(took_us);
  if (outcome.first_content_us >= 0)
    counts.shadow_first_content.observe_us(outcome.first_content_us);
  if (cost.known)
    counts.cost_nano_usd.add(static_cast<std::uint64_t>(cost.known->value));
  else
    counts.unknown_costs.add();
  parts_.counters.upstream_sent_bytes.add(outcome.bytes_sent);
  parts_.counters.upstream_received_bytes.add(outcome.bytes_received);
}

}  // namespace holdfast::gateway

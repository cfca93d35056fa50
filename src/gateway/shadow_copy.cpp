#include "gateway/shadow_copy.h"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "base/overload_limits.h"
#include "gateway/cost.h"
#include "gateway/facts.h"
#include "gateway/hedge.h"
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

std::optional<ShadowDrop> not_copied(const Incoming& incoming) {
  using records::bit, records::Feature;
  if (!asks_for_text(incoming.front.operation)) return ShadowDrop::not_text;
  // Files are named by ids, which are one provider's.
  if ((incoming.features & bit(Feature::files)) != 0 || incoming.foreign_state)
    return ShadowDrop::kept;
  if (!incoming.kept.said.previous_response_id.empty()) return ShadowDrop::kept;
  if (incoming.canonical && names_kept(*incoming.canonical)) return ShadowDrop::kept;
  if (!repeatable(incoming)) return ShadowDrop::kept;
  return std::nullopt;
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
             .keys = original.keys,
             .request_id = original.request_id,
             .model = original.model,
             .started = parts_.clock.now(),
             .deadline = parts_.clock.now() + original.model->deadline,
             .on_trial = true,
             .answer_most = std::min(original.answer_most, limits::shadow_answer_bytes)} {}

void ShadowCopy::cut(ShadowDrop why) {
  if (!std::exchange(state_.stopping, true)) cut_for_ = why;
  state_.cancel();
}

void ShadowCopy::drop(ShadowDrop why) {
  parts_.counters.target(shadow_.index).shadows_dropped[static_cast<std::size_t>(why)].add();
}

Task<void> ShadowCopy::run() {
  // Behind the turn in which the original begins: nothing of this is done before that has been
  // sent.
  co_await boost::asio::post(parts_.loop, boost::asio::use_awaitable);
  if (was_cut()) co_return drop(cut_for_);
  if (const auto why = prepare()) co_return drop(*why);
  const MonoTime now = parts_.clock.now();
  std::optional<ShadowWay> way = ShadowWay::take(parts_.health, *candidate_, now);
  if (!way) co_return drop(ShadowDrop::out);
  std::optional<ShadowPermit> permit = ShadowPermit::take(parts_, state_.waiting, shadow_, tokens_);
  if (!permit) co_return drop(ShadowDrop::no_room);
  const std::int64_t started_us = parts_.clock.wall_us();
  BudgetHold hold(state_);
  if (!state_.snapshot->budgets.empty()) {
    auto held = co_await hold.reserve(*candidate_, started_us);
    if (!held || was_cut()) {
      if (held) hold.settle({0});
      permit->undo(tokens_, parts_.clock.now());
      co_return drop(held ? cut_for_ : ShadowDrop::budget);
    }
  }
  co_await ask(*way, hold, started_us);
  permit->settle(used_tokens_, parts_.clock.now());
}

// Reads the copy and finds the form in which it is asked. Returns why it must not or cannot be.
std::optional<ShadowDrop> ShadowCopy::prepare() {
  Incoming& incoming = state_.incoming;
  auto front = find_route(state_.exchange.head());
  if (!front) return unfit("no such path");
  incoming.front = std::move(*front);
  const auto read = read_incoming(state_.exchange.head(), body_, incoming);
  if (!read) return unfit(read.error().message);
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
  if (incoming.front.operation == Operation::generate)
    if (const auto canonical = read_canonical_form(incoming); !canonical)
      return unfit(canonical.error().message);
  if (const auto why = not_copied(incoming)) return why;
  auto candidate = candidate_of(shadow_.target, shadow_.index, 0, state_.model->lossy, incoming);
  if (!candidate) return unfit(std::move(candidate.error().message));
  candidate_.emplace(std::move(*candidate));
  return std::nullopt;
}

// Tells the operator what the client of a request is told: which field, and why not.
ShadowDrop ShadowCopy::unfit(std::string why) {
  parts_.on_failure({.request_id = state_.request_id,
                     .model = state_.model->name,
                     .provider = shadow_.target.provider->name,
                     .target_model = shadow_.target.model,
                     .detail = std::move(why),
                     .failure = FailureClass::bad_request,
                     .at_us = parts_.clock.wall_us(),
                     .unfit_copy = true});
  return ShadowDrop::unfit;
}

Task<void> ShadowCopy::ask(ShadowWay& way, BudgetHold& hold, std::int64_t started_us) {
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
  way.ended(outcome, parts_.clock.now(), parts_.clock.wall_us());
  account(outcome, serial, began, started_us, hold);
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

#include "gateway/attempts.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <iterator>

#include "gateway/budget_hold.h"
#include "gateway/continuation.h"
#include "gateway/cost.h"
#include "gateway/facts.h"
#include "gateway/hedge.h"
#include "gateway/key_choice.h"
#include "gateway/shadows.h"
#include "gateway/target_permit.h"
#include "net/signal.h"

namespace holdfast::gateway {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;

// A kept connection that the upstream closed meanwhile, as it may: says nothing about the target.
bool ended_idle(const Outcome& outcome) {
  return outcome.stale && outcome.failure == FailureClass::reset;
}

// The client has its answer, or the beginning of one, or has left.
bool ends_request(const Outcome& outcome) {
  return outcome.answered || outcome.committed || outcome.failure == FailureClass::client_left;
}

}  // namespace

std::string error_event(RequestState& state, const Refusal& refusal) {
  const dialect::Dialect dialect = state.incoming.front.dialect;
  if (dialect == dialect::Dialect::openai)
    return fmt::format("data: {}\n\n", body_of(refusal, dialect, state.request_id));
  std::string event;
  state.stream_writer().error(report_of(refusal, state.request_id), event);
  return event;
}

Task<std::optional<Refusal>> Attempts::run(std::vector<Candidate>& fitting) {
  const routing::Facts facts = facts_of(state_);
  routing::Plan plan(state_.model->route, facts, fit_of(fitting), parts_.health, parts_.load,
                     parts_.random, parts_.clock.now());
  if (plan.nobody_permitted()) {
    parts_.counters.refused(observe::Refusal::no_target);
    co_return no_target_permitted(state_.model->name);
  }
  parts_.retries.request();
  state_.may_continue = may_continue(*state_.model, state_.incoming, fitting);
  Candidate* candidate = co_await next_candidate(plan, fitting);
  bool fresh = false;
  while (candidate != nullptr) {
    std::optional<TargetPermit> permit = TargetPermit::take(state_, *candidate);
    if (!permit) {
      parts_.health.not_tried(candidate->index);
      if (candidate->key != nullptr) parts_.health.not_tried(candidate->key->index);
      candidate = co_await next_candidate(plan, fitting);
      continue;
    }
    Hedge hedge(*this, state_, plan, fitting);
    hedge.watch(*candidate);
    Outcome outcome;
    std::exception_ptr bug;
    try {
      Contest::Entrant entrant(state_.contest, false);
      outcome = co_await attempt_one(*candidate, fresh, entrant, state_.failed);
    } catch (...) {
      bug = std::current_exception();  // the hedge must not outlive this
    }
    permit->settle(outcome, parts_.clock.now());
    permit.reset();
    Verdict verdict;
    if (!bug && !ends_request(outcome) && outcome.failure != FailureClass::hedge_lost)
      verdict = judge(plan, *candidate, outcome, state_.failed);
    if (hedge.watching())
      co_await hedge.end(bug != nullptr || verdict.next == routing::Next::give_up);
    if (bug) std::rethrow_exception(bug);
    const Outcome* second = hedge.outcome();
    const bool by_second = second != nullptr && ends_request(*second);
    const Outcome& last = by_second ? *second : outcome;
    if (ends_request(last)) {
      if (last.answered || last.failure == FailureClass::client_left) co_return std::nullopt;
      if (!breaks_off(last)) {
        co_await end_broken(last.failure, last.error_event_sent);
        co_return std::nullopt;
      }
      if (by_second) candidate = &hedge.candidate();
      Failures failed = hedge.take_failed();
      verdict = judge(plan, *candidate, last, by_second ? failed : state_.failed);
    } else if (second != nullptr && verdict.next != routing::Next::give_up) {
      Failures failed = hedge.take_failed();
      const Verdict other = judge(plan, hedge.candidate(), *second, failed);
      state_.failed.insert(state_.failed.end(), std::make_move_iterator(failed.begin()),
                           std::make_move_iterator(failed.end()));
      if (verdict.next != routing::Next::same_target && other.next != routing::Next::next_target) {
        verdict = other;
        candidate = &hedge.candidate();
      }
    }
    // The request to go on is the gateway's own: what one target refuses in it, another may take.
    const bool give_up = verdict.next == routing::Next::give_up && !state_.broke_off;
    if (give_up || parts_.clock.now() >= state_.deadline) break;
    fresh = verdict.fresh;
    if (verdict.next != routing::Next::same_target)
      candidate = co_await next_candidate(plan, fitting);
  }
  if (state_.exchange.client_left()) co_return std::nullopt;
  if (state_.broke_off) {
    co_await end_broken(*state_.broke_off, false);
    co_return std::nullopt;
  }
  std::optional<std::chrono::milliseconds> cooled_in;
  const MonoTime now = parts_.clock.now();
  if (const auto cooled = plan.soonest_cooled(now))
    cooled_in = duration_cast<std::chrono::milliseconds>(*cooled - now);
  if (state_.failed.empty() && state_.full.empty() && state_.passed_over) {
    parts_.counters.refused(observe::Refusal::limited);
    co_return std::move(state_.passed_over);
  }
  if (state_.failed.empty() && state_.full.empty())
    parts_.counters.refused(observe::Refusal::no_target);
  co_return no_target_answered(state_.failed, cooled_in);
}

Attempts::Verdict Attempts::judge(routing::Plan& plan, Candidate& candidate, const Outcome& outcome,
                                  Failures& failed) {
  if (outcome.forgotten && tell_whole(candidate, *state_.model, state_.incoming)) {
    failed.pop_back();  // it is asked again
    return {routing::Next::same_target, false};
  }
  const auto next = plan.failed(candidate.position, {.failure = outcome.failure,
                                                     .stale = ended_idle(outcome),
                                                     .another_credential = outcome.next_key});
  if (next == routing::Next::next_target &&
      routing::after_failure(outcome.failure, false) == routing::Next::give_up)
    parts_.counters.target(candidate.index)
        .failovers[static_cast<std::size_t>(outcome.failure)]
        .add();  // by this model's rules; the others are counted with their attempt
  const bool fresh = next == routing::Next::same_target && !outcome.next_key;
  if (fresh) failed.pop_back();  // not the target's fault, and it is asked again
  return {next, fresh};
}

Task<Candidate*> Attempts::next_candidate(routing::Plan& plan, std::vector<Candidate>& fitting) {
  std::optional<std::size_t> position = plan.next(parts_.clock.now());
  while (true) {
    if (position) {
      const auto found = std::ranges::find(fitting, *position, &Candidate::position);
      if (state_.broke_off && !ask_to_go_on(*found)) {
        position = plan.next(parts_.clock.now());
        continue;
      }
      if (state_.attempts > 0 && !may_retry(plan)) co_return nullptr;
      if (choose_key_of(*found)) co_return &*found;
      position = plan.next(parts_.clock.now());
      continue;
    }
    const auto until = plan.wait_until(parts_.clock.now(), state_.deadline);
    if (!until || state_.stopping || state_.exchange.client_left()) co_return nullptr;
    net::Signal left(parts_.loop, parts_.watchdog);
    state_.cancel_wait = [&left] { left.notify(); };
    auto waited = co_await left.wait(*until);
    state_.cancel_wait = nullptr;
    if (waited || state_.exchange.client_left()) co_return nullptr;
    position = plan.next(parts_.clock.now());
  }
}

bool Attempts::choose_key_of(Candidate& candidate) {
  const MonoTime now = parts_.clock.now();
  candidate.keys_tried = 0;
  if (choose_key(candidate, parts_.health, now) == KeyChoice::chosen) return true;
  parts_.health.not_tried(candidate.index);
  // No other request need look here until the first of them is back.
  if (const auto soonest = soonest_key(*candidate.target->provider, parts_.health, now))
    parts_.health.cool(candidate.index, *soonest);
  return false;
}

// Tells the health of the key that was used, and looks for another when the fault is the key's.
void Attempts::note_key(Candidate& candidate, Outcome& outcome) {
  if (candidate.key == nullptr) return;
  const MonoTime now = parts_.clock.now();
  const std::size_t key = candidate.key->index;
  if (outcome.failure == FailureClass::none) return parts_.health.succeeded(key, now);
  if (!blames_key(outcome.failure)) return parts_.health.undecided(key);
  parts_.health.failed(key, outcome.failure, outcome.status, now, parts_.clock.wall_us(),
                       outcome.retry_after);
  parts_.on_failure({state_.request_id, state_.model->name, candidate.target->provider->name,
                     candidate.target->model,
                     fmt::format("{}; the key was {}", outcome.detail, candidate.key->name),
                     outcome.failure, outcome.status, parts_.clock.wall_us()});
  if (now < state_.deadline)
    outcome.next_key = choose_key(candidate, parts_.health, now) == KeyChoice::chosen;
  // The target is back with the first of its keys.
  const auto soonest = soonest_key(*candidate.target->provider, parts_.health, now);
  if (soonest && outcome.failure == FailureClass::rate_limited)
    outcome.retry_after = duration_cast<std::chrono::milliseconds>(*soonest - now);
}

// Whether the target that `plan` gave out may be asked although this request has asked others.
bool Attempts::may_retry(const routing::Plan& plan) {
  if (!plan.last_resort()) {
    parts_.retries.charge();
    return true;
  }
  if (parts_.retries.allow(parts_.clock.now())) return true;
  parts_.counters.retries_refused.add();
  return false;
}

Task<Outcome> Attempts::attempt_one(Candidate& candidate, bool fresh, Contest::Entrant& entrant,
                                    Failures& failed) {
  const routing::Target& target = *candidate.target;
  const std::size_t index = candidate.index;
  const std::int64_t started_us = parts_.clock.wall_us();
  BudgetHold hold(state_);
  if (!state_.snapshot->budgets.empty()) {
    auto held = co_await hold.reserve(candidate, started_us);
    if (!held) co_return not_asked(candidate, entrant, std::move(held.error()), failed);
    if (entrant.lost()) {  // while the budgets were asked
      hold.settle({0});
      co_return not_asked(candidate, entrant, "another target had content first", failed);
    }
  }
  // What was refused before here goes nowhere, so nobody gets a copy of it either.
  if (state_.shadows != nullptr) std::exchange(state_.shadows, nullptr)->offer(state_);
  ++state_.attempts;
  if (entrant.hedge()) {
    state_.hedged = true;
    parts_.counters.target(index).hedges.add();
  }
  if (state_.broke_off) parts_.counters.continuations.add();
  const MonoTime began = parts_.clock.now();
  records::AttemptStart start;
  start.request_id = state_.request_id;
  start.attempt = state_.attempts;
  start.started_us = started_us;
  start.logical_model = state_.model->name;
  start.provider = target.provider->name;
  start.model = target.model;
  start.endpoint = state_.incoming.front.endpoint;
  start.key_name = state_.key_name;
  if (state_.key != nullptr) {
    start.team = state_.key->team;
    start.service = state_.key->service;
  }
  start.features = state_.incoming.features;
  start.reserved = hold.reserved();
  const std::uint64_t serial = parts_.journal.start(start);
  co_await state_.turn.on_file();  // a call that may cost money is on file before it is made

  const routing::InFlight in_flight(parts_.load, index);
  Attempt attempt(state_, candidate, entrant);
  Outcome outcome = co_await attempt.run(fresh);
  const auto took_us = duration_cast<microseconds>(parts_.clock.now() - began).count();
  note_key(candidate, outcome);
  if (outcome.failure == FailureClass::none)
    parts_.health.succeeded(index, parts_.clock.now());
  else
    note_failure(candidate, outcome, failed);
  note_pace(index, outcome, took_us, entrant.hedge());
  const records::Price* price = target.prices ? target.prices->at(start.started_us) : nullptr;
  const auto& fallback = state_.snapshot->fallback_price;
  const Cost cost =
      cost_of(outcome, start.endpoint, price, fallback ? &*fallback : nullptr, start.reserved);
  hold.settle(cost.charged);
  account_attempt(serial, index, outcome, took_us, cost);
  co_return outcome;
}

// What a budget does not allow, or nobody needs any more: no attempt is made, so none is recorded.
Outcome Attempts::not_asked(const Candidate& candidate, const Contest::Entrant& entrant,
                            std::string why, Failures& failed) {
  if (candidate.key != nullptr) parts_.health.not_tried(candidate.key->index);
  Outcome outcome;
  outcome.asked = false;
  outcome.failure = FailureClass::over_budget;
  if (state_.exchange.client_left()) outcome.failure = FailureClass::client_left;
  if (entrant.lost()) outcome.failure = FailureClass::hedge_lost;
  outcome.detail = std::move(why);
  note_failure(candidate, outcome, failed);
  return outcome;
}

void Attempts::note_failure(const Candidate& candidate, const Outcome& outcome, Failures& failed) {
  const routing::Target& target = *candidate.target;
  const bool blamed = routing::blames_target(outcome.failure) && !ended_idle(outcome) &&
                      !outcome.next_key && !outcome.old_credential &&
                      !(state_.broke_off && state_.continued()->started_over());
  if (blamed)
    parts_.health.failed(candidate.index, outcome.failure, outcome.status, parts_.clock.now(),
                         parts_.clock.wall_us(), outcome.retry_after);
  else
    parts_.health.undecided(candidate.index);
  if (outcome.failure == FailureClass::client_left || outcome.failure == FailureClass::hedge_lost)
    return;
  failed.push_back({outcome.failure, outcome.status, outcome.no_credential, target.provider->name,
                    target.model, outcome.detail, outcome.retry_after, outcome.error_body,
                    outcome.error_message});
  if (!blamed) return;
  parts_.on_failure({state_.request_id, state_.model->name, target.provider->name, target.model,
                     outcome.detail, outcome.failure, outcome.status, parts_.clock.wall_us()});
}

// How fast the target is, as far as this attempt tells.
void Attempts::note_pace(std::size_t index, const Outcome& outcome, std::int64_t took_us,
                         bool hedge) {
  const MonoTime now = parts_.clock.now();
  const bool stream = state_.incoming.stream;
  // It would have taken longer still. Left out, the times of those that were waited for would be
  // the short ones alone, and hedges would begin earlier and earlier.
  const bool was_late = outcome.failure == FailureClass::hedge_lost && !hedge;
  if (outcome.failure == FailureClass::none)
    parts_.load.answered(index,
                         {.first_content_us = stream ? outcome.first_content_us : -1,
                          .total_us = took_us,
                          .tokens_out = outcome.usage.tokens_out},
                         now);
  else if (was_late || (routing::blames_target(outcome.failure) && !ended_idle(outcome)))
    parts_.load.failed_after(index, took_us, now);
  if (!repeatable(state_.incoming)) return;
  if (was_late)
    parts_.load.first_content(index, stream).note(took_us);
  else if (outcome.first_content_us >= 0)
    parts_.load.first_content(index, stream).note(outcome.first_content_us);
}

void Attempts::account_attempt(std::uint64_t serial, std::size_t index, const Outcome& outcome,
                               std::int64_t took_us, const Cost& cost) {
  records::AttemptEnd end = end_of(outcome, cost);
  end.serial = serial;
  end.ended_us = parts_.clock.wall_us();
  end.total_us = took_us;
  end.client_left = outcome.failure == FailureClass::client_left;
  end.committed = outcome.committed;
  end.continuation = state_.broke_off.has_value();
  end.answer_status = outcome.answer_status;
  parts_.journal.end(end);
  state_.limits.note(outcome.usage, outcome.committed);
  state_.turn.schedule();

  observe::TargetCounters& counts = parts_.counters.target(index);
  counts.attempts[static_cast<std::size_t>(outcome.failure)].add();
  counts.attempt_duration.observe_us(took_us);
  if (outcome.first_content_us >= 0)
    counts.time_to_first_content.observe_us(outcome.first_content_us);
  const std::int64_t tokens[] = {outcome.usage.tokens_in, outcome.usage.tokens_out,
                                 outcome.usage.tokens_cached, outcome.usage.tokens_reasoning};
  for (std::size_t kind = 0; kind < std::size(tokens); ++kind)
    if (tokens[kind] > 0) counts.tokens[kind].add(static_cast<std::uint64_t>(tokens[kind]));
  if (cost.known) {
    const auto nano_usd = static_cast<std::uint64_t>(cost.known->value);
    counts.cost_nano_usd.add(nano_usd);
    const std::string_view service =
        state_.key != nullptr ? std::string_view(state_.key->service) : std::string_view();
    parts_.counters.service(state_.model->service_index(service)).cost_nano_usd.add(nano_usd);
  } else {
    counts.unknown_costs.add();
  }
  if (outcome.failure != FailureClass::none && !outcome.committed && !outcome.next_key &&
      routing::after_failure(outcome.failure, ended_idle(outcome)) == routing::Next::next_target)
    counts.failovers[static_cast<std::size_t>(outcome.failure)].add();
  parts_.counters.upstream_sent_bytes.add(outcome.bytes_sent);
  parts_.counters.upstream_received_bytes.add(outcome.bytes_received);
}

}  // namespace holdfast::gateway

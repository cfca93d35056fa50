#include "gateway/budget_hold.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/limits.h"
#include "dialect/json_document.h"
#include "gateway/continuation.h"
#include "net/signal.h"
#include "routing/budget_settings.h"

namespace holdfast::gateway {
namespace {
using namespace std::chrono_literals;
using Verdict = routing::BudgetCell::Verdict;
constexpr auto slice_poll = 2ms;
// Of one attempt, in nano-USD: more than any budget has, and far from where sums end.
constexpr std::int64_t most_reserved = std::numeric_limits<std::int64_t>::max() / 4096;

// Bytes do not bound what is fetched or was kept by the provider.
bool unbounded_by_bytes(const Incoming& incoming) {
  using records::bit, records::Feature;
  constexpr std::uint32_t features = bit(Feature::images) | bit(Feature::audio) |
                                     bit(Feature::files) | bit(Feature::web_search) |
                                     bit(Feature::stored);
  if ((incoming.features & features) != 0) return true;
  const auto& said = incoming.kept.said;
  if (!said.previous_response_id.empty() || !said.conversation.empty()) return true;
  if (!incoming.canonical) return false;
  return std::ranges::any_of(incoming.canonical->extras, [](const dialect::Extra& extra) {
    return extra.name == "previous_response_id" || extra.name == "conversation";
  });
}

std::int64_t most_tokens_in(const Incoming& incoming, const Candidate& candidate,
                            const records::Price& price) {
  std::size_t size = incoming.body.size() + candidate.target->overrides.system.size();
  for (const responses::SharedEntry& entry : incoming.kept.chain.entries) size += entry->bytes();
  const auto bytes = static_cast<std::int64_t>(size);
  const std::int64_t most =
      price.most_tokens_in > 0 ? price.most_tokens_in : std::int64_t{limits::tokens_in_unbounded};
  if (unbounded_by_bytes(incoming)) return std::max(bytes, most);
  return price.most_tokens_in > 0 ? std::min(bytes, price.most_tokens_in) : bytes;
}

// What its tokens are bounded by is known without its canonical form.
bool scan_suffices(const Incoming& incoming) {
  return !incoming.canonical && incoming.front.dialect == dialect::Dialect::openai &&
         incoming.front.operation == Operation::generate &&
         incoming.scanned.endpoint == records::Endpoint::chat_completions &&
         incoming.scanned.only_text;
}

// What has no canonical request says how much it may get in these fields, if it is JSON at all.
void read_old_completion(std::string_view body, std::int64_t& most, std::int64_t& answers) {
  dialect::JsonDocument document;
  if (!document.parse(body)) return;
  static constexpr std::int64_t most_answers = 1'000'000;
  const auto at_least_one = [](std::optional<std::int64_t> count) {
    return std::clamp<std::int64_t>(count.value_or(1), 1, most_answers);
  };
  const dialect::JsonValue root = document.root();
  if (most == 0) most = root["max_tokens"].integer().value_or(0);
  const std::int64_t each =
      std::max(at_least_one(root["n"].integer()), at_least_one(root["best_of"].integer()));
  const auto prompts = root["prompt"].is_array() ? root["prompt"].size() : std::size_t{1};
  answers = each * at_least_one(static_cast<std::int64_t>(prompts));
}

std::int64_t most_tokens_out(const Incoming& incoming, const Candidate& candidate,
                             const records::Price& price) {
  if (incoming.embed || incoming.rerank) return 0;
  std::int64_t most = candidate.target->overrides.max_tokens;
  std::int64_t answers = 1;
  if (incoming.canonical) {
    if (most == 0) most = incoming.canonical->max_tokens.value_or(0);
    answers = std::max<std::int64_t>(incoming.canonical->n.value_or(1), 1);
  } else if (scan_suffices(incoming)) {
    if (most == 0) most = incoming.scanned.max_tokens;
    answers = std::max<std::int64_t>(incoming.scanned.n, 1);
  } else {
    read_old_completion(incoming.body, most, answers);
  }
  if (most == 0) most = price.most_tokens_out;
  if (most == 0) most = std::int64_t{limits::tokens_out_unbounded};
  return most > std::numeric_limits<std::int64_t>::max() / answers ? most : most * answers;
}

// "until 2026-12-01".
std::string until(const routing::Budget& budget, std::int64_t wall_us) {
  constexpr std::int64_t day_us = 86'400'000'000;
  return "until " +
         records::format_date(routing::period_at(budget.period, wall_us).until_day * day_us);
}
}  // namespace

Result<NanoUsd> worst_case(RequestState& state, const Candidate& candidate,
                           const records::Price& price) {
  std::int64_t in = most_tokens_in(state.incoming, candidate, price);
  if (state.broke_off)  // it reads what has been said so far as well
    in += static_cast<std::int64_t>(state.continued()->text().size() + continuation_bytes);
  CostSum sum;
  auto added = sum.add(in, price.dearest_input(in));
  if (added)
    added = sum.add(most_tokens_out(state.incoming, candidate, price), price.dearest_output(in));
  if (!added) return std::unexpected(std::move(added).error());
  return sum.rounded();
}

Task<std::expected<void, std::string>> BudgetHold::reserve(Candidate& candidate,
                                                           std::int64_t wall_us) {
  const routing::Snapshot& snapshot = *state_.snapshot;
  const routing::Target& target = *candidate.target;
  for (const routing::Budget& budget : snapshot.budgets) {
    if (!routing::counts(budget.scope, state_.key, state_.model->name, target.provider->name))
      continue;
    if (held_.empty() && reserved_.value == 0) {  // the first that counts it
      const records::Price* price = target.prices ? target.prices->at(wall_us) : nullptr;
      if (price == nullptr && snapshot.fallback_price) price = &*snapshot.fallback_price;
      if (price == nullptr && budget.hard && !critical())
        co_return std::unexpected(
            fmt::format("the budget {} is hard, and the price of {}/{} is not known", budget.name,
                        target.provider->name, target.model));
      if (price != nullptr) {
        if (!scan_suffices(state_.incoming)) {
          const auto read = read_canonical_form(state_.incoming);
          (void)read;  // what cannot be read is bounded by its bytes
        }
        const auto most = worst_case(state_, candidate, *price);
        if (!most)
          co_return std::unexpected(fmt::format("the budget {} cannot cover it", budget.name));
        reserved_.value = std::min(most->value, most_reserved);
      }
    }
    auto taken = co_await take(budget, wall_us);
    if (taken) continue;
    give_back();
    co_return taken;
  }
  co_return std::expected<void, std::string>();
}

Task<std::expected<void, std::string>> BudgetHold::take(const routing::Budget& budget,
                                                        std::int64_t wall_us) {
  routing::BudgetTable& table = *state_.snapshot->budget_table;
  const std::int64_t period = routing::period_at(budget.period, wall_us).number;
  routing::BudgetCell& cell = table.cell(budget.index, period);
  if (!budget.hard) {
    if (cell.force(period, reserved_.value)) held_.push_back({&budget, period, reserved_.value});
    co_return std::expected<void, std::string>();
  }
  const net::Deadline patience =
      std::min(state_.deadline, state_.parts.clock.now() + limits::budget_wait);
  Verdict verdict = cell.reserve(period, reserved_.value);
  while (verdict == Verdict::wait || verdict == Verdict::unknown) {
    if (state_.parts.clock.now() >= patience || state_.exchange.client_left() || state_.stopping)
      break;
    table.ask_for_slices();
    net::Signal nobody(state_.parts.loop, state_.parts.watchdog);
    const net::Deadline again = state_.parts.clock.now() + slice_poll;
    auto waited = co_await nobody.wait(again);
    (void)waited;
    verdict = cell.reserve(period, reserved_.value);
  }
  if (verdict == Verdict::granted) {
    held_.push_back({&budget, period, reserved_.value});
    co_return std::expected<void, std::string>();
  }
  if (critical() && cell.force(period, reserved_.value)) {
    table.count_forced(budget.index);
    held_.push_back({&budget, period, reserved_.value});
    co_return std::expected<void, std::string>();
  }
  table.count_refused(budget.index);
  if (verdict == Verdict::exhausted)
    co_return std::unexpected(
        fmt::format("the budget {} has no room for it {}", budget.name, until(budget, wall_us)));
  co_return std::unexpected(fmt::format("the budget {} cannot be kept on file now", budget.name));
}

bool BudgetHold::critical() const {
  return state_.key != nullptr &&
         state_.key->service_class == identity::ServiceClass::critical_revenue;
}

void BudgetHold::settle(NanoUsd charged) {
  for (const Held& held : held_)
    state_.snapshot->budget_table->cell(held.budget->index, held.period)
        .settle(held.period, held.amount, charged.value);
  held_.clear();
}

void BudgetHold::give_back() {
  settle({0});
  reserved_ = {};
}

const routing::Budget* degrading_budget(RequestState& state, std::string_view model) {
  const routing::Budget* found = nullptr;
  const std::int64_t wall_us = state.parts.clock.wall_us();
  for (const routing::Budget& budget : state.snapshot->budgets) {
    if (!routing::counts(budget.scope, state.key, model, {})) continue;
    const std::int64_t period = routing::period_at(budget.period, wall_us).number;
    const int percent = state.snapshot->budget_table->cell(budget.index, period).percent(period);
    if (percent >= budget.warn_at)
      state.budget_warning +=
          fmt::format("{}{}={}%", state.budget_warning.empty() ? "" : ", ", budget.name, percent);
    if (percent >= budget.degrade_at && !budget.degrade_to.empty() && budget.degrade_to != model &&
        found == nullptr)
      found = &budget;
  }
  return found;
}

}  // namespace holdfast::gateway

#include "server/prober.h"

#include <boost/asio/co_spawn.hpp>

#include "base/log.h"
#include "dialect/openai/codec.h"

namespace holdfast::server {
namespace {

using namespace std::chrono_literals;
using provider::ProbeKind;
using routing::OpenedFor;
constexpr auto tick_time = 2s;  // from one tick to the next, and some patience
constexpr std::string_view question =
    R"({"model":"probe","max_tokens":1,"messages":[{"role":"user","content":"Hi"}]})";

// Failures that a list of models meets just as an answer would.
bool list_tells(FailureClass failure) {
  return failure == FailureClass::dns || failure == FailureClass::connect ||
         failure == FailureClass::connect_timeout || failure == FailureClass::tls ||
         failure == FailureClass::revoked;
}

// Whether a probe of this kind can tell that the target is back. Slowness shows in real requests.
bool can_tell(ProbeKind kind, const routing::HealthView& view) {
  if (kind == ProbeKind::models) return list_tells(view.last_failure);
  return kind == ProbeKind::completion && view.opened_for != OpenedFor::slow;
}

provider::Destination destination_of(const routing::Provider& provider, const Secret& key,
                                     std::string_view id, std::int64_t now_us) {
  return {.authority = provider.authority,
          .path = provider.path,
          .key = key.reveal(),
          .now_us = now_us,
          .attempt_id = id};
}

// A question for one token, in the target's words.   errors   as Codec::write_request
Result<provider::Outgoing> write_question(const routing::Target& target,
                                          const provider::Destination& destination) {
  const provider::Adapter& adapter = *target.provider->adapter;
  auto request = dialect::openai::codec().read_request(question, {}, false);
  if (!request) return fail(ErrorCode::invalid_request, "the question cannot be read");
  std::vector<dialect::Loss> losses;
  auto written = adapter.codec().write_request(*request, target.model,
                                               adapter.abilities(target.model), losses);
  if (!written) return std::unexpected(written.error());
  auto outgoing = adapter.send(std::move(*written), target.model, false, destination);
  // Its text refers to the request, which ends here.
  std::string body;
  outgoing.body.for_each_part([&body](std::string_view part) { body.append(part); });
  outgoing.head.append(body);
  return provider::Outgoing{std::move(outgoing.head), {}};
}

}  // namespace

Prober::Prober(boost::asio::io_context& loop, net::Watchdog& watchdog, const Clock& clock,
               routing::HealthTable& health, std::uint64_t seed)
    : loop_(loop),
      clock_(clock),
      health_(health),
      random_(seed),
      connector_(net::make_connector(loop, watchdog, clock)),
      pool_(*connector_, clock) {}

void Prober::tick(const std::shared_ptr<const routing::Snapshot>& snapshot) {
  if (stopping_) return;
  pool_.evict();
  for (const auto& [name, model] : snapshot->models)
    for (std::size_t i = 0; i < model.targets.size(); ++i)
      look_at(snapshot, model.targets[i], model.indices[i]);
}

void Prober::look_at(const std::shared_ptr<const routing::Snapshot>& snapshot,
                     const routing::Target& target, std::uint16_t index) {
  const routing::Provider& provider = *target.provider;
  const ProbeKind kind = provider.engine ? ProbeKind::none : provider.probe.kind;
  const MonoTime now = clock_.now();
  const routing::HealthView view = health_.view(index, now);
  const bool out =
      view.state == routing::BreakerState::open || view.state == routing::BreakerState::half_open;
  if (!out || kind == ProbeKind::none || !can_tell(kind, view)) {
    if (const auto known = states_.find(index); known != states_.end()) known->second.known = false;
    return;
  }
  State& state = states_[index];
  if (state.under_way) return;
  const auto every = Duration(provider.probe.every);
  const auto spread = Duration(
      static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(every.count()) / 5 + 1)));
  if (!state.known) {
    state = State{provider.name, target.model, now + every - spread,  true,
                  false,         state.turn,   std::move(state.ended)};
  }
  // Its breaker's time is over: where there was no probe, a request would try it now.
  const bool due = state.due <= now || view.state == routing::BreakerState::half_open;
  if (due && static_cast<int>(under_way_.size()) >= limits::probes_at_once) return;
  if (kind == ProbeKind::completion && due && !may_spend(provider, now)) return;
  const auto& keys = provider.credentials;
  const Secret& key = keys.empty() ? provider.key : keys[state.turn % keys.size()].key;
  if (kind == ProbeKind::models) {
    const auto there = destination_of(provider, key, "probe", clock_.wall_us());
    if (provider.adapter->list_models(there).empty()) return;
  }
  if (!reserve(index, provider, now) || !due) return;
  state.due = now + every - spread;
  state.under_way = true;
  ++state.turn;
  auto probing = probe(snapshot, target, key);
  // The snapshot keeps the provider while it is probed.
  boost::asio::co_spawn(
      loop_, std::move(probing),
      [this, index, snapshot, &provider](const std::exception_ptr& error, Found found) {
        conclude(index, provider, error ? Found{} : found);
      });
}

// Keeps requests from probing until the next probe has ended, or should have.
bool Prober::reserve(std::uint16_t index, const routing::Provider& provider, MonoTime now) {
  return health_.reserve_probe(index, now,
                               now + provider.probe.every + provider.probe.timeout + tick_time);
}

bool Prober::may_spend(const routing::Provider& provider, MonoTime now) {
  Spent& spent = spent_[provider.name];
  if (spent.count == 0 || now - spent.from >= 24h) spent = {now, 0};
  if (spent.count > provider.probe.per_day) return false;
  if (++spent.count <= provider.probe.per_day) return true;
  log::warning(
      "provider {}: its {} completions as probes within 24 hours are spent; requests of clients "
      "try its targets until then",
      provider.name, provider.probe.per_day);
  return false;
}

Task<Prober::Found> Prober::probe(std::shared_ptr<const routing::Snapshot> snapshot,
                                  const routing::Target& target, const Secret& key) {
  const routing::Provider& provider = *target.provider;
  const net::Deadline deadline = clock_.now() + provider.probe.timeout;
  const std::string id = make_id("probe_", clock_.wall_us(), random_);
  const auto destination = destination_of(provider, key, id, clock_.wall_us());
  provider::Outgoing outgoing;
  if (provider.probe.kind == ProbeKind::models) {
    outgoing.head = provider.adapter->list_models(destination);
  } else {
    auto written = write_question(target, destination);
    if (!written) co_return Found{};
    outgoing = std::move(*written);
  }
  net::UpstreamCall call(pool_, provider.origin, provider.pool_key);
  const auto place = under_way_.insert(under_way_.end(), &call);
  auto asking = ask(call, target, std::move(outgoing), deadline);
  const Found found = co_await std::move(asking);
  under_way_.erase(place);
  (void)snapshot;  // kept alive until here
  co_return found;
}

Task<Prober::Found> Prober::ask(net::UpstreamCall& call, const routing::Target& target,
                                provider::Outgoing outgoing, net::Deadline deadline) {
  const provider::Adapter& adapter = *target.provider->adapter;
  const auto opened = co_await call.open(deadline);
  if (!opened) co_return Found{opened.error().failure, 0};
  const auto sent = co_await call.send(outgoing.head, deadline);
  if (!sent) co_return Found{FailureClass::reset, 0};
  const auto head = co_await call.read_head(deadline);
  if (!head) {
    const bool late = head.error().code == ErrorCode::deadline_exceeded;
    co_return Found{late ? FailureClass::headers_timeout : FailureClass::reset, 0};
  }
  const auto status = static_cast<std::uint16_t>((*head)->status);
  std::string body;
  while (body.size() < limits::probe_answer_bytes) {
    const auto piece = co_await call.read_piece(deadline);
    if (!piece) co_return Found{FailureClass::truncated_body, status};
    if (piece->empty()) break;
    body.append(*piece);
  }
  if (status != 200) co_return Found{adapter.classify_error(status, {}, body).failure, status};
  if (target.provider->probe.kind == ProbeKind::models) co_return Found{FailureClass::none, status};
  const auto answer = adapter.codec().read_answer(body);
  co_return Found{answer ? FailureClass::none : FailureClass::malformed_body, status};
}

void Prober::conclude(std::uint16_t index, const routing::Provider& provider, const Found& found) {
  State& state = states_[index];
  state.under_way = false;
  if (stopping_ || found.failure == FailureClass::local) return;
  ++state.ended[found.failure];
  const MonoTime now = clock_.now();
  if (found.failure == FailureClass::none) {
    health_.succeeded(index, now);
    if (health_.view(index, now).state == routing::BreakerState::closed)
      log::info("target {}/{} is back, as a probe found", state.provider, state.model);
    return;
  }
  const bool tells = provider.probe.kind == ProbeKind::completion || list_tells(found.failure);
  if (tells && routing::blames_target(found.failure))
    health_.failed(index, found.failure, found.status, now, clock_.wall_us(), std::nullopt);
  reserve(index, provider, now);  // a failure has let requests in again
}

void Prober::stop() {
  stopping_ = true;
  for (net::UpstreamCall* call : under_way_) call->cancel();
}

std::vector<observe::Sample> Prober::samples() const {
  std::vector<observe::Sample> out;
  for (const auto& [index, state] : states_)
    for (const auto& [failure, count] : state.ended)
      out.push_back({{state.provider, state.model, std::string(to_string(failure))},
                     static_cast<double>(count)});
  return out;
}

}  // namespace holdfast::server

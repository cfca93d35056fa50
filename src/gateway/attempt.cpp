#include "gateway/attempt.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "gateway/continuation.h"
#include "gateway/kept.h"

namespace holdfast::gateway {
namespace {

using namespace std::chrono_literals;
constexpr std::size_t error_body_bytes = 65'536;
constexpr std::size_t one_write_bytes = 65'536;  // bodies up to this go out with their head
constexpr auto error_body_time = 5s;
constexpr auto engine_poll = 250ms;

// The upstream's headers that say something to the client; limits are not among them, since those
// are this gateway's account's (wire format notes, section 14).
constexpr std::string_view passed_names[] = {"openai-processing-ms", "openai-version",
                                             "x-should-retry"};

// A number in the header `name`; -1: there is none.
std::int64_t read_count(const net::HeaderFields& headers, std::string_view name) {
  if (name.empty()) return -1;
  const std::string_view text = headers.find(name).value_or("");
  std::uint32_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  return text.empty() || error != std::errc() || end != text.data() + text.size() ? -1 : count;
}

bool is_stream(std::string_view content_type) {
  for (const std::string_view name : {"text/event-stream", "application/vnd.amazon.eventstream"})
    if (content_type.size() >= name.size() &&
        net::same_name(content_type.substr(0, name.size()), name))
      return true;
  return false;
}

}  // namespace

Attempt::Attempt(RequestState& state, Candidate& candidate, Contest::Entrant& entrant)
    : state_(state),
      candidate_(candidate),
      entrant_(entrant),
      target_(*candidate.target),
      provider_(*target_.provider) {}

net::Deadline Attempt::until(net::Deadline phase) const { return std::min(phase, total_); }

void Attempt::fail(FailureClass failure, std::string detail) {
  if (entrant_.lost())
    failure = FailureClass::hedge_lost;
  else if (state_.exchange.client_left())
    failure = FailureClass::client_left;
  else if (state_.stopping)
    failure = FailureClass::local;
  outcome_.failure = failure;
  outcome_.detail = scrubbed(std::move(detail));  // it goes to the log and the status page
}

// Names the failure of a network operation.
//   closed, late   what it means that the upstream closed, or that the phase's time passed
void Attempt::fail_of(const Error& error, FailureClass closed, FailureClass late) {
  switch (error.code) {
    case ErrorCode::deadline_exceeded:
      fail(state_.parts.clock.now() >= total_ ? FailureClass::deadline : late, error.detail);
      return;
    case ErrorCode::malformed_response:
      fail(head_ == nullptr ? FailureClass::malformed_head : FailureClass::malformed_body,
           error.detail);
      return;
    case ErrorCode::cancelled:
      fail(FailureClass::client_left, error.detail);
      return;
    case ErrorCode::too_large:
      fail(FailureClass::malformed_body, error.detail);
      return;
    case ErrorCode::invalid_request:
    case ErrorCode::upstream_unavailable:
    case ErrorCode::configuration:
    case ErrorCode::io:
      fail(closed, error.detail);
      return;
  }
}

net::AnswerHeaders Attempt::answer_headers() const {
  net::AnswerHeaders headers = state_.common_headers();
  headers.add("x-holdfast-provider", provider_.name);
  headers.add("x-holdfast-model", target_.model);
  headers.add("x-holdfast-attempts", fmt::format_int(state_.attempts).c_str());
  if (!state_.failed.empty())
    headers.add("x-holdfast-fallback-reason", fallback_reasons(state_.failed));
  if (state_.hedged) headers.add("x-holdfast-hedge", entrant_.hedge() ? "won" : "lost");
  if (!outcome_.upstream_request_id.empty())
    headers.add("x-upstream-request-id", outcome_.upstream_request_id);
  if (!candidate_.losses.empty() || !untold_.empty())
    headers.add("x-holdfast-dropped", candidate_.dropped(untold_));
  if (!state_.budget_warning.empty()) headers.add("x-holdfast-budget", state_.budget_warning);
  if (!state_.degraded.empty()) headers.add("x-holdfast-degraded", state_.degraded);
  return headers;
}

Task<Outcome> Attempt::run(bool fresh) {
  started_ = state_.parts.clock.now();
  total_ = std::min(state_.deadline, started_ + target_.timeouts.total);
  co_await call(fresh);
  entrant_.on_end(nullptr);
  if (!outcome_.committed) state_.forget_attempt();
  if (provider_.engine) provider_.engine->note_use();  // its idle time begins at a request's end
  if (call_) outcome_.bytes_received = call_->bytes_received();
  co_return std::move(outcome_);
}

// Waits until the local engine is up and says where it is. False: it is not, and the failure is
// noted.
Task<bool> Attempt::reach_engine(provider::Destination& destination) {
  engine::Engine& local = *provider_.engine;
  local.note_use();
  const net::Deadline deadline = until(started_ + target_.timeouts.first_content);
  while (!local.ready()) {
    const net::Deadline slice = std::min(deadline, state_.parts.clock.now() + engine_poll);
    auto ready = co_await local.wait_ready(slice);
    if (ready) break;
    if (ready.error().code != ErrorCode::deadline_exceeded) {
      fail(FailureClass::connect, ready.error().detail);
      co_return false;
    }
    if (entrant_.lost() || state_.exchange.client_left() || state_.stopping) {
      fail(FailureClass::client_left, "the client left");
      co_return false;
    }
    if (state_.parts.clock.now() >= deadline) {
      fail(FailureClass::connect_timeout, "the local engine was not ready in time");
      co_return false;
    }
    if (!co_await keep_alive_if_due()) co_return false;
  }
  engine_ = local.endpoint();  // keeps its key alive
  engine_origin_.tls = false;
  engine_origin_.host = "127.0.0.1";
  engine_origin_.port = engine_->port;
  engine_origin_.private_allowed = true;
  engine_pool_key_ = engine_origin_.key();
  engine_authority_ = engine_origin_.authority();
  destination.authority = engine_authority_;
  destination.path = "/v1";
  destination.key = engine_->key.reveal();
  co_return true;
}

Task<void> Attempt::call(bool fresh) {
  provider::Destination destination{.authority = provider_.authority,
                                    .path = provider_.path,
                                    .key = own_key().reveal(),
                                    .now_us = state_.parts.clock.wall_us(),
                                    .attempt_id = state_.request_id};
  const net::Origin* origin = &provider_.origin;
  const std::string* pool_key = &provider_.pool_key;
  if (provider_.engine) {
    const bool up = co_await reach_engine(destination);
    if (!up) co_return;
    origin = &engine_origin_;
    pool_key = &engine_pool_key_;
  }
  if (provider_.short_lived) {
    credential_ = find_credential();
    if (!credential_) co_return;
    destination.key = credential_->token.reveal();
    if (credential_->kind == vault::Credential::Kind::aws) destination.aws = &credential_->aws;
  }
  call_.emplace(state_.parts.pool, *origin, *pool_key);
  entrant_.on_end([this] { call_->cancel(); });
  if (entrant_.lost() || state_.exchange.client_left() || state_.stopping)
    call_->cancel();  // told before there was a call

  const net::Deadline connect_by = until(state_.parts.clock.now() + target_.timeouts.connect);
  std::expected<void, net::ConnectFailure> opened;
  if (fresh || !call_->reuse()) opened = co_await call_->open(connect_by);
  if (!opened) {
    const bool total_passed = opened.error().failure == FailureClass::connect_timeout &&
                              state_.parts.clock.now() >= total_;
    fail(total_passed ? FailureClass::deadline : opened.error().failure,
         std::move(opened.error().detail));
    co_return;
  }
  const net::Deadline headers_by = state_.parts.clock.now() + target_.timeouts.headers;
  const bool sent = co_await send_request(destination, until(headers_by));
  if (!sent) co_return;
  while (head_ == nullptr) {
    auto head = co_await call_->read_head(std::min(until(headers_by), state_.keepalive_at));
    if (head) {
      head_ = *head;
      break;
    }
    // Woken to keep the client's connection alive, unless another attempt has done so just now.
    const bool keepalive = head.error().code == ErrorCode::deadline_exceeded &&
                           state_.parts.clock.now() < until(headers_by);
    if (!keepalive) {
      fail_of(head.error(), FailureClass::reset, FailureClass::headers_timeout);
      outcome_.stale = call_->reused() && call_->bytes_received() == 0;
      co_return;
    }
    const bool client_there = co_await keep_alive_if_due();
    if (!client_there) co_return;
  }

  outcome_.status = static_cast<std::uint16_t>(head_->status);
  content_type_ = head_->headers.find("content-type").value_or("");
  outcome_.upstream_request_id = scrubbed(std::string(
      head_->headers.find(provider_.adapter->request_id_header()).value_or("").substr(0, 256)));
  state_.parts.capacity.quota(candidate_.index)
      .told(provider_.adapter->read_rate_limits(head_->headers, state_.parts.clock.wall_us()),
            state_.parts.clock.now());
  announced_tokens_in_ = read_count(head_->headers, provider_.adapter->tokens_in_header());
  if (head_->status != 200) {
    co_await read_error();
    co_return;
  }
  const auto encoding = head_->headers.find("content-encoding").value_or("identity");
  if (!net::same_name(encoding, "identity")) {
    fail(FailureClass::malformed_body, "the answer is compressed, which was not asked for");
    co_return;
  }
  for (const std::string_view name : passed_names)
    if (const auto value = head_->headers.find(name)) passed_.emplace_back(name, *value);
  if (state_.incoming.stream && is_stream(content_type_))
    co_await read_stream();
  else if (state_.incoming.scanned.answers == dialect::openai::AnswerForm::bytes)
    co_await read_bytes();
  else
    co_await read_whole();
}

// The request in the target's words: written when the candidates were chosen, and anew for a second
// attempt at the same one.
Result<dialect::WireRequest> Attempt::take_written() {
  if (auto written = std::exchange(candidate_.written, std::nullopt)) return std::move(*written);
  if (state_.broke_off && state_.continued()->mending() == Mending::go_on) {
    auto again =
        write_continuation(*state_.model, target_, state_.incoming, state_.continued()->text());
    if (again) return std::move(again->request);
    return std::unexpected(std::move(again).error());
  }
  std::vector<dialect::Loss> known;  // the candidate has them already
  return write_for(target_, state_.incoming, known);
}

// Sends the client's own bytes, or their translation.
Task<bool> Attempt::send_request(const provider::Destination& destination, net::Deadline deadline) {
  Incoming& incoming = state_.incoming;
  const provider::Adapter& adapter = *provider_.adapter;
  provider::Outgoing outgoing;
  if (!candidate_.passes) {
    auto written = take_written();
    if (!written) {
      fail(FailureClass::bad_request, written.error().detail);
      co_return false;
    }
    // An Anthropic client's version and beta flags hold for Anthropic alone.
    if (adapter.codec().dialect() == dialect::Dialect::anthropic)
      written->headers.insert(written->headers.end(), incoming.passed.headers.begin(),
                              incoming.passed.headers.end());
    outgoing = adapter.send(std::move(*written), target_.model, incoming.stream, destination);
  } else if (incoming.front.dialect == dialect::Dialect::openai) {
    outgoing = adapter.splice(incoming.scanned, target_.model, destination);
  } else {
    outgoing = adapter.pass(incoming.passed, target_.model, destination);
  }
  std::vector<std::string_view> parts;
  outgoing.body.for_each_part([&parts](std::string_view part) { parts.push_back(part); });
  outcome_.bytes_sent = outgoing.head.size() + outgoing.body.size();
  std::size_t from = 0;
  if (parts.size() == 1 && parts[0].size() < one_write_bytes) {
    outgoing.head.append(parts[0]);
    from = 1;
  }
  std::string_view rest = outgoing.head;
  auto sent = call_->send_now(rest);
  if (sent && !rest.empty()) sent = co_await call_->send(rest, deadline);
  for (; sent && from < parts.size(); ++from) sent = co_await call_->send(parts[from], deadline);
  if (sent) co_return true;
  fail_of(sent.error(), FailureClass::reset, FailureClass::headers_timeout);
  outcome_.stale = call_->reused();
  co_return false;
}

Task<void> Attempt::read_error() {
  std::string body;
  const net::Deadline deadline = until(state_.parts.clock.now() + error_body_time);
  const auto from_headers =
      provider::read_retry_after(head_->headers, {}, state_.parts.clock.wall_us());
  while (body.size() < error_body_bytes) {
    auto piece = co_await call_->read_piece(deadline);
    if (!piece || piece->empty()) break;  // what has come is enough to tell
    body.append(*piece);
  }
  const auto facts = provider_.adapter->classify_error(outcome_.status, head_->headers, body);
  outcome_.retry_after = from_headers;
  if (!from_headers && facts.failure == FailureClass::rate_limited)
    outcome_.retry_after = provider::read_retry_after({}, body, state_.parts.clock.wall_us());
  fail(facts.failure, facts.code.empty()
                          ? fmt::format("status {}", outcome_.status)
                          : fmt::format("status {} {}", outcome_.status, facts.code.substr(0, 64)));
  outcome_.error_message = scrubbed(facts.message);
  const bool same_words =
      candidate_.passes || provider_.adapter->codec().dialect() == state_.incoming.front.dialect;
  if (facts.is_json_error && same_words) outcome_.error_body = presentable(body).value_or("");
  outcome_.forgotten = candidate_.passes && state_.incoming.kept.recalled &&
                       facts.code == "previous_response_not_found";
  report_refused();
}

// Keeps the whole answer, where it is to be kept.
void Attempt::keep(std::string_view response) {
  keep_answer(state_, response, as_it_came() ? provider_.name : std::string());
}

std::int64_t Attempt::since_start_us() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(state_.parts.clock.now() - started_)
      .count();
}

}  // namespace holdfast::gateway

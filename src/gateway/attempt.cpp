#include "gateway/attempt.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/limits.h"

namespace holdfast::gateway {
namespace {

using namespace std::chrono_literals;
constexpr std::size_t error_body_bytes = 65'536;
constexpr auto error_body_time = 5s;
constexpr auto drain_time = 1s;
constexpr auto engine_poll = 250ms;

// The upstream's headers that say something to the client; limits are not among them, since those
// are this gateway's account's (wire format notes, section 14).
constexpr std::string_view passed_names[] = {"openai-processing-ms", "openai-version",
                                             "x-should-retry"};

// Counts a stream as open while it is read.
struct StreamCount {
  explicit StreamCount(observe::Level& level) : open(level) { open.up(); }
  ~StreamCount() { open.down(); }
  StreamCount(const StreamCount&) = delete;
  StreamCount& operator=(const StreamCount&) = delete;
  observe::Level& open;
};

std::string without(std::string text, std::string_view secret) {
  if (secret.empty()) return text;
  for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at))
    text.replace(at, secret.size(), "[redacted]");
  return text;
}

bool is_event_stream(std::string_view content_type) {
  return content_type.size() >= 17 &&
         net::same_name(content_type.substr(0, 17), "text/event-stream");
}

}  // namespace

net::AnswerHeaders RequestState::common_headers() const {
  net::AnswerHeaders headers;
  headers.add("x-request-id", request_id);
  if (!cors_origin.empty()) {
    headers.add("access-control-allow-origin", cors_origin);
    headers.add("vary", "origin");
  }
  return headers;
}

Attempt::Attempt(RequestState& state, const routing::Target& target)
    : state_(state), target_(target), provider_(*target.provider) {}

net::Deadline Attempt::until(net::Deadline phase) const { return std::min(phase, total_); }

void Attempt::fail(FailureClass failure, std::string detail) {
  if (state_.exchange.client_left())
    failure = FailureClass::client_left;
  else if (state_.stopping)
    failure = FailureClass::local;
  outcome_.failure = failure;
  outcome_.detail = std::move(detail);
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
  if (!outcome_.upstream_request_id.empty())
    headers.add("x-upstream-request-id", outcome_.upstream_request_id);
  return headers;
}

Task<Outcome> Attempt::run(bool fresh) {
  started_ = state_.parts.clock.now();
  total_ = std::min(state_.deadline, started_ + target_.timeouts.total);
  co_await call(fresh);
  state_.cancel_attempt = nullptr;
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
    if (state_.exchange.client_left()) {
      fail(FailureClass::client_left, "the client left");
      co_return false;
    }
    if (state_.parts.clock.now() >= deadline) {
      fail(FailureClass::connect_timeout, "the local engine was not ready in time");
      co_return false;
    }
    if (!co_await keep_alive_if_due()) co_return false;
  }
  const auto endpoint = local.endpoint();
  engine_origin_.tls = false;
  engine_origin_.host = "127.0.0.1";
  engine_origin_.port = endpoint->port;
  engine_origin_.private_allowed = true;
  engine_pool_key_ = engine_origin_.key();
  destination.authority = engine_origin_.authority();
  destination.path = "/v1";
  destination.key = endpoint->key.reveal();
  co_return true;
}

Task<void> Attempt::call(bool fresh) {
  provider::Destination destination{provider_.authority, provider_.path, provider_.key.reveal()};
  std::shared_ptr<const engine::Endpoint> endpoint;  // keeps the engine's key alive
  const net::Origin* origin = &provider_.origin;
  const std::string* pool_key = &provider_.pool_key;
  if (provider_.engine) {
    const bool up = co_await reach_engine(destination);
    if (!up) co_return;
    endpoint = provider_.engine->endpoint();
    destination.key = endpoint->key.reveal();
    origin = &engine_origin_;
    pool_key = &engine_pool_key_;
  }
  call_.emplace(state_.parts.pool, *origin, *pool_key);
  state_.cancel_attempt = [this] { call_->cancel(); };
  if (state_.exchange.client_left() || state_.stopping)
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
  std::string bytes =
      provider_.adapter->splice(state_.request, target_.model, destination, state_.request_id);
  outcome_.bytes_sent = bytes.size();
  const net::Deadline headers_by = state_.parts.clock.now() + target_.timeouts.headers;
  std::string_view rest = bytes;
  auto sent = call_->send_now(rest);
  if (sent && !rest.empty()) sent = co_await call_->send(rest, until(headers_by));
  if (!sent) {
    fail_of(sent.error(), FailureClass::reset, FailureClass::headers_timeout);
    outcome_.stale = call_->reused();
    co_return;
  }
  bytes = {};  // the answer may take minutes
  while (head_ == nullptr) {
    auto head = co_await call_->read_head(std::min(until(headers_by), state_.keepalive_at));
    if (head) {
      head_ = *head;
      break;
    }
    const MonoTime now = state_.parts.clock.now();
    const bool keepalive = head.error().code == ErrorCode::deadline_exceeded &&
                           now >= state_.keepalive_at && now < until(headers_by);
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
  outcome_.upstream_request_id = head_->headers.find("x-request-id").value_or("").substr(0, 256);
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
  if (state_.request.stream && is_event_stream(content_type_))
    co_await read_stream();
  else
    co_await read_whole();
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
  const auto facts = provider_.adapter->classify_error(outcome_.status, body);
  outcome_.retry_after = from_headers;
  if (!from_headers && facts.failure == FailureClass::rate_limited)
    outcome_.retry_after = provider::read_retry_after({}, body, state_.parts.clock.wall_us());
  fail(facts.failure, facts.code.empty()
                          ? fmt::format("status {}", outcome_.status)
                          : fmt::format("status {} {}", outcome_.status, facts.code.substr(0, 64)));
  if (facts.is_json_error) outcome_.error_body = without(std::move(body), provider_.key.reveal());
}

// A whole answer: collected and checked, so that a malformed one can still fail over.
Task<void> Attempt::read_whole() {
  std::string gathered;
  std::string_view body;
  announced_ = head_->framing == net::BodyFraming::length ? std::optional(head_->content_length)
                                                          : std::nullopt;
  while (true) {
    auto piece = call_->next_buffered();
    if (piece && piece->empty() && !call_->body_done())
      piece = co_await read_piece(until(state_.parts.clock.now() + target_.timeouts.idle));
    if (!piece) {
      fail_of(piece.error(), FailureClass::truncated_body, FailureClass::stall);
      co_return;
    }
    if (piece->empty()) break;
    const bool fits = piece->size() <= state_.snapshot->response_buffer;
    if (gathered.empty() && call_->body_done() && fits) {  // it came in one piece: no copy
      body = *piece;
      break;
    }
    if (gathered.empty())
      gathered.reserve(
          std::min<std::size_t>(announced_.value_or(0), state_.snapshot->response_buffer));
    gathered.append(*piece);
    body = gathered;
    if (body.size() > state_.snapshot->response_buffer) {
      if (state_.request.stream) {
        fail(FailureClass::malformed_body, "a whole answer instead of a stream");
        co_return;
      }
      co_await forward_rest(std::move(gathered));
      co_return;
    }
  }
  auto facts = provider_.adapter->scan_answer(state_.request.endpoint, body);
  if (facts.failure == FailureClass::none && state_.request.stream)
    facts = {FailureClass::malformed_body, "a whole answer instead of a stream", {}};
  outcome_.usage = facts.usage;
  if (facts.failure != FailureClass::none) {
    fail(facts.failure, std::move(facts.detail));
    co_return;
  }
  outcome_.first_content_us = since_start_us();
  net::AnswerHeaders headers = answer_headers();
  headers.add("content-type", content_type_.empty() ? "application/json" : content_type_);
  for (const auto& [name, value] : passed_) headers.add(name, value);
  outcome_.committed = true;
  outcome_.answer_status = 200;
  auto sent = co_await state_.exchange.answer(200, headers, body);
  if (!sent) {
    fail(FailureClass::client_left, "the client left");
    co_return;
  }
  outcome_.answered = true;
}

// An answer beyond the buffer: committed, and passed on as it comes.
Task<void> Attempt::forward_rest(std::string body) {
  outcome_.committed = true;
  outcome_.answer_status = 200;
  outcome_.first_content_us = since_start_us();
  net::AnswerHeaders headers = answer_headers();
  headers.add("content-type", content_type_.empty() ? "application/json" : content_type_);
  state_.exchange.begin(200, headers, announced_);
  auto sent = co_await state_.exchange.write(body);
  while (sent) {
    auto piece = co_await read_piece(until(state_.parts.clock.now() + target_.timeouts.idle));
    if (!piece) {
      fail_of(piece.error(), FailureClass::truncated_body, FailureClass::stall);
      co_return;  // the connection closes: the client sees that the answer is short
    }
    if (piece->empty()) {
      sent = co_await state_.exchange.end();
      outcome_.answered = sent.has_value();
      break;
    }
    sent = co_await state_.exchange.write(*piece);
  }
  if (!sent) fail(FailureClass::client_left, "the client left");
}

Task<Result<std::string_view>> Attempt::read_piece(net::Deadline deadline) {
  while (true) {
    const net::Deadline wake =
        outcome_.committed ? deadline : std::min(deadline, state_.keepalive_at);
    auto piece = co_await call_->read_piece(wake);
    if (piece || piece.error().code != ErrorCode::deadline_exceeded) co_return piece;
    if (state_.parts.clock.now() >= deadline) co_return piece;
    const bool client_there = co_await keep_alive_if_due();
    if (!client_there) co_return holdfast::fail(ErrorCode::cancelled, "the client left");
  }
}

// Sends the head and a comment when a stream has been held back for long, so that nothing in
// between gives up. False when the client has left.
Task<bool> Attempt::keep_alive_if_due() {
  if (!state_.request.stream || state_.parts.clock.now() < state_.keepalive_at) co_return true;
  state_.keepalive_at = state_.parts.clock.now() + state_.model->hold_keepalive;
  if (!state_.exchange.begun()) {
    net::AnswerHeaders headers = state_.common_headers();
    add_stream_headers(headers);
    state_.exchange.begin(200, headers);
  }
  auto sent = co_await state_.exchange.write(": keep-alive\n\n");
  state_.parts.counters.keepalives.add();
  if (!sent) fail(FailureClass::client_left, "the client left");
  co_return sent.has_value();
}

void Attempt::add_stream_headers(net::AnswerHeaders& headers) const {
  headers.add("content-type",
              content_type_.empty() ? "text/event-stream; charset=utf-8" : content_type_);
  headers.add("cache-control", "no-cache");
  headers.add("x-accel-buffering", "no");
}

// Takes in one event; false when the stream has failed by it.
bool Attempt::take_event(const net::SseEvent& event) {
  if (!event.has_data) {
    out_.append(event.raw);
    return true;
  }
  only_pings_ = false;
  const auto sight = provider_.adapter->scan_event(event.data);
  if (sight.malformed) {
    fail(outcome_.committed ? FailureClass::cut_stream : FailureClass::malformed_body,
         "an event that is not JSON");
    return false;
  }
  if (sight.error) {
    fail(outcome_.committed ? FailureClass::error_after_content : FailureClass::error_in_stream,
         "an error event");
    if (outcome_.committed && sight.error_object) {  // the one error event, as the dialect has it
      out_.append(without(std::string(event.raw), provider_.key.reveal()));
      outcome_.error_event_sent = true;
    }
    return false;
  }
  if (sight.usage.given()) outcome_.usage = sight.usage;
  finish_seen_ = finish_seen_ || sight.finish;
  done_seen_ = done_seen_ || sight.done;
  if (sight.content && !outcome_.committed) {
    outcome_.committed = true;
    outcome_.first_content_us = since_start_us();
  }
  if (!(sight.usage_only && drop_usage_)) {
    out_.append(event.raw);
    if (event.unterminated) out_.append("\n\n");
  }
  return true;
}

void Attempt::begin_stream() {
  if (state_.exchange.begun()) return;
  net::AnswerHeaders headers = answer_headers();
  add_stream_headers(headers);
  for (const auto& [name, value] : passed_) headers.add(name, value);
  state_.exchange.begin(200, headers);
  outcome_.answer_status = 200;
}

// Passes on what has been taken in, once there is content; false when the client has left.
Task<bool> Attempt::flush_stream() {
  if (!outcome_.committed || out_.empty()) co_return true;
  begin_stream();
  outcome_.answer_status = 200;
  auto sent = co_await state_.exchange.write(out_);
  out_.clear();
  if (!sent) fail(FailureClass::client_left, "the client left");
  co_return sent.has_value();
}

Task<void> Attempt::read_stream() {
  const StreamCount counted(state_.parts.counters.streams);
  drop_usage_ = provider_.adapter->asks_usage(state_.request);
  net::SseParser parser;
  std::vector<net::SseEvent> events;
  const net::Deadline first_content_by = started_ + target_.timeouts.first_content;
  bool ended = false;
  while (!ended && !done_seen_) {
    const net::Deadline phase =
        outcome_.committed ? state_.parts.clock.now() + target_.timeouts.idle : first_content_by;
    auto piece = co_await read_piece(until(phase));
    bool fine = true;
    // All that has arrived is taken in before anything is passed on: one write for it all.
    while (piece && !piece->empty() && fine) {
      events.clear();
      auto fed = parser.feed(*piece, events);
      if (!fed) {
        fail(FailureClass::malformed_body, fed.error().detail);
        fine = false;
      }
      for (const net::SseEvent& event : events) fine = fine && take_event(event);
      if (fine && !outcome_.committed && out_.size() > limits::held_back_bytes) {
        fail(FailureClass::malformed_body, "more than 1 MiB of events without content");
        fine = false;
      }
      if (fine) piece = call_->next_buffered();
    }
    if (fine && piece && !call_->body_done() && !done_seen_) {
      const bool client_there = co_await flush_stream();
      if (!client_there) co_return;
      continue;
    }
    if (fine && !piece) {
      fail_of(piece.error(), outcome_.committed ? FailureClass::cut_stream : FailureClass::reset,
              late_class());
      fine = false;
    }
    if (!fine) {  // what came whole before the failure still reaches the client
      const FailureClass failure = outcome_.failure;
      const std::string detail = outcome_.detail;
      const bool client_there = co_await flush_stream();
      if (client_there) fail(failure, detail);
      co_return;
    }
    ended = call_->body_done();
  }
  if (const auto last = parser.finish(); last && !done_seen_) {
    if (!take_event(*last)) {
      co_await flush_stream();
      co_return;
    }
  }
  if (!outcome_.committed) {
    fail(FailureClass::empty_stream, "the stream ended without content");
    co_return;
  }
  if (!done_seen_ && !finish_seen_) {
    const bool client_there = co_await flush_stream();
    if (client_there) fail(FailureClass::cut_stream, "the stream ended before it was finished");
    co_return;
  }
  begin_stream();
  outcome_.answer_status = 200;
  auto sent = co_await state_.exchange.end(out_);
  if (!sent) {
    fail(FailureClass::client_left, "the client left");
    co_return;
  }
  outcome_.answered = true;
  co_await drain();
}

// Reads to the end of the body, so that the connection can serve again.
Task<void> Attempt::drain() {
  const net::Deadline deadline = state_.parts.clock.now() + drain_time;
  while (!call_->body_done()) {
    auto piece = co_await call_->read_piece(deadline);
    if (!piece) break;
  }
}

FailureClass Attempt::late_class() const {
  if (outcome_.committed) return FailureClass::stall;
  return only_pings_ && !out_.empty() ? FailureClass::pings_only
                                      : FailureClass::first_content_timeout;
}

std::int64_t Attempt::since_start_us() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(state_.parts.clock.now() - started_)
      .count();
}

}  // namespace holdfast::gateway

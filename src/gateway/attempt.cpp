#include "gateway/attempt.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/limits.h"
#include "gateway/whole_answer.h"

namespace holdfast::gateway {
namespace {

using namespace std::chrono_literals;
constexpr std::size_t error_body_bytes = 65'536;
constexpr std::size_t one_write_bytes = 65'536;  // bodies up to this go out with their head
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

// A number in the header `name`; -1: there is none.
std::int64_t read_count(const net::HeaderFields& headers, std::string_view name) {
  if (name.empty()) return -1;
  const std::string_view text = headers.find(name).value_or("");
  std::uint32_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  return text.empty() || error != std::errc() || end != text.data() + text.size() ? -1 : count;
}

// JSON text with the escapes undone that may stand for a key's characters.
std::string unescaped(std::string_view json) {
  constexpr std::size_t escape_bytes = 6;  // \u0041
  std::string out;
  out.reserve(json.size());
  for (std::size_t i = 0; i < json.size(); ++i) {
    if (json[i] != '\\') {
      out.push_back(json[i]);
      continue;
    }
    const std::string_view escape = json.substr(i, escape_bytes);
    unsigned code = 0;
    if (escape.size() == escape_bytes && escape.starts_with("\\u00") &&
        std::from_chars(escape.data() + 4, escape.data() + escape_bytes, code, 16).ptr ==
            escape.data() + escape_bytes) {
      out.push_back(static_cast<char>(code));
      i += escape_bytes - 1;
    } else if (++i < json.size()) {
      out.push_back(json[i]);
    }
  }
  return out;
}

bool is_stream(std::string_view content_type) {
  for (const std::string_view name : {"text/event-stream", "application/vnd.amazon.eventstream"})
    if (content_type.size() >= name.size() &&
        net::same_name(content_type.substr(0, name.size()), name))
      return true;
  return false;
}

}  // namespace

net::AnswerHeaders RequestState::common_headers() const {
  net::AnswerHeaders headers;
  headers.add("x-request-id", request_id);
  // As the SDKs of the dialect look for it.
  if (incoming.front.dialect == dialect::Dialect::anthropic) headers.add("request-id", request_id);
  if (incoming.front.dialect == dialect::Dialect::bedrock)
    headers.add("x-amzn-requestid", request_id);
  if (!cors_origin.empty()) {
    headers.add("access-control-allow-origin", cors_origin);
    headers.add("vary", "origin");
  }
  return headers;
}

dialect::AnswerContext RequestState::answer_context() const {
  dialect::AnswerContext context;
  context.request_id = request_id;
  context.model = incoming.model;
  context.now_s = parts.clock.wall_us() / 1'000'000;
  context.json_array = incoming.front.json_array;
  context.request = incoming.canonical.get();
  if (incoming.canonical) {
    context.include_usage = incoming.canonical->include_usage;
    context.pad = incoming.canonical->pad_stream && (model == nullptr || model->pad_streams);
  }
  context.pad_seed = parts.random.next();
  return context;
}

dialect::StreamWriter& RequestState::stream_writer() {
  if (!writer) writer = client_codec(incoming.front.dialect).stream_writer(answer_context());
  return *writer;
}

Attempt::Attempt(RequestState& state, Candidate& candidate)
    : state_(state),
      candidate_(candidate),
      target_(*candidate.target),
      provider_(*target_.provider) {}

net::Deadline Attempt::until(net::Deadline phase) const { return std::min(phase, total_); }

void Attempt::fail(FailureClass failure, std::string detail) {
  if (state_.exchange.client_left())
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
  if (!outcome_.upstream_request_id.empty())
    headers.add("x-upstream-request-id", outcome_.upstream_request_id);
  if (!candidate_.losses.empty()) headers.add("x-holdfast-dropped", candidate_.dropped());
  return headers;
}

Task<Outcome> Attempt::run(bool fresh) {
  started_ = state_.parts.clock.now();
  total_ = std::min(state_.deadline, started_ + target_.timeouts.total);
  co_await call(fresh);
  state_.cancel_attempt = nullptr;
  if (!outcome_.committed) state_.writer.reset();      // it may have begun what nobody saw
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
                                    .key = provider_.key.reveal(),
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
  const net::Deadline headers_by = state_.parts.clock.now() + target_.timeouts.headers;
  const bool sent = co_await send_request(destination, until(headers_by));
  if (!sent) co_return;
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
  outcome_.upstream_request_id = scrubbed(std::string(
      head_->headers.find(provider_.adapter->request_id_header()).value_or("").substr(0, 256)));
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
  else
    co_await read_whole();
}

// What an upstream says, without what it was sent to prove ourselves with.
std::string Attempt::scrubbed(std::string text) const {
  text = without(std::move(text), provider_.key.reveal());
  if (engine_) text = without(std::move(text), engine_->key.reveal());
  if (!credential_) return text;
  text = without(std::move(text), credential_->token.reveal());
  text = without(std::move(text), credential_->aws.secret_access_key.reveal());
  return without(std::move(text), credential_->aws.session_token.reveal());
}

// A new credential is asked for when this one is refused, unless one has come meanwhile.
void Attempt::report_refused() const {
  if (!credential_ || outcome_.failure != FailureClass::revoked) return;
  const auto found = state_.parts.credentials.find(provider_.name);
  if (found != state_.parts.credentials.end() && found->second == credential_)
    state_.parts.on_refused(provider_.name);
}

// An upstream's own error as the client may have it; nothing when a secret in it cannot be taken
// out without breaking it: one that is spelled with escapes, or stands in a frame with a checksum.
std::optional<std::string> Attempt::presentable(const std::string& error) const {
  std::string clean = scrubbed(error);
  const std::string plain = unescaped(clean);
  if (scrubbed(plain) != plain) return std::nullopt;
  const bool framed =
      state_.incoming.stream && provider_.adapter->codec().dialect() == dialect::Dialect::bedrock;
  if (framed && head_->status == 200 && clean != error) return std::nullopt;
  return clean;
}

// The provider's credential, if there is one that has not expired; else the failure is noted.
std::shared_ptr<const vault::Credential> Attempt::find_credential() {
  const auto found = state_.parts.credentials.find(provider_.name);
  if (found == state_.parts.credentials.end()) {
    fail(FailureClass::revoked, "no credential has come from its token service yet");
    return nullptr;
  }
  if (found->second->expires_us <= state_.parts.clock.wall_us()) {
    fail(FailureClass::revoked, "its credential has expired, and no new one has come");
    return nullptr;
  }
  return found->second;
}

// The request in the target's words: written when the candidates were chosen, and anew for a second
// attempt at the same one.
Result<dialect::WireRequest> Attempt::take_written() {
  if (auto written = std::exchange(candidate_.written, std::nullopt)) return std::move(*written);
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
  report_refused();
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
      if (state_.incoming.stream || !candidate_.passes) {
        fail(FailureClass::malformed_body, state_.incoming.stream
                                               ? "a whole answer instead of a stream"
                                               : "larger than server.response_buffer");
        co_return;
      }
      co_await forward_rest(std::move(gathered));
      co_return;
    }
  }
  std::string translated;
  dialect::AnswerFacts facts = judge_answer(body, translated);
  if (facts.failure == FailureClass::none && state_.incoming.stream)
    facts = {FailureClass::malformed_body, "a whole answer instead of a stream", {}};
  outcome_.usage = facts.usage;
  if (facts.failure != FailureClass::none) {
    fail(facts.failure, std::move(facts.detail));
    co_return;
  }
  if (!candidate_.passes) body = translated;
  outcome_.first_content_us = since_start_us();
  net::AnswerHeaders headers = answer_headers();
  headers.add("content-type",
              candidate_.passes && !content_type_.empty() ? content_type_ : "application/json");
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

// What the whole answer is worth; where dialects differ, it is put into the client's.
dialect::AnswerFacts Attempt::judge_answer(std::string_view body, std::string& translated) {
  if (candidate_.passes)
    return provider_.adapter->scan_answer(state_.incoming.front.endpoint, body);
  dialect::AnswerFacts facts;
  auto answer = translate_answer(target_, state_.incoming, body, announced_tokens_in_,
                                 state_.answer_context());
  if (answer) {
    facts.usage = answer->usage;
    translated = std::move(answer->body);
    return facts;
  }
  facts.failure = answer.error().code == ErrorCode::upstream_unavailable
                      ? FailureClass::error_in_body
                      : FailureClass::malformed_body;
  facts.detail = std::move(answer.error().detail);
  return facts;
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
  if (!state_.incoming.stream || state_.parts.clock.now() < state_.keepalive_at) co_return true;
  state_.keepalive_at = state_.parts.clock.now() + state_.model->hold_keepalive;
  if (!state_.exchange.begun()) {
    net::AnswerHeaders headers = state_.common_headers();
    add_stream_headers(headers);
    state_.exchange.begin(200, headers);
  }
  std::string comment;
  state_.stream_writer().keep_alive(comment);
  auto sent = co_await state_.exchange.write(comment);
  state_.parts.counters.keepalives.add();
  if (!sent) fail(FailureClass::client_left, "the client left");
  co_return sent.has_value();
}

void Attempt::add_stream_headers(net::AnswerHeaders& headers) const {
  const bool same = candidate_.passes && !content_type_.empty();
  headers.add("content-type", same ? std::string_view(content_type_)
                                   : client_codec(state_.incoming.front.dialect)
                                         .stream_content_type(state_.answer_context()));
  headers.add("cache-control", "no-cache");
  headers.add("x-accel-buffering", "no");
}

std::unique_ptr<StreamTaker> Attempt::make_taker() {
  const provider::Adapter& adapter = *provider_.adapter;
  const Incoming& incoming = state_.incoming;
  state_.writer.reset();  // one of an earlier attempt may have begun a stream that nobody saw
  if (!candidate_.passes)
    return translate(adapter.codec(), std::string(adapter.abilities(target_.model).signs_as()),
                     state_.stream_writer());
  const dialect::Codec& codec = client_codec(incoming.front.dialect);
  if (incoming.front.dialect == dialect::Dialect::openai)
    return pass_openai(adapter, adapter.asks_usage(incoming.scanned));
  if (incoming.front.dialect == dialect::Dialect::bedrock) return pass_frames(codec);
  return pass_events(codec);
}

// Notes what the taker has seen; false when the stream has failed by it.
bool Attempt::took(bool fine) {
  if (taking_.usage.given()) outcome_.usage = taking_.usage;
  if (taking_.content && outcome_.first_content_us < 0)
    outcome_.first_content_us = since_start_us();
  // A call whose arguments wait until they are whole commits nothing yet: another target may
  // answer.
  outcome_.committed = outcome_.committed || (taking_.content && !out_.empty());
  if (fine) return true;
  if (taking_.error) {
    fail(outcome_.committed ? FailureClass::error_after_content : FailureClass::error_in_stream,
         taking_.detail);
    auto event = presentable(taking_.error_event);
    if (outcome_.committed && event && !event->empty()) {  // the one error event
      out_.append(*event);
      outcome_.error_event_sent = true;
    }
  } else {
    fail(outcome_.committed ? FailureClass::cut_stream : FailureClass::malformed_body,
         taking_.detail);
  }
  return false;
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

// What came whole before the failure still reaches the client, if it is there.
Task<void> Attempt::flush_failed() {
  const FailureClass failure = outcome_.failure;
  std::string detail = outcome_.detail;
  const bool client_there = co_await flush_stream();
  if (client_there) fail(failure, std::move(detail));
}

Task<void> Attempt::read_stream() {
  const StreamCount counted(state_.parts.counters.streams);
  const std::unique_ptr<StreamTaker> taker = make_taker();
  const net::Deadline first_content_by = started_ + target_.timeouts.first_content;
  bool ended = false;
  while (!ended && !taking_.done) {
    const net::Deadline phase =
        taking_.content ? state_.parts.clock.now() + target_.timeouts.idle : first_content_by;
    auto piece = co_await read_piece(until(phase));
    bool fine = true;
    // All that has arrived is taken in before anything is passed on: one write for it all.
    while (piece && !piece->empty() && fine) {
      fine = took(taker->feed(*piece, taking_, out_));
      if (fine && !outcome_.committed && out_.size() > limits::held_back_bytes) {
        fail(FailureClass::malformed_body, "more than 1 MiB of events without content");
        fine = false;
      }
      if (fine) piece = call_->next_buffered();
    }
    if (fine && piece && !call_->body_done() && !taking_.done) {
      const bool client_there = co_await flush_stream();
      if (!client_there) co_return;
      continue;
    }
    if (fine && !piece) {
      fail_of(piece.error(), outcome_.committed ? FailureClass::cut_stream : FailureClass::reset,
              late_class());
      fine = false;
    }
    if (!fine) {
      co_await flush_failed();
      co_return;
    }
    ended = call_->body_done();
  }
  if (!took(taker->finish(taking_, out_))) {
    co_await flush_failed();
    co_return;
  }
  if (!outcome_.committed) {
    fail(FailureClass::empty_stream, "the stream ended without content");
    co_return;
  }
  if (!taking_.done && !taking_.finish) {
    fail(FailureClass::cut_stream, "the stream ended before it was finished");
    co_await flush_failed();
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
  if (taking_.content) return FailureClass::stall;
  return !taking_.any_event && !out_.empty() ? FailureClass::pings_only
                                             : FailureClass::first_content_timeout;
}

std::int64_t Attempt::since_start_us() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(state_.parts.clock.now() - started_)
      .count();
}

}  // namespace holdfast::gateway

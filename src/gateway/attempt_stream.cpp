// An answer that comes as a stream: held back until its first content, then passed on as it comes.
#include "base/limits.h"
#include "dialect/openai_responses/kept.h"
#include "gateway/attempt.h"
#include "gateway/target_permit.h"

namespace holdfast::gateway {
namespace {

using namespace std::chrono_literals;
constexpr auto drain_time = 1s;

// Counts a stream as open while it is read.
struct StreamCount {
  explicit StreamCount(observe::Level& level) : open(level) { open.up(); }
  ~StreamCount() { open.down(); }
  StreamCount(const StreamCount&) = delete;
  StreamCount& operator=(const StreamCount&) = delete;
  observe::Level& open;
};

}  // namespace

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
  if (entrant_.lost() || state_.contest.commenting()) co_return true;  // the other one writes
  if (!state_.exchange.begun()) {
    net::AnswerHeaders headers = state_.common_headers();
    add_stream_headers(headers);
    state_.exchange.begin(200, headers);
  }
  std::string comment;
  state_.stream_writer().keep_alive(comment);
  state_.contest.comment_begins();
  auto sent = co_await state_.exchange.write(comment);
  state_.contest.comment_ends();
  state_.parts.counters.keepalives.add();
  if (!sent) fail(FailureClass::client_left, "the client left");
  co_return sent.has_value();
}

void Attempt::add_stream_headers(net::AnswerHeaders& headers) const {
  const bool same = as_it_came() && !content_type_.empty();
  headers.add("content-type", same ? std::string_view(content_type_)
                                   : client_codec(state_.incoming.front.dialect)
                                         .stream_content_type(state_.answer_context()));
  headers.add("cache-control", "no-cache");
  headers.add("x-accel-buffering", "no");
}

std::unique_ptr<StreamTaker> Attempt::make_taker() {
  const provider::Adapter& adapter = *provider_.adapter;
  const Incoming& incoming = state_.incoming;
  const dialect::Codec& codec = client_codec(incoming.front.dialect);
  if (!as_it_came()) {
    // Its own until there is content: another attempt under way may have begun a stream, too.
    if (!state_.broke_off) writer_ = state_.new_writer();
    // Some providers speak two of OpenAI's dialects; what passes is in the client's.
    const bool own = !candidate_.passes || adapter.codec().dialect() == codec.dialect();
    return translate(own ? adapter.codec() : codec,
                     std::string(adapter.abilities(target_.model).signs_as()),
                     writer_ ? *writer_ : state_.stream_writer());
  }
  if (incoming.front.operation == Operation::media) return pass_media();
  if (incoming.front.dialect == dialect::Dialect::openai)
    return pass_openai(adapter, adapter.asks_usage(incoming.scanned));
  if (incoming.front.dialect == dialect::Dialect::bedrock) return pass_frames(codec);
  return pass_events(codec, !incoming.kept.answer_id.empty());
}

// Notes what the taker has seen; false when the stream has failed by it.
bool Attempt::took(bool fine) {
  if (taking_.usage.given()) outcome_.usage = taking_.usage;
  if (taking_.content && outcome_.first_content_us < 0) {
    outcome_.first_content_us = since_start_us();
    state_.parts.health.took_first_content(candidate_.index, state_.parts.clock.now(),
                                           outcome_.first_content_us);
    note_first_content(state_, candidate_, outcome_.first_content_us);
  }
  // A call whose arguments wait until they are whole commits nothing yet: another target may
  // answer.
  if (taking_.content && !out_.empty() && !outcome_.committed && !claim()) return false;
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

// There is content: false when the client is another attempt's. What comes next is for the client
// alone: wait_for_client() before anything of it is written.
bool Attempt::claim() {
  if (!entrant_.claim()) {
    fail(FailureClass::hedge_lost, "another target had content first");
    return false;
  }
  outcome_.committed = true;
  if (writer_) state_.writer = std::move(writer_);
  return true;
}

// Nobody else writes to the client any more once this has returned.
Task<void> Attempt::wait_for_client() {
  co_await state_.contest.comment_sent(state_.parts.loop, state_.parts.watchdog);
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
  if (state_.contest.commenting()) co_await wait_for_client();
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
      if (outcome_.committed && state_.may_continue) taker->broke_off(taking_, out_);
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
  if (state_.contest.commenting()) co_await wait_for_client();
  begin_stream();
  outcome_.answer_status = 200;
  keep(as_it_came() ? dialect::openai_responses::response_in(taking_.last_data)
                    : state_.stream_writer().whole());
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

}  // namespace holdfast::gateway

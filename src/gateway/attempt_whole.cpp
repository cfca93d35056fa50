// An answer that comes whole: collected, checked and only then the client's.
#include <algorithm>

#include "dialect/openai/media.h"
#include "gateway/attempt.h"
#include "gateway/target_permit.h"
#include "gateway/whole_answer.h"

namespace holdfast::gateway {

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
    const bool fits = piece->size() <= state_.answer_most;
    if (gathered.empty() && call_->body_done() && fits) {  // it came in one piece: no copy
      body = *piece;
      break;
    }
    if (gathered.empty())
      gathered.reserve(std::min<std::size_t>(announced_.value_or(0), state_.answer_most));
    gathered.append(*piece);
    state_.memory.grow(static_cast<std::int64_t>(piece->size()));
    body = gathered;
    if (body.size() > state_.answer_most) {
      if (!may_answer_whole() || !candidate_.passes) {
        fail(FailureClass::malformed_body, may_answer_whole()
                                               ? "larger than server.response_buffer"
                                               : "a whole answer instead of a stream");
        co_return;
      }
      co_await forward_rest(std::move(gathered));
      co_return;
    }
  }
  std::string translated;
  dialect::AnswerFacts facts = judge_answer(body, translated);
  if (facts.failure == FailureClass::none && !may_answer_whole())
    facts = {FailureClass::malformed_body, "a whole answer instead of a stream", {}};
  outcome_.usage = facts.usage;
  if (facts.failure != FailureClass::none) {
    fail(facts.failure, std::move(facts.detail));
    co_return;
  }
  if (!candidate_.passes) body = translated;
  outcome_.first_content_us = since_start_us();
  state_.parts.health.took_whole(candidate_.index, state_.parts.clock.now(),
                                 outcome_.first_content_us, outcome_.usage.tokens_out);
  note_first_content(state_, candidate_, outcome_.first_content_us);
  if (!claim()) co_return;
  if (state_.contest.commenting()) co_await wait_for_client();
  net::AnswerHeaders headers = answer_headers();
  headers.add("content-type",
              candidate_.passes && !content_type_.empty() ? content_type_ : "application/json");
  for (const auto& [name, value] : passed_) headers.add(name, value);
  outcome_.answer_status = 200;
  keep(body);  // before the client can ask for it
  auto sent = co_await state_.exchange.answer(200, headers, body);
  if (!sent) {
    fail(FailureClass::client_left, "the client left");
    co_return;
  }
  outcome_.answered = true;
}

// Who asks for a stream gets one. Not so with transcripts: models that cannot stream them are
// documented to answer whole. Once the head of a stream has gone out, nothing else can follow.
bool Attempt::may_answer_whole() const {
  if (!state_.incoming.stream) return true;
  return state_.incoming.front.endpoint == records::Endpoint::audio_transcriptions &&
         !state_.exchange.begun();
}

// What the whole answer is worth; where dialects differ, it is put into the client's.
dialect::AnswerFacts Attempt::judge_answer(std::string_view body, std::string& translated) {
  if (state_.incoming.scanned.answers == dialect::openai::AnswerForm::text)
    return dialect::openai::scan_transcript(content_type_, body);
  if (candidate_.passes)
    return provider_.adapter->scan_answer(state_.incoming.front.endpoint, body);
  dialect::AnswerFacts facts;
  auto answer = translate_answer(target_, state_.incoming, body, announced_tokens_in_,
                                 state_.answer_context());
  if (answer) {
    facts.usage = answer->usage;
    translated = std::move(answer->body);
    untold_ = answer->untold;
    return facts;
  }
  facts.failure = answer.error().code == ErrorCode::upstream_unavailable
                      ? FailureClass::error_in_body
                      : FailureClass::malformed_body;
  facts.detail = std::move(answer.error().detail);
  return facts;
}

// Sound: committed with its first bytes, and passed on as it comes.
Task<void> Attempt::read_bytes() {
  if (const std::string_view why = dialect::openai::not_sound(content_type_); !why.empty()) {
    fail(FailureClass::malformed_body, std::string(why));
    co_return;
  }
  announced_ = head_->framing == net::BodyFraming::length ? std::optional(head_->content_length)
                                                          : std::nullopt;
  auto first = call_->next_buffered();
  if (first && first->empty() && !call_->body_done())
    first = co_await read_piece(until(started_ + target_.timeouts.first_content));
  if (!first) {
    fail_of(first.error(), FailureClass::truncated_body, FailureClass::first_content_timeout);
    co_return;
  }
  if (first->empty()) {
    fail(FailureClass::malformed_body, "the answer is empty");
    co_return;
  }
  std::string begun(*first);
  co_await forward_rest(std::move(begun));
}

// An answer beyond the buffer: committed, and passed on as it comes.
Task<void> Attempt::forward_rest(std::string body) {
  if (!claim()) co_return;
  outcome_.answer_status = 200;
  outcome_.first_content_us = since_start_us();
  note_first_content(state_, candidate_, outcome_.first_content_us);
  if (state_.contest.commenting()) co_await wait_for_client();
  net::AnswerHeaders headers = answer_headers();
  const bool sound = state_.incoming.scanned.answers == dialect::openai::AnswerForm::bytes;
  const std::string_view usual = sound ? "application/octet-stream" : "application/json";
  headers.add("content-type", content_type_.empty() ? usual : content_type_);
  for (const auto& [name, value] : passed_) headers.add(name, value);
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

}  // namespace holdfast::gateway

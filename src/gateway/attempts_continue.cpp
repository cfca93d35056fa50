// What becomes of a stream that breaks after content: another target goes on with it, it is closed
// since nothing of it was missing, or it ends in the one error event.
#include "gateway/attempts.h"
#include "gateway/continuation.h"
#include "gateway/kept.h"
#include "gateway/virtual_key.h"

namespace holdfast::gateway {

// Whether the stream of an attempt that ended so is one to be gone on with. From then on every
// attempt is a continuation.
bool Attempts::breaks_off(const Outcome& outcome) {
  if (state_.continued() == nullptr || outcome.failure == FailureClass::local) return false;
  switch (state_.continued()->mending()) {
    case Mending::none:
    case Mending::complete:
      return false;
    case Mending::restart:
    case Mending::go_on:
      break;
  }
  state_.continued()->break_off();
  state_.broke_off = outcome.failure;
  return true;
}

// Has `candidate` asked to go on with what the client has. False: it cannot be.
bool Attempts::ask_to_go_on(Candidate& candidate) {
  switch (state_.continued()->mending()) {
    case Mending::none:
    case Mending::complete:
      break;
    case Mending::restart:
      state_.continued()->next_is_asked(Asking::told);
      return true;  // it is asked what the client asked
    case Mending::go_on:
      if (auto written = write_continuation(*state_.model, *candidate.target, state_.incoming,
                                            state_.continued()->text())) {
        candidate.passes = false;
        candidate.written = std::move(written->request);
        state_.continued()->next_is_asked(written->asking);
        return true;
      }
  }
  parts_.health.not_tried(candidate.index);
  return false;
}

// The end of a stream that has broken for good.
Task<void> Attempts::end_broken(FailureClass failure, bool error_event_sent) {
  if (state_.continued() == nullptr || state_.continued()->mending() != Mending::complete) {
    co_await end_cut_stream(failure, error_event_sent);
    co_return;
  }
  std::string closing;
  state_.continued()->close(closing);
  state_.answered_status = 200;
  state_.broke_off = failure;
  keep_answer(state_, state_.continued()->whole(), {});
  auto sent = co_await state_.exchange.end(closing);
  (void)sent;
}

// The client has content and the stream is broken: one error event, then the end.
Task<void> Attempts::end_cut_stream(FailureClass failure, bool error_event_sent) {
  parts_.counters.cut_streams.add();
  state_.broken = true;
  state_.answered_status = 200;
  if (!state_.incoming.stream) {  // a whole answer cut short: the missing bytes say so
    state_.exchange.close_after();
    co_return;
  }
  parts_.counters.error_events.add();
  const Refusal refusal = state_.key_ended ? key_ended() : broken_stream(failure);
  const std::string event = error_event_sent ? std::string() : error_event(state_, refusal);
  auto sent = co_await state_.exchange.end(event);
  (void)sent;
}

}  // namespace holdfast::gateway

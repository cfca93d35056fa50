// One call of one target: sends the client's body, watches what comes back, and passes it on from
// the first content.
#pragma once
#include <optional>
#include <string>

#include "gateway/candidate.h"
#include "gateway/request_state.h"
#include "gateway/stream_taker.h"
#include "provider/adapter.h"

namespace holdfast::gateway {

// How it ended.
struct Outcome {
  FailureClass failure = FailureClass::none;
  std::uint16_t status = 0;  // the upstream's; 0: none
  std::string detail;
  std::optional<std::chrono::milliseconds> retry_after;
  std::string error_body;     // the upstream's error, if the client may be shown it ...
  std::string error_message;  // ... and what it says
  bool asked = true;          // an attempt was made; else its budgets did not allow it
  bool stale = false;         // a kept connection that the upstream had closed
  bool committed = false;     // the client is this attempt's, which has content for it
  bool answered = false;      // the client has the whole answer
  bool error_event_sent = false;
  bool forgotten = false;       // the provider has lost the response that the request goes on from
  bool next_key = false;        // another key of the same provider is to be tried
  bool old_credential = false;  // it was refused, and a newer one has come meanwhile
  bool no_credential = false;   // there is none that may still be used: nothing was sent
  dialect::Usage usage;
  std::int64_t first_content_us = -1;  // since the attempt's start
  std::uint64_t bytes_sent = 0, bytes_received = 0;
  std::string upstream_request_id;
  std::uint16_t answer_status = 0;  // to the client
};

class Attempt {
 public:
  // `entrant` is its part in the request's contest.
  Attempt(RequestState& state, Candidate& candidate, Contest::Entrant& entrant);
  // Makes the call.   fresh: over a new connection
  Task<Outcome> run(bool fresh);

 private:
  Task<void> call(bool fresh);
  Task<bool> reach_engine(provider::Destination& destination);
  Task<void> read_whole();
  Task<void> read_bytes();
  bool may_answer_whole() const;
  // Whether the client gets the upstream's own bytes. A stream that may be gone on with elsewhere
  // is translated, though both sides speak one dialect.
  bool as_it_came() const { return candidate_.passes && !state_.may_continue; }
  Task<void> read_stream();
  Task<void> read_error();
  Task<void> forward_rest(std::string body);
  Task<bool> send_request(const provider::Destination& destination, net::Deadline deadline);
  dialect::AnswerFacts judge_answer(std::string_view body, std::string& translated);
  std::shared_ptr<const vault::Credential> find_credential();
  void report_refused();
  const Secret& own_key() const { return candidate_.key ? candidate_.key->key : provider_.key; }
  std::string scrubbed(std::string text) const;
  std::optional<std::string> presentable(const std::string& error) const;
  std::unique_ptr<StreamTaker> make_taker();
  Task<Result<std::string_view>> read_piece(net::Deadline deadline);
  Task<bool> keep_alive_if_due();
  Task<bool> flush_stream();
  Task<void> flush_failed();
  Result<dialect::WireRequest> take_written();
  Task<void> drain();
  void keep(std::string_view response);
  void add_stream_headers(net::AnswerHeaders& headers) const;
  FailureClass late_class() const;
  std::int64_t since_start_us() const;
  void begin_stream();
  bool took(bool fine);
  bool claim();
  Task<void> wait_for_client();

  void fail(FailureClass failure, std::string detail);
  void fail_of(const Error& error, FailureClass closed, FailureClass late);
  net::AnswerHeaders answer_headers() const;
  net::Deadline until(net::Deadline phase) const;

  RequestState& state_;
  Candidate& candidate_;
  Contest::Entrant& entrant_;
  const routing::Target& target_;
  const routing::Provider& provider_;
  net::Origin engine_origin_;  // of a local engine
  std::string engine_pool_key_, engine_authority_;
  std::shared_ptr<const engine::Endpoint> engine_;       // keeps its key alive
  std::shared_ptr<const vault::Credential> credential_;  // of providers with short-lived ones
  std::optional<net::UpstreamCall> call_;
  const net::ResponseHead* head_ = nullptr;
  MonoTime started_{};
  net::Deadline total_{};
  Outcome outcome_;
  std::string content_type_;
  std::vector<std::pair<std::string_view, std::string>>
      passed_;                              // the upstream's headers that the client gets
  std::optional<std::uint64_t> announced_;  // length of a whole answer
  std::int64_t announced_tokens_in_ = -1;   // by a header; -1: not told
  std::string_view untold_;                 // of a whole answer: WholeAnswer::untold

  // Of a stream.
  std::string out_;                                // events not yet passed on
  std::unique_ptr<dialect::StreamWriter> writer_;  // what translates; the request's once committed
  Taking taking_;
};

}  // namespace holdfast::gateway

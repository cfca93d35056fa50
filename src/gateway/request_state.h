// What the attempts of one request share.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/answers.h"
#include "gateway/contest.h"
#include "gateway/continued_stream.h"
#include "gateway/gateway.h"
#include "gateway/incoming.h"
#include "gateway/request_limits.h"

namespace holdfast::gateway {

class Shadows;
class WaitingRoom;

// A target that had no room for one more request.
struct FullTarget {
  std::uint16_t index = 0;  // in the tables
  provider::ConcurrencyBounds bounds;
};

// Owned by the pipeline.
struct RequestState {
  net::Exchange& exchange;
  LoopParts& parts;
  JournalTurn& turn;
  WaitingRoom& waiting;
  std::shared_ptr<const routing::Snapshot> snapshot;
  // Keeps `key` where that is virtual. It outlives `limits`, whose permits point into it.
  std::shared_ptr<const routing::PublishedKeys> keys = {};
  std::string request_id = {};
  const routing::Model* model = nullptr;
  Incoming incoming = {};
  std::string key_name = {};
  const identity::KeySettings* key = nullptr;  // of the snapshot; null: no keys are configured
  MonoTime started{};
  net::Deadline deadline{};                            // of the request as a whole
  net::Deadline keepalive_at = net::no_deadline;       // when a held-back stream gets a comment
  std::vector<FailedAttempt> failed = {};              // in order
  std::uint16_t attempts = 0;                          // made so far
  std::function<void()> cancel_wait = {};              // ends what is waited for between attempts
  bool stopping = false;                               // the process ends: so do its requests
  std::string_view cors_origin = {};                   // to be named in the answer; empty: none
  std::unique_ptr<dialect::StreamWriter> writer = {};  // of a stream in the client's dialect
  int answered_status = 200;                           // what the client was answered
  bool broken = false;                                 // what had begun ended in an error
  RequestLimits limits = {};                           // of the key, the team and the model
  std::optional<Refusal> passed_over = {};  // what is told when no provider's limit had room
  ServiceClass service_class = ServiceClass::internal_productivity;  // of the key
  std::vector<FullTarget> full = {};                                 // targets that had no room
  routing::CapacityTable::Place place = {};        // that it waited for, until it is used
  std::optional<net::Deadline> waited_until = {};  // of all its waiting together
  routing::MemoryAccount::Charge memory = {};      // what it holds
  std::string budget_warning = {};                 // of nearly used up budgets; empty: none is
  Shadows* shadows = nullptr;   // who copies it for targets on trial; null: nobody, or done
  bool on_trial = false;        // it is such a copy: requests are not judged by what it meets
  std::size_t answer_most = 0;  // bytes of a whole answer that are gathered
  Contest contest = {};         // of the attempts under way
  bool hedged = false;          // a second target was asked beside a late one
  std::string degraded = {};    // "chat -> cheap: budget NAME"; empty: it was not
  bool may_continue = false;    // a stream that breaks may be gone on with elsewhere
  // How a stream broke whose content the client has: what follows goes on with it.
  std::optional<FailureClass> broke_off = {};
  const identity::UsableKey* virtual_key = nullptr;  // whose settings `key` are
  bool key_ended = false;                            // while it was under way

  // Ends whatever is waited for: the client has left, or the process stops.
  void cancel() {
    if (cancel_wait) cancel_wait();
    contest.end_all();
  }
  // The headers that every answer has.
  net::AnswerHeaders common_headers() const;
  dialect::AnswerContext answer_context() const;
  // A writer for a stream in the client's dialect: a ContinuedStream where may_continue.
  std::unique_ptr<dialect::StreamWriter> new_writer();
  // The writer of this stream, made at first need.
  dialect::StreamWriter& stream_writer();
  // The same as what it is where may_continue; null elsewhere, or before there is one.
  ContinuedStream* continued() const;
  // What an attempt that goes on has written, and the client does not get.
  void forget_attempt();
};

}  // namespace holdfast::gateway

// What a client is told when no target answered, and when its request cannot be taken.
#pragma once
#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/failure.h"
#include "dialect/codec.h"

namespace holdfast::gateway {

// An answer of our own, before it is put into the client's dialect.
struct Refusal {
  int status = 500;
  std::string message, type, code, param;  // as OpenAI's error object has them
  FailureClass failure = FailureClass::none;
  std::string body;  // a provider's own error object, in the client's dialect already; else empty
  std::optional<std::chrono::milliseconds> retry_after;
  bool should_not_retry = false;  // x-should-retry: false
  bool passed_on = false;         // a provider's own verdict on the request
};

// How one attempt failed.
struct FailedAttempt {
  FailureClass failure = FailureClass::none;
  std::uint16_t status = 0;    // the upstream's; 0: none
  bool no_credential = false;  // revoked, since there was none to send
  std::string provider, model;
  std::string detail;  // for the operator's log and status page; no secrets
  std::optional<std::chrono::milliseconds> retry_after;
  // The upstream's own error, when it is one that the client may be shown: its object, if it is in
  // the client's dialect, and what it says.
  std::string error_body, error_message;
};

// A refusal with an error object.
Refusal refuse(int status, std::string_view message, std::string_view type, std::string_view code,
               std::string_view param = {});
Refusal refuse(const dialect::RequestProblem& problem);

// The answer when every attempt failed: all of one class give that class's status, mixed ones 503.
//   attempts    in order; empty when no target may be tried now
//   cooled_in   until the first target that was passed over for cooling is back
Refusal no_target_answered(std::span<const FailedAttempt> attempts,
                           std::optional<std::chrono::milliseconds> cooled_in);

// The answer when the rules of the model or the key leave nobody who may answer this request.
Refusal no_target_permitted(std::string_view model);

// The classes of failed attempts in order, for x-holdfast-fallback-reason.
std::string fallback_reasons(std::span<const FailedAttempt> attempts);

// A refusal for a stream that broke after content.
Refusal broken_stream(FailureClass failure);

// The refusal's body and status for clients of `dialect`.
dialect::ErrorReport report_of(const Refusal& refusal, std::string_view request_id);
std::string body_of(const Refusal& refusal, dialect::Dialect dialect, std::string_view request_id);
int status_of(const Refusal& refusal, dialect::Dialect dialect);

// The type of the dialect's error object for `status`.
std::string_view error_type(int status);

}  // namespace holdfast::gateway

#include "gateway/answers.h"

#include <fmt/format.h>

#include <algorithm>

#include "dialect/anthropic/codec.h"
#include "dialect/bedrock/codec.h"
#include "dialect/json_scan.h"
#include "dialect/openai/answer.h"
#include "gateway/incoming.h"

namespace holdfast::gateway {
namespace {

using dialect::openai::error_body;
using std::chrono::milliseconds;

struct FinalAnswer {
  int status;
  std::string_view code;  // empty: the class's own name
  std::string_view message;
};

// The status, code and words for attempts that all failed in one class. The codes are part of the
// interface: docs/reference/errors.md lists them.
FinalAnswer final_answer(FailureClass failure) {
  switch (failure) {
    case FailureClass::revoked:
      return {502, "upstream_auth", "the provider refuses this gateway's credential"};
    case FailureClass::unpaid:
      return {429, "insufficient_quota", "the provider account of this gateway has no quota left"};
    case FailureClass::over_budget:
      return {429, "insufficient_quota", "the budget for this request is used up"};
    case FailureClass::rate_limited:
      return {429, "rate_limit_exceeded",
              "the provider limits the rate of this gateway's requests"};
    case FailureClass::overloaded:
      return {503, "", "the provider is overloaded"};
    case FailureClass::model_gone:
      return {502, "", "the provider does not know the model"};
    case FailureClass::conflict:
      return {409, "", "the provider answers with a conflict"};
    case FailureClass::connect_timeout:
      return {504, "", "no connection to the provider in time"};
    case FailureClass::headers_timeout:
      return {504, "", "the provider did not begin to answer in time"};
    case FailureClass::first_content_timeout:
    case FailureClass::pings_only:
      return {504, "", "the provider sent no content in time"};
    case FailureClass::stall:
      return {504, "", "the provider fell silent within its answer"};
    case FailureClass::deadline:
      return {504, "", "the deadline of the request has passed"};
    case FailureClass::request_timeout:
      return {504, "", "the provider gave up waiting"};
    case FailureClass::dns:
      return {502, "", "the provider's name does not resolve"};
    case FailureClass::connect:
      return {502, "", "the provider refuses connections"};
    case FailureClass::tls:
      return {502, "", "no trusted TLS connection to the provider"};
    case FailureClass::reset:
      return {502, "", "the provider closed the connection"};
    case FailureClass::server_error:
      return {502, "", "the provider failed"};
    case FailureClass::redirect:
      return {502, "", "the provider redirects, which is never followed"};
    case FailureClass::malformed_head:
    case FailureClass::malformed_body:
      return {502, "", "the provider's answer is malformed"};
    case FailureClass::error_in_body:
    case FailureClass::error_in_stream:
      return {502, "", "the provider answered with an error"};
    case FailureClass::empty_stream:
      return {502, "", "the provider's answer has no content"};
    case FailureClass::cut_stream:
    case FailureClass::truncated_body:
      return {502, "", "the provider's answer is incomplete"};
    case FailureClass::error_after_content:
      return {502, "", "the provider failed within its answer"};
    case FailureClass::local:
      return {503, "", "this gateway is short of resources"};
    case FailureClass::bad_request:
    case FailureClass::context_too_long:
    case FailureClass::content_filter:
      return {400, "", "the provider refuses the request"};
    case FailureClass::none:
    case FailureClass::client_left:
    case FailureClass::hedge_lost:
      return {500, "", "internal error"};
  }
  return {500, "", "internal error"};
}

bool passed_on(FailureClass failure) {
  return failure == FailureClass::bad_request || failure == FailureClass::context_too_long ||
         failure == FailureClass::content_filter;
}

std::string list_of(std::span<const FailedAttempt> attempts) {
  std::string out;
  for (const FailedAttempt& attempt : attempts) {
    if (!out.empty()) out += ", ";
    out += fmt::format("{}: {}", attempt.provider, to_string(attempt.failure));
  }
  return out;
}

}  // namespace

std::string_view error_type(int status) {
  switch (status) {
    case 429:
      return "rate_limit_error";
    case 503:
      return "service_unavailable_error";
    case 504:
      return "timeout_error";
    default:
      return status >= 500 ? "server_error" : "invalid_request_error";
  }
}

Refusal refuse(int status, std::string_view message, std::string_view type, std::string_view code,
               std::string_view param) {
  Refusal refusal;
  refusal.status = status;
  refusal.message = dialect::valid_utf8(message);
  refusal.type = type;
  refusal.code = code;
  refusal.param = param;
  return refusal;
}

Refusal refuse(const dialect::RequestProblem& problem) {
  return refuse(problem.status, problem.message, error_type(problem.status), problem.code,
                problem.param);
}

Refusal no_target_answered(std::span<const FailedAttempt> attempts,
                           std::optional<milliseconds> cooled_in) {
  if (attempts.empty() && !cooled_in)  // last_resort: refuse, or an operator's doing
    return refuse(503, "every target is out after failures, or taken out by an operator",
                  error_type(503), "no_target_available");
  if (attempts.empty()) {
    Refusal refusal =
        refuse(429, "every target is waiting out the time that its provider asked for",
               error_type(429), "rate_limit_exceeded");
    refusal.retry_after = cooled_in;
    return refusal;
  }
  const FailedAttempt& last = attempts.back();
  if (passed_on(last.failure)) {  // the request itself is at fault: no other target was asked
    // Its own status goes with its own words; in another dialect, one class has one status.
    const bool own = !last.error_body.empty() && last.status >= 400 && last.status < 500;
    const int status = own ? last.status : 400;
    const std::string said =
        last.error_message.empty()
            ? fmt::format("{} refused the request with status {}", last.provider, last.status)
            : fmt::format("{}: {}", last.provider, last.error_message);
    Refusal refusal = refuse(status, said, error_type(400), to_string(last.failure));
    refusal.body = last.error_body;
    refusal.failure = last.failure;
    refusal.passed_on = true;
    return refusal;
  }
  const bool one_class = std::all_of(attempts.begin(), attempts.end(), [&](const auto& attempt) {
    return attempt.failure == last.failure;
  });
  if (!one_class)
    return refuse(503, fmt::format("no provider could answer ({})", list_of(attempts)),
                  error_type(503), "no_target_available");

  const bool no_credential = std::ranges::all_of(attempts, &FailedAttempt::no_credential);
  const FinalAnswer final =
      no_credential ? FinalAnswer{503, "credential_unavailable",
                                  "this gateway has no credential for the provider at the moment"}
                    : final_answer(last.failure);
  const std::string_view code = final.code.empty() ? to_string(last.failure) : final.code;
  const bool no_money =
      last.failure == FailureClass::unpaid || last.failure == FailureClass::over_budget;
  const std::string_view type = no_money ? "insufficient_quota" : error_type(final.status);
  const std::string why =
      last.failure == FailureClass::over_budget ? last.detail : list_of(attempts);
  Refusal refusal = refuse(final.status, fmt::format("{} ({})", final.message, why), type, code);
  refusal.failure = last.failure;
  refusal.should_not_retry = no_money;
  if (final.status == 429 && !refusal.should_not_retry) {
    refusal.retry_after = cooled_in;
    for (const FailedAttempt& attempt : attempts)
      if (attempt.retry_after &&
          (!refusal.retry_after || *attempt.retry_after < *refusal.retry_after))
        refusal.retry_after = attempt.retry_after;
    if (!refusal.retry_after) refusal.retry_after = milliseconds(1'000);
  } else if (last.failure == FailureClass::overloaded) {
    refusal.retry_after = last.retry_after;
  }
  return refusal;
}

Refusal no_target_permitted(std::string_view model) {
  return refuse(403,
                fmt::format("no target of the model '{}' may answer this request: regions or "
                            "conditions leave none (holdfast route explain says why)",
                            model),
                error_type(403), "no_target_permitted", "model");
}

std::string fallback_reasons(std::span<const FailedAttempt> attempts) {
  std::string out;
  for (const FailedAttempt& attempt : attempts) {
    if (!out.empty()) out += ", ";
    out += to_string(attempt.failure);
  }
  return out;
}

Refusal broken_stream(FailureClass failure) {
  const FinalAnswer final = final_answer(failure);
  Refusal refusal = refuse(final.status, fmt::format("the answer ends here: {}", final.message),
                           "server_error", final.code.empty() ? to_string(failure) : final.code);
  refusal.failure = failure;
  return refusal;
}

dialect::ErrorReport report_of(const Refusal& refusal, std::string_view request_id) {
  return {refusal.status, refusal.message, refusal.code,
          refusal.param,  refusal.failure, request_id};
}

std::string body_of(const Refusal& refusal, dialect::Dialect dialect, std::string_view request_id) {
  if (!refusal.body.empty()) return refusal.body;
  if (dialect == dialect::Dialect::openai || dialect == dialect::Dialect::openai_responses)
    return error_body(refusal.message, refusal.type, refusal.code, refusal.param);
  return client_codec(dialect).write_error(report_of(refusal, request_id));
}

int status_of(const Refusal& refusal, dialect::Dialect dialect) {
  if (dialect == dialect::Dialect::anthropic && refusal.body.empty())
    return dialect::anthropic::error_status(report_of(refusal, {}));
  if (dialect == dialect::Dialect::bedrock && refusal.body.empty())
    return dialect::bedrock::status_of(report_of(refusal, {}));
  return refusal.status;
}

}  // namespace holdfast::gateway

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "dialect/gemini/answer_codec.h"
#include "dialect/gemini/codec.h"
#include "dialect/gemini/wire.h"

namespace holdfast::dialect::gemini {
namespace {

using std::string_view;

string_view status_name(int status) {
  switch (status) {
    case 401:
      return "UNAUTHENTICATED";
    case 402:
    case 412:
      return "FAILED_PRECONDITION";
    case 403:
      return "PERMISSION_DENIED";
    case 404:
      return "NOT_FOUND";
    case 408:
    case 504:
      return "DEADLINE_EXCEEDED";
    case 409:
      return "ABORTED";
    case 429:
      return "RESOURCE_EXHAUSTED";
    case 499:
      return "CANCELLED";
    case 501:
      return "UNIMPLEMENTED";
    case 502:
    case 503:
    case 529:
      return "UNAVAILABLE";
    default:
      return status >= 500 ? "INTERNAL" : "INVALID_ARGUMENT";
  }
}

// Compares without regard to case.
bool says(string_view text, string_view phrase) {
  const auto same = [](char a, char b) {
    const auto small = [](char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; };
    return small(a) == small(b);
  };
  return !std::ranges::search(text, phrase, same).empty();
}

struct ErrorObject {
  JsonDocument document;
  JsonValue error;
  Arena arena;
};

// The error object of a body, which may stand in an array of one.
bool read_object(string_view body, ErrorObject& out) {
  JsonScanOptions options;
  options.allow_lone_surrogates = true;
  if (!out.document.parse(body, options)) return false;
  JsonValue root = out.document.root();
  if (root.is_array() && root.size() > 0) root = *root.elements().begin();
  out.error = root["error"];
  return out.error.is_object();
}

bool has_reason(JsonValue error, string_view reason) {
  for (const JsonValue detail : error["details"].elements())
    if (detail["reason"].text_is(reason)) return true;
  return false;
}

FailureClass class_of_400(JsonValue error, string_view message) {
  if (has_reason(error, "API_KEY_INVALID") || has_reason(error, "API_KEY_EXPIRED") ||
      says(message, "api key not valid") || says(message, "api key expired"))
    return FailureClass::revoked;
  if (says(message, "token count") && says(message, "exceeds the maximum"))
    return FailureClass::context_too_long;
  if (says(message, "maximum number of tokens allowed")) return FailureClass::context_too_long;
  if (says(message, "PROHIBITED_CONTENT") || says(message, "safety filter") ||
      says(message, "usage guidelines"))
    return FailureClass::content_filter;
  if (error["status"].text_is("FAILED_PRECONDITION"))
    return says(message, "location")  ? FailureClass::revoked
           : says(message, "billing") ? FailureClass::unpaid
                                      : FailureClass::bad_request;
  return FailureClass::bad_request;
}

FailureClass class_of(int status, JsonValue error, string_view message) {
  switch (status) {
    case 400:
      return class_of_400(error, message);
    case 401:
      return FailureClass::revoked;
    case 402:
      return FailureClass::unpaid;
    case 403:
      return has_reason(error, "BILLING_DISABLED") || says(message, "billing")
                 ? FailureClass::unpaid
                 : FailureClass::revoked;
    case 404:
      return FailureClass::model_gone;
    case 408:
    case 504:
      return FailureClass::request_timeout;
    case 409:
      return FailureClass::conflict;
    case 429:
      // "check your plan and billing details" is in every one of them.
      return says(message, "prepay") || says(message, "credits are depleted") ||
                     says(message, "spending cap")
                 ? FailureClass::unpaid
                 : FailureClass::rate_limited;
    case 503:
    case 529:
      return FailureClass::overloaded;
    default:
      return status >= 500 || status == 499 ? FailureClass::server_error
                                            : FailureClass::bad_request;
  }
}

}  // namespace

std::string write_error(const ErrorReport& report) {
  WireText text;
  JsonWriter json(text);
  json.begin_object().key("error").begin_object();
  json.field("code", std::int64_t{report.status});
  json.field("message", report.message).field("status", status_name(report.status));
  if (!report.code.empty() || !report.param.empty() || !report.request_id.empty()) {
    json.key("details").begin_array();
    if (!report.code.empty()) {
      json.begin_object().field("@type", "type.googleapis.com/google.rpc.ErrorInfo");
      json.field("reason", report.code).field("domain", "holdfast").end_object();
    }
    if (!report.param.empty()) {
      json.begin_object().field("@type", "type.googleapis.com/google.rpc.BadRequest");
      json.key("fieldViolations").begin_array().begin_object();
      json.field("field", report.param).field("description", report.message);
      json.end_object().end_array().end_object();
    }
    if (!report.request_id.empty()) {
      json.begin_object().field("@type", "type.googleapis.com/google.rpc.RequestInfo");
      json.field("requestId", report.request_id).end_object();
    }
    json.end_array();
  }
  json.end_object().end_object();
  return text.joined();
}

ErrorFacts read_error(int status, string_view body) {
  ErrorFacts facts;
  ErrorObject read;
  facts.is_json_error = read_object(body, read);
  if (facts.is_json_error) {
    facts.message = read.error["message"].text(read.arena);
    facts.code = read.error["status"].text(read.arena);
    for (const JsonValue detail : read.error["details"].elements())
      if (detail["reason"].is_string()) facts.code = detail["reason"].text(read.arena);
    // Within a stream there is no other status.
    const auto code = read.error["code"].integer();
    if (status < 400 && code && *code >= 400 && *code < 600) status = static_cast<int>(*code);
  }
  facts.failure = class_of(status, read.error, facts.message);
  return facts;
}

std::optional<std::chrono::milliseconds> retry_delay(string_view error_body) {
  ErrorObject read;
  if (!read_object(error_body, read)) return std::nullopt;
  for (const JsonValue detail : read.error["details"].elements()) {
    const string_view delay = detail["retryDelay"].text(read.arena);
    double seconds = 0;
    const char* begin = delay.data();
    const char* end = begin + delay.size();
    const auto [unit, problem] = std::from_chars(begin, end, seconds);
    if (problem != std::errc() || string_view(unit, end) != "s") continue;
    if (!(seconds >= 0 && seconds < 1e6)) continue;
    return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
  }
  return std::nullopt;
}

}  // namespace holdfast::dialect::gemini

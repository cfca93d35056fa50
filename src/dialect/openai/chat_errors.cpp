#include "dialect/openai/chat_errors.h"

#include <fmt/format.h>

#include "dialect/openai/answer.h"
#include "dialect/openai/codec.h"

namespace holdfast::dialect::openai {
namespace {

using std::string_view;

string_view word(JsonValue value, Arena& arena) {
  return value.is_number() ? value.raw() : value.text(arena);
}

// {"detail": "text"} or, of a validator, {"detail": [{loc, msg, type}]}.
WireError read_detail_error(JsonValue detail, Arena& arena) {
  WireError out;
  out.found = true;
  out.message = detail.text(arena);
  for (const JsonValue each : detail.elements()) {
    std::string place;
    for (const JsonValue step : each["loc"].elements())
      place.append(place.empty() ? "" : ".").append(word(step, arena));
    out.message = arena.keep(fmt::format("{}: {}", place, each["msg"].text(arena)));
    out.type = each["type"].text(arena);
    break;
  }
  return out;
}

bool contains_one(std::string_view text, std::initializer_list<string_view> parts) {
  for (const string_view part : parts)
    if (text.find(part) != string_view::npos) return true;
  return false;
}

bool is_one(std::string_view text, std::initializer_list<string_view> words) {
  for (const string_view each : words)
    if (text == each) return true;
  return false;
}

bool says_context_too_long(const WireError& error) {
  if (error.code == "context_length_exceeded" || error.type == "exceed_context_size_error")
    return true;
  return contains_one(
      error.message,
      {"maximum context length", "maximum prompt length", "longer than the model's context length",
       "exceeds the context window", "exceeds the available context size", "prompt is too long",
       "Input is too long", "`inputs` tokens + `max_new_tokens` must be <=",
       "`inputs` must have less than", "reduce the length of the messages"});
}

bool says_unpaid(const WireError& error) {
  return is_one(error.type, {"insufficient_quota", "billing_error"}) ||
         is_one(error.code, {"insufficient_quota", "credit_balance_exhausted",
                             "billing_hard_limit_reached", "billing_not_active"}) ||
         contains_one(error.message,
                      {"Insufficient Balance", "Insufficient credits", "out of credits",
                       "used all available credits", "monthly spending limit"});
}

bool says_filtered(const WireError& error) {
  return error.policy || error.type == "guardrail" ||
         is_one(error.code,
                {"content_filter", "content_policy_violation", "ResponsibleAIPolicyViolation"}) ||
         contains_one(error.message,
                      {"Content Exists Risk", "violates usage guidelines", "requires moderation"});
}

bool says_bad_key(const WireError& error) {
  return error.code == "invalid_api_key" || contains_one(error.message, {"Incorrect API key"});
}

FailureClass class_of_refusal(int status, const WireError& error) {
  if (says_context_too_long(error)) return FailureClass::context_too_long;
  if (status == 413 && contains_one(error.message, {"token"}))
    return FailureClass::context_too_long;
  if (says_filtered(error)) return FailureClass::content_filter;
  if (says_unpaid(error)) return FailureClass::unpaid;
  if (says_bad_key(error)) return FailureClass::revoked;
  if (is_one(error.code, {"model_not_found", "DeploymentNotFound"}) ||
      error.type == "invalid_model")
    return FailureClass::model_gone;
  return FailureClass::bad_request;
}

FailureClass class_of(int status, const WireError& error) {
  switch (status) {
    case 401:
      return FailureClass::revoked;
    case 402:
      return FailureClass::unpaid;
    case 403:
      if (says_filtered(error)) return FailureClass::content_filter;
      return says_unpaid(error) ? FailureClass::unpaid : FailureClass::revoked;
    case 404:
      return FailureClass::model_gone;
    case 408:
    case 504:
      return FailureClass::request_timeout;
    case 409:
      return FailureClass::conflict;
    case 429:
      return says_unpaid(error) ? FailureClass::unpaid : FailureClass::rate_limited;
    case 424:  // what it depends on failed
      return FailureClass::server_error;
    case 498:  // Groq: capacity exceeded
    case 503:
    case 529:
      return FailureClass::overloaded;
    default:
      break;
  }
  if (status >= 500) return FailureClass::server_error;
  return status >= 400 ? class_of_refusal(status, error) : FailureClass::redirect;
}

string_view type_of(const ErrorReport& report) {
  if (report.failure == FailureClass::unpaid) return "insufficient_quota";
  switch (report.status) {
    case 429:
      return "rate_limit_error";
    case 503:
      return "service_unavailable_error";
    case 504:
      return "timeout_error";
    default:
      return report.status >= 500 ? "server_error" : "invalid_request_error";
  }
}

string_view code_of(const ErrorReport& report) {
  if (!report.code.empty()) return report.code;
  switch (report.failure) {
    case FailureClass::none:
      return {};
    case FailureClass::revoked:
      return "upstream_auth";
    case FailureClass::unpaid:
      return "insufficient_quota";
    case FailureClass::rate_limited:
      return "rate_limit_exceeded";
    case FailureClass::context_too_long:
      return "context_length_exceeded";
    default:
      return to_string(report.failure);
  }
}

}  // namespace

WireError read_wire_error_object(JsonValue error, Arena& arena) {
  WireError out;
  if (error.is_string()) {
    out.found = true;
    out.message = error.text(arena);
    return out;
  }
  if (!error.is_object()) return out;
  out.found = out.object = true;
  out.message = error["message"].text(arena);
  out.type = error["type"].text(arena);
  out.code = word(error["code"], arena);
  out.param = error["param"].text(arena);
  const JsonValue inner = error["innererror"]["code"];
  out.policy = inner.text_is("ResponsibleAIPolicyViolation") ||
               error["metadata"]["reasons"].size() > 0;  // OpenRouter: what the moderation found
  return out;
}

WireError read_wire_error(JsonValue root, Arena& arena) {
  if (root.is_array() && root.size() == 1) root = *root.elements().begin();
  if (!root.is_object()) return {};
  const JsonValue error = root["error"];
  if (error && !error.is_null()) {
    WireError out = read_wire_error_object(error, arena);
    out.found = true;
    if (out.object) return out;
    out.code = word(root["code"], arena);
    out.type = root[root["error_type"] ? "error_type" : "type"].text(arena);
    if (out.message.empty()) out.message = root["message"].text(arena);
    return out;
  }
  if (root["choices"]) return {};
  if (const JsonValue detail = root["detail"]; detail.is_string() || detail.is_array())
    return read_detail_error(detail, arena);
  if (!root["object"].text_is("error") && !root["message"].is_string()) return {};
  WireError out = read_wire_error_object(root, arena);
  out.object = false;
  return out;
}

ErrorFacts ChatCodec::read_error(int status, string_view body) const {
  JsonDocument document;
  Arena arena;
  WireError error;
  if (document.parse(body, {.allow_lone_surrogates = true}))
    error = read_wire_error(document.root(), arena);
  ErrorFacts out;
  out.failure = class_of(status, error);
  out.is_json_error = error.object && document.root().is_object();
  out.code = std::string(error.code);
  out.message = std::string(error.message);
  return out;
}

std::string error_text(const ErrorReport& report) {
  return error_body(report.message, type_of(report), code_of(report), report.param);
}

std::string ChatCodec::write_error(const ErrorReport& report) const { return error_text(report); }

}  // namespace holdfast::dialect::openai

// Errors, read and written: {"type":"error","error":{"type","message"},"request_id"}.
#include <algorithm>

#include "dialect/anthropic/parts.h"

namespace holdfast::dialect::anthropic {
namespace {

struct ErrorType {
  int status;
  std::string_view name;
};
constexpr ErrorType types[] = {
    {400, "invalid_request_error"}, {401, "authentication_error"}, {402, "billing_error"},
    {403, "permission_error"},      {404, "not_found_error"},      {408, "timeout_error"},
    {409, "conflict_error"},        {413, "request_too_large"},    {429, "rate_limit_error"},
    {503, "overloaded_error"},      {504, "timeout_error"},        {529, "overloaded_error"},
};

std::string_view type_of(int status) {
  for (const ErrorType& type : types)
    if (type.status == status) return type.name;
  return status >= 500 ? "api_error" : "invalid_request_error";
}

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

bool says_too_long(std::string_view message) {
  return has(message, "prompt is too long") || has(message, "exceed context limit") ||
         has(message, "context window");
}

bool says_money(std::string_view message, std::string_view code) {
  return code == "enforced_spend_limit_reached" || code == "contract_spend_limit_reached" ||
         has(message, "credit balance is too low") || has(message, "spend limit") ||
         has(message, "API usage limits");
}

FailureClass class_of(int status, std::string_view type, std::string_view message,
                      std::string_view code) {
  if (status == 402 || type == "billing_error" || says_money(message, code))
    return FailureClass::unpaid;
  if (status == 429 || type == "rate_limit_error") return FailureClass::rate_limited;
  if (status == 503 || status == 529 || type == "overloaded_error") return FailureClass::overloaded;
  if (status == 401 || status == 403) return FailureClass::revoked;
  if (status == 404) return FailureClass::model_gone;
  if (status == 408 || status == 504 || type == "timeout_error")
    return FailureClass::request_timeout;
  if (status == 409) return FailureClass::conflict;
  if (status >= 500) return FailureClass::server_error;
  if (status < 400) return FailureClass::redirect;
  if (says_too_long(message)) return FailureClass::context_too_long;
  if (has(message, "content filtering")) return FailureClass::content_filter;
  if (code == "organization_on_hold" || has(message, "organization has been disabled"))
    return FailureClass::revoked;
  return FailureClass::bad_request;
}

}  // namespace

JsonValue error_object(JsonValue root) {
  if (root.is_array() && root.size() == 1) root = *root.elements().begin();
  const JsonValue error = root["error"];
  return error.is_object() ? error : JsonValue();
}

int error_status(const ErrorReport& report) {
  switch (report.failure) {
    case FailureClass::overloaded:
      return 529;
    case FailureClass::unpaid:
      return 402;
    case FailureClass::rate_limited:
      return 429;
    case FailureClass::context_too_long:
    case FailureClass::content_filter:
      return 400;
    case FailureClass::headers_timeout:
    case FailureClass::first_content_timeout:
    case FailureClass::pings_only:
    case FailureClass::stall:
    case FailureClass::deadline:
    case FailureClass::request_timeout:
    case FailureClass::connect_timeout:
      return 504;
    case FailureClass::server_error:
    case FailureClass::reset:
    case FailureClass::malformed_head:
    case FailureClass::malformed_body:
    case FailureClass::error_in_body:
    case FailureClass::error_in_stream:
    case FailureClass::empty_stream:
    case FailureClass::cut_stream:
    case FailureClass::truncated_body:
    case FailureClass::error_after_content:
      return 500;
    default:
      return report.status == 503 ? 529 : report.status;
  }
}

std::string write_error(const ErrorReport& report) {
  std::string message(report.message);
  if (report.failure == FailureClass::context_too_long && !has(message, "prompt is too long"))
    message.insert(0, "prompt is too long: ");
  WireText text;
  JsonWriter json(text);
  json.begin_object().field("type", "error").key("error").begin_object();
  json.field("type", type_of(error_status(report))).field("message", message);
  if (report.code == "thread_unsupported_request")  // SDKs go on without the thread
    json.key("details")
        .begin_object()
        .field("error_code", report.code)
        .key("unsupported")
        .begin_array()
        .string(report.param)
        .end_array()
        .end_object();
  json.end_object();
  json.text_field("request_id", report.request_id).end_object();
  return text.joined();
}

ErrorFacts read_error(int status, std::string_view body) {
  ErrorFacts out;
  JsonDocument document;
  Arena arena;
  JsonValue error;
  if (document.parse(body, lenient)) error = error_object(document.root());
  const std::string_view type = error["type"].text(arena);
  const std::string_view code = error["details"]["error_code"].text(arena);
  out.message = error["message"].text(arena);
  out.is_json_error = error.exists();
  out.code = code.empty() ? type : code;
  out.failure = class_of(status, type, out.message, code);
  return out;
}

}  // namespace holdfast::dialect::anthropic

#include <algorithm>

#include "dialect/cohere/chat.h"
#include "dialect/json_writer.h"

namespace holdfast::dialect::cohere {
namespace {

bool contains(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

FailureClass class_of(int status, std::string_view type, std::string_view message) {
  switch (status) {
    case 401:
    case 403:
    case 498:  // an invalid token
      return FailureClass::revoked;
    case 402:
      return FailureClass::unpaid;
    case 404:
      return FailureClass::model_gone;
    case 408:
    case 499:  // it was cancelled there
    case 504:
      return FailureClass::request_timeout;
    case 409:
      return FailureClass::conflict;
    case 429:  // a trial key's calls of the month do not come back soon
      return contains(message, "/ month") || contains(message, "per month")
                 ? FailureClass::unpaid
                 : FailureClass::rate_limited;
    case 503:
    case 529:
      return FailureClass::overloaded;
    default:
      break;
  }
  if (status >= 500) return FailureClass::server_error;
  if (status < 400) return FailureClass::redirect;
  if (type == "TOO_MANY_TOKENS" || contains(message, "too many tokens"))
    return FailureClass::context_too_long;
  if (contains(message, "content policy")) return FailureClass::content_filter;
  return FailureClass::bad_request;
}

}  // namespace

ErrorFacts read_error(int status, std::string_view body) {
  ErrorFacts facts;
  JsonDocument document;
  Arena arena;
  if (document.parse(body, {.allow_lone_surrogates = true})) {
    const JsonValue root = document.root();
    facts.is_json_error = root["message"].is_string();
    facts.message = root["message"].text(arena);
    facts.code = root["error_type"].text(arena);
  }
  facts.failure = class_of(status, facts.code, facts.message);
  return facts;
}

std::string write_error(const ErrorReport& report) {
  WireText out;
  JsonWriter json(out);
  json.begin_object().text_field("id", report.request_id).field("message", report.message);
  if (report.failure == FailureClass::context_too_long) json.field("error_type", "TOO_MANY_TOKENS");
  json.end_object();
  return std::move(out.own());
}

}  // namespace holdfast::dialect::cohere

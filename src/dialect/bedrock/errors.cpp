#include <algorithm>
#include <array>

#include "dialect/bedrock/parts.h"

namespace holdfast::dialect::bedrock {
namespace {

bool holds(std::string_view text, std::string_view part) {
  const auto same = [](char a, char b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c + 0; };
    return lower(a) == lower(b);
  };
  return !std::ranges::search(text, part, same).empty();
}

template <std::size_t N>
bool holds_any(std::string_view text, const std::array<std::string_view, N>& parts) {
  return std::ranges::any_of(parts, [text](std::string_view part) { return holds(text, part); });
}

// What tells one failure from another where the status does not.
constexpr std::array<std::string_view, 6> too_long = {
    "input is too long",    "input tokens exceeded",  "prompt is too long",
    "exceed context limit", "maximum context length", "too many input tokens"};
constexpr std::array<std::string_view, 3> filtered = {"content filter", "content_filter",
                                                      "guardrail intervened"};
constexpr std::array<std::string_view, 5> no_such_model = {
    "access to the model", "model identifier is invalid", "on-demand throughput",
    "inference profile", "end of its life"};
constexpr std::array<std::string_view, 3> money = {"payment_instrument", "payment instrument",
                                                   "billing"};

FailureClass class_of(int status, std::string_view code, std::string_view message) {
  switch (status) {
    case 400:
      if (holds_any(message, too_long)) return FailureClass::context_too_long;
      if (holds_any(message, filtered)) return FailureClass::content_filter;
      if (holds_any(message, no_such_model)) return FailureClass::model_gone;
      if (code == "ServiceQuotaExceededException") return FailureClass::unpaid;
      if (code == "ThrottlingException") return FailureClass::rate_limited;
      return code == "ConflictException" ? FailureClass::conflict : FailureClass::bad_request;
    case 402:
      return FailureClass::unpaid;
    case 401:
    case 403:
      if (holds_any(message, money)) return FailureClass::unpaid;
      return holds_any(message, no_such_model) ? FailureClass::model_gone : FailureClass::revoked;
    case 404:
      return FailureClass::model_gone;
    case 408:
      return FailureClass::request_timeout;
    case 409:
      return FailureClass::conflict;
    case 424:  // the model failed, not the caller
      return FailureClass::server_error;
    case 429:
      return code == "ModelNotReadyException" || holds(message, "not ready")
                 ? FailureClass::overloaded
                 : FailureClass::rate_limited;
    case 503:
    case 529:
      return FailureClass::overloaded;
    default:
      return status >= 500 ? FailureClass::server_error : FailureClass::bad_request;
  }
}

// "com.amazon.coral#ThrottlingException:http://..." is ThrottlingException.
std::string_view bare_name(std::string_view name) {
  name = name.substr(0, name.find(':'));
  const auto hash = name.rfind('#');
  return hash == std::string_view::npos ? name : name.substr(hash + 1);
}

struct Told {
  int status;
  std::string_view exception;
};

Told told_as(const ErrorReport& report) {
  switch (report.failure) {
    case FailureClass::context_too_long:
    case FailureClass::content_filter:
      return {400, "ValidationException"};
    case FailureClass::unpaid:
      return {400, "ServiceQuotaExceededException"};
    default:
      break;
  }
  if (report.code == "invalid_signature") return {403, "InvalidSignatureException"};
  switch (report.status) {
    case 401:
      return {403, "UnrecognizedClientException"};
    case 402:
      return {400, "ServiceQuotaExceededException"};
    case 403:
      return {403, "AccessDeniedException"};
    case 404:
      return {404, "ResourceNotFoundException"};
    case 409:
      return {400, "ConflictException"};
    case 408:
    case 504:
      return {408, "ModelTimeoutException"};
    case 424:
      return {424, "ModelErrorException"};
    case 429:
      return {429, "ThrottlingException"};
    case 503:
    case 529:
      return {503, "ServiceUnavailableException"};
    default:
      if (report.status >= 500) return {report.status, "InternalServerException"};
      return {report.status, "ValidationException"};
  }
}

}  // namespace

std::string_view exception_of(const ErrorReport& report) { return told_as(report).exception; }

int status_of(const ErrorReport& report) { return told_as(report).status; }

std::string write_error(const ErrorReport& report) {
  WireText out;
  JsonWriter json(out);
  json.begin_object().field("__type", exception_of(report));
  std::string message;
  // Applications find it by this sentence.
  if (report.failure == FailureClass::context_too_long && !holds_any(report.message, too_long))
    message = "Input is too long for requested model. ";
  message.append(report.message);
  json.field("message", message).end_object();
  return out.joined();
}

std::string_view error_message(JsonValue root, Arena& arena) {
  for (const std::string_view name : {"message", "Message", "originalMessage", "errorMessage"})
    if (const std::string_view text = root[name].text(arena); !text.empty()) return text;
  const JsonValue output = root["Output"];  // the front end's own: an operation that it lacks
  return output.is_object() ? bare_name(output["__type"].text(arena)) : std::string_view();
}

ErrorFacts read_error(int status, std::string_view body) {
  return read_named_error(status, {}, body);
}

ErrorFacts read_named_error(int status, std::string_view name, std::string_view body) {
  ErrorFacts facts;
  facts.code = bare_name(name);
  JsonDocument document;
  Arena arena;
  if (document.parse(body, lenient) && document.root().is_object()) {
    const JsonValue root = document.root();
    facts.message = error_message(root, arena);
    for (const std::string_view member : {"__type", "code", "Code"})
      if (facts.code.empty()) facts.code = bare_name(root[member].text(arena));
    facts.is_json_error = !facts.message.empty() || !facts.code.empty();
  }
  facts.failure = class_of(status, facts.code, facts.message);
  return facts;
}

}  // namespace holdfast::dialect::bedrock

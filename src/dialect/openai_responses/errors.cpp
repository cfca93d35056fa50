#include "dialect/openai_responses/errors.h"

#include "dialect/json_document.h"
#include "dialect/json_writer.h"

namespace holdfast::dialect::openai_responses {
namespace {

bool contains(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

struct Said {
  std::string code, type, message;
};

bool says_context(const Said& said) {
  return said.code == "context_length_exceeded" || said.type == "exceed_context_size_error" ||
         contains(said.message, "context window") ||
         contains(said.message, "maximum context length") ||
         contains(said.message, "model's context length");
}
bool says_filter(const Said& said) {
  return said.code == "content_filter" || said.code == "content_policy_violation" ||
         said.code == "image_content_policy_violation" || said.code == "bio_policy" ||
         said.code == "misalignment_policy_violation";
}
bool says_money(const Said& said) {
  return said.type == "insufficient_quota" || said.code == "insufficient_quota" ||
         said.code == "credit_balance_exhausted" || said.code == "billing_hard_limit_reached";
}
bool says_key(const Said& said) {
  return said.code == "invalid_api_key" || contains(said.message, "Incorrect API key");
}

FailureClass class_of(int status, const Said& said) {
  if (says_money(said)) return FailureClass::unpaid;
  switch (status) {
    case 401:
    case 403:
      return FailureClass::revoked;
    case 402:
      return FailureClass::unpaid;
    case 404:
      return FailureClass::model_gone;
    case 408:
      return FailureClass::request_timeout;
    case 409:
      return FailureClass::conflict;
    case 429:
      return said.code == "server_is_overloaded" ? FailureClass::overloaded
                                                 : FailureClass::rate_limited;
    case 503:
    case 529:
      return FailureClass::overloaded;
    default:
      break;
  }
  if (status >= 500) return FailureClass::server_error;
  if (status < 400) return FailureClass::redirect;
  if (says_context(said)) return FailureClass::context_too_long;
  if (says_filter(said)) return FailureClass::content_filter;
  if (says_key(said)) return FailureClass::revoked;  // xAI answers 400
  // Unlike in chat completions, an unknown model is a 400 here.
  if (said.code == "model_not_found") return FailureClass::model_gone;
  return FailureClass::bad_request;
}

}  // namespace

ErrorFacts read_error(int status, std::string_view body) {
  ErrorFacts facts;
  JsonDocument document;
  Arena arena;
  Said said;
  if (document.parse(body, {.allow_lone_surrogates = true})) {
    JsonValue root = document.root();
    if (root.is_array() && root.size() == 1) root = *root.elements().begin();
    const JsonValue error = root["error"];
    const JsonValue object = error.is_object() ? error : root;
    facts.is_json_error = error.is_object() && document.root().is_object();
    const JsonValue code = object["code"];
    said.code = code.is_number() ? code.raw() : code.text(arena);
    said.type = object["type"].text(arena);
    said.message = error.is_string() ? error.text(arena) : object["message"].text(arena);
  }
  facts.failure = class_of(status, said);
  facts.code = std::move(said.code);
  facts.message = std::move(said.message);
  return facts;
}

std::string_view error_type(const ErrorReport& report) {
  if (report.failure == FailureClass::unpaid) return "insufficient_quota";
  switch (report.status) {
    case 429:
      return "rate_limit_error";
    case 503:
    case 529:
      return "service_unavailable_error";
    case 504:
      return "timeout_error";
    default:
      return report.status >= 500 ? "server_error" : "invalid_request_error";
  }
}

std::string_view error_code(const ErrorReport& report) {
  if (!report.code.empty()) return report.code;
  switch (report.failure) {
    case FailureClass::none:
      return {};
    case FailureClass::context_too_long:
      return "context_length_exceeded";
    case FailureClass::rate_limited:
      return "rate_limit_exceeded";
    case FailureClass::unpaid:
      return "insufficient_quota";
    case FailureClass::revoked:
      return "upstream_auth";
    default:
      return to_string(report.failure);
  }
}

std::string write_error(const ErrorReport& report) {
  WireText out;
  JsonWriter json(out);
  const auto text_or_null = [&json](std::string_view name, std::string_view text) {
    json.key(name);
    if (text.empty())
      json.null();
    else
      json.string(text);
  };
  json.begin_object().key("error").begin_object();
  json.field("message", report.message).field("type", error_type(report));
  text_or_null("param", report.param);
  text_or_null("code", error_code(report));
  json.end_object().end_object();
  return std::move(out.own());
}

}  // namespace holdfast::dialect::openai_responses

#include "dialect/openai/answer.h"

#include "dialect/json_scan.h"
#include "dialect/openai/counter.h"
#include "dialect/openai/media.h"

namespace holdfast::dialect::openai {
namespace {

enum Place : JsonTag {
  a_error = 1,
  a_choices,
  a_choice,
  a_data,
  a_usage,
  a_in,
  a_out,
  a_in_details,
  a_out_details,
  a_cached,
  a_reasoning,
  a_cache_written,
  a_audio_in,
  a_audio_out,
  a_delta,
  a_text,
  a_finish,
  a_deep_text,
  a_tools,
  a_object_part,
  a_message,
  a_wrapped,
  a_error_code,
  a_error_type,
  a_error_message,
};

// Hears the parts of answers and events that decide; other members pass unseen.
class AnswerVisitor final : public JsonVisitor {
 public:
  explicit AnswerVisitor(std::string_view text) : text_(text) {}

  JsonTag member(JsonTag parent, std::string_view key) override {
    switch (parent) {
      case root_tag:
        if (key == "choices") return a_choices;
        if (key == "usage") return a_usage;
        if (key == "error") return a_error;
        return key == "data" ? a_data : no_tag;
      case a_wrapped:
        return key == "error" ? a_error : no_tag;
      case a_choice:
        if (key == "delta") return a_delta;
        if (key == "finish_reason") return a_finish;
        return key == "text" ? a_text : no_tag;
      case a_delta:
        if (key == "content" || key == "reasoning_content" || key == "reasoning" ||
            key == "refusal")
          return content_tag(key);
        if (key == "tool_calls") return a_tools;
        return key == "audio" || key == "function_call" ? object_tag(key) : no_tag;
      case a_usage:
        if (key == "prompt_tokens") return a_in;
        if (key == "completion_tokens") return a_out;
        if (key == "prompt_tokens_details") return a_in_details;
        return key == "completion_tokens_details" ? a_out_details : no_tag;
      case a_in_details:
        if (key == "cache_write_tokens") return a_cache_written;
        if (key == "audio_tokens") return a_audio_in;
        return key == "cached_tokens" ? a_cached : no_tag;
      case a_out_details:
        if (key == "audio_tokens") return a_audio_out;
        return key == "reasoning_tokens" ? a_reasoning : no_tag;
      default:
        return no_tag;
    }
  }

  JsonTag element(JsonTag parent) override {
    if (parent == a_choices) {
      ++choices;
      return a_choice;
    }
    if (parent == root_tag) return a_wrapped;  // some proxies put an array around an error
    if (parent == a_tools || parent >= first_content_tag) content = true;
    return no_tag;
  }

  void value(JsonTag tag, JsonKind kind, std::size_t begin, std::size_t end) override {
    const bool empty = end - begin <= 2;
    switch (tag) {
      case root_tag:
        is_object = kind == JsonKind::object;
        break;
      case a_error:
        error = kind != JsonKind::null;
        error_object = kind == JsonKind::object;
        break;
      case a_choices:
        has_choices = kind == JsonKind::array;
        break;
      case a_data:
        has_data = kind == JsonKind::array;
        break;
      case a_usage:
        has_usage = kind == JsonKind::object;
        break;
      case a_in:
        read_counter(text_.substr(begin, end - begin), usage.tokens_in);
        break;
      case a_out:
        read_counter(text_.substr(begin, end - begin), usage.tokens_out);
        break;
      case a_cached:
        read_counter(text_.substr(begin, end - begin), usage.tokens_cached);
        break;
      case a_reasoning:
        read_counter(text_.substr(begin, end - begin), usage.tokens_reasoning);
        break;
      case a_cache_written:
        read_counter(text_.substr(begin, end - begin), usage.tokens_cache_written);
        break;
      case a_audio_in:
        read_counter(text_.substr(begin, end - begin), usage.tokens_audio_in);
        break;
      case a_audio_out:
        read_counter(text_.substr(begin, end - begin), usage.tokens_audio_out);
        break;
      case a_text:
        content = content || (kind == JsonKind::string && !empty);
        break;
      case a_finish:
        if (kind == JsonKind::string) finish = content = true;
        break;
      default:
        if (tag >= first_object_tag && tag < root_tag)
          content = content || (kind == JsonKind::object && !empty);
        else if (tag >= first_content_tag && tag < root_tag)
          content = content || (kind == JsonKind::string && !empty);
    }
  }

  bool is_object = false, has_choices = false, has_data = false, has_usage = false;
  bool error = false, error_object = false, content = false, finish = false;
  int choices = 0;
  Usage usage;

 private:
  // Each content field of a delta has a tag of its own, since two with one tag are duplicates.
  static constexpr JsonTag first_content_tag = 32;
  static constexpr JsonTag first_object_tag = 40;
  static JsonTag content_tag(std::string_view key) {
    if (key == "content") return first_content_tag;
    if (key == "reasoning_content") return first_content_tag + 1;
    return key == "reasoning" ? first_content_tag + 2 : first_content_tag + 3;
  }
  static JsonTag object_tag(std::string_view key) {
    return key == "audio" ? first_object_tag : first_object_tag + 1;
  }

  std::string_view text_;
};

constexpr JsonScanOptions lenient{.allow_lone_surrogates = true};

std::string_view trim(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

// The error object's words, wherever a provider puts them.
class ErrorVisitor final : public JsonVisitor {
 public:
  explicit ErrorVisitor(std::string_view text) : text_(text) {}
  JsonTag member(JsonTag parent, std::string_view key) override {
    if (parent == root_tag && key == "error") return a_error;
    if (parent != root_tag && parent != a_error) return no_tag;
    if (key == "code") return a_error_code;
    if (key == "type") return a_error_type;
    return key == "message" ? a_error_message : no_tag;
  }
  JsonTag element(JsonTag) override { return no_tag; }
  void value(JsonTag tag, JsonKind kind, std::size_t begin, std::size_t end) override {
    if (tag == a_error) has_error = kind == JsonKind::object;
    if (kind != JsonKind::string) return;
    const std::string text = unescape_json_string(text_.substr(begin, end - begin));
    if (tag == a_error_code) code = text;
    if (tag == a_error_type) type = text;
    if (tag == a_error_message || tag == a_error) message = text;
  }
  bool has_error = false;
  std::string code, type, message;

 private:
  std::string_view text_;
};

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

bool says_context_too_long(const ErrorVisitor& error) {
  return error.code == "context_length_exceeded" || error.type == "exceed_context_size_error" ||
         contains(error.message, "maximum context length") ||
         contains(error.message, "longer than the model's context length") ||
         contains(error.message, "exceeds the context window");
}

bool says_quota(const ErrorVisitor& error) {
  return error.type == "insufficient_quota" || error.code == "insufficient_quota" ||
         error.code == "credit_balance_exhausted" || error.code == "billing_hard_limit_reached";
}

}  // namespace

AnswerFacts scan_answer(Endpoint endpoint, std::string_view body) {
  if (is_media(endpoint)) return scan_media_answer(endpoint, body);
  AnswerVisitor visitor(body);
  const auto scanned = scan_json(body, visitor, lenient);
  if (!scanned)
    return {FailureClass::malformed_body, "the answer is not JSON: " + scanned.error().message, {}};
  if (visitor.error) return {FailureClass::error_in_body, "status 200 with an error object", {}};
  if (!visitor.is_object) return {FailureClass::malformed_body, "the answer is not an object", {}};
  if (endpoint == Endpoint::embeddings ? !visitor.has_data : !visitor.has_choices)
    return {
        FailureClass::malformed_body,
        endpoint == Endpoint::embeddings ? "the answer has no data" : "the answer has no choices",
        {}};
  if (endpoint != Endpoint::embeddings && visitor.choices == 0)
    return {FailureClass::malformed_body, "the answer has no choices", {}};
  return {FailureClass::none, {}, visitor.usage};
}

Sight scan_event(std::string_view data) {
  Sight sight;
  if (trim(data).starts_with("[DONE]")) {
    sight.done = true;
    return sight;
  }
  AnswerVisitor visitor(data);
  const auto scanned = scan_json(data, visitor, lenient);
  if (!scanned || !(visitor.is_object || visitor.error)) {
    sight.malformed = true;
    return sight;
  }
  sight.error = visitor.error;
  sight.error_object = visitor.error_object && visitor.is_object;
  sight.content = visitor.content && !visitor.error;
  sight.finish = visitor.finish;
  sight.usage = visitor.usage;
  sight.usage_only = visitor.has_choices && visitor.choices == 0 && visitor.has_usage;
  return sight;
}

ErrorFacts classify_error(int status, std::string_view body) {
  ErrorVisitor error(body);
  const bool readable = scan_json(body, error, lenient).has_value();
  ErrorFacts facts;
  facts.is_json_error = readable && error.has_error;
  facts.code = readable ? error.code : std::string();
  switch (status) {
    case 401:
    case 403:
      facts.failure = FailureClass::revoked;
      return facts;
    case 402:
      facts.failure = FailureClass::unpaid;
      return facts;
    case 404:
      facts.failure = FailureClass::model_gone;
      return facts;
    case 408:
      facts.failure = FailureClass::request_timeout;
      return facts;
    case 409:
      facts.failure = FailureClass::conflict;
      return facts;
    case 429:
      facts.failure =
          readable && says_quota(error) ? FailureClass::unpaid : FailureClass::rate_limited;
      return facts;
    case 503:
    case 529:
      facts.failure = FailureClass::overloaded;
      return facts;
    default:
      break;
  }
  if (status >= 500) {
    facts.failure = FailureClass::server_error;
  } else if (status >= 400) {
    facts.failure = FailureClass::bad_request;
    if (readable && says_context_too_long(error)) facts.failure = FailureClass::context_too_long;
    if (error.code == "content_filter" || error.code == "content_policy_violation")
      facts.failure = FailureClass::content_filter;
  } else {
    facts.failure = FailureClass::redirect;
  }
  return facts;
}

std::string error_body(std::string_view message, std::string_view type, std::string_view code,
                       std::string_view param) {
  std::string out = R"({"error":{"message":)" + quote_json_string(message) + R"(,"type":)" +
                    quote_json_string(type) + R"(,"param":)";
  out += param.empty() ? "null" : quote_json_string(param);
  out += R"(,"code":)";
  out += code.empty() ? "null" : quote_json_string(code);
  out += "}}";
  return out;
}

}  // namespace holdfast::dialect::openai

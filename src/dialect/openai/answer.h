// Reads what an upstream of OpenAI's dialect answers, without changing it: whole answers, the
// events of streams, and errors.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/failure.h"
#include "dialect/openai/request.h"

namespace holdfast::dialect::openai {

struct Usage {                   // -1: not told
  std::int64_t tokens_in = -1;   // cached ones included
  std::int64_t tokens_out = -1;  // reasoning included
  std::int64_t tokens_cached = -1;
  std::int64_t tokens_reasoning = -1;
  bool given() const { return tokens_in >= 0 || tokens_out >= 0; }
};

// What a whole answer with status 200 is worth.
struct AnswerFacts {
  FailureClass failure = FailureClass::none;  // none, malformed_body, error_in_body
  std::string detail;                         // why, for the operator
  Usage usage;
};
AnswerFacts scan_answer(Endpoint endpoint, std::string_view body);

// What one event of a stream is.
struct Sight {
  bool malformed = false;     // its data is neither JSON nor [DONE]
  bool content = false;       // text, reasoning, refusal, tool call, audio or a finish reason
  bool finish = false;        // has a finish reason
  bool error = false;         // an error
  bool error_object = false;  // the error is an object, as the dialect has it
  bool done = false;          // [DONE]
  bool usage_only = false;    // no choices, but usage
  Usage usage;
};
Sight scan_event(std::string_view data);

// What an error answer (status 400 and up) means.
struct ErrorFacts {
  FailureClass failure = FailureClass::server_error;
  bool is_json_error = false;  // the body is an error object that a client can be shown
  std::string code;            // of the error object; empty when there is none
};
ErrorFacts classify_error(int status, std::string_view body);

// {"error":{...}} as OpenAI writes it.
std::string error_body(std::string_view message, std::string_view type, std::string_view code,
                       std::string_view param = {});

}  // namespace holdfast::dialect::openai

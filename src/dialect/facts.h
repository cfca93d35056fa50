// What is found out about a request, an answer, an event or an error while its bytes pass through.
#pragma once
#include <cstdint>
#include <string>

#include "base/failure.h"
#include "dialect/canonical.h"

namespace holdfast::dialect {

// Why a request is refused, in the terms of the client's dialect.
struct RequestProblem {
  int status = 400;
  std::string message;
  std::string code;   // empty: none
  std::string param;  // the field; empty: none
};

// What a whole answer with status 200 is worth.
struct AnswerFacts {
  FailureClass failure = FailureClass::none;  // none, malformed_body, error_in_body
  std::string detail;                         // why, for the operator
  Usage usage;
};

// What one event of a stream is.
struct Sight {
  bool malformed = false;     // its data is not the dialect's
  bool content = false;       // text, reasoning, refusal, tool call, audio or a finish reason
  bool finish = false;        // has a finish reason
  bool error = false;         // an error
  bool error_object = false;  // the error is an object, as the dialect has it
  bool done = false;          // the stream's last event
  bool usage_only = false;    // no choices, but usage
  Usage usage;
};

// What an error answer (status 400 and up) means.
struct ErrorFacts {
  FailureClass failure = FailureClass::server_error;
  bool is_json_error =
      false;            // the body is an error object that a client of its dialect can be shown
  std::string code;     // of the error object; empty when there is none
  std::string message;  // of the error object, for clients of other dialects and operators
};

}  // namespace holdfast::dialect

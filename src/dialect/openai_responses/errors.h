// Errors, to clients and from upstreams.
#pragma once
#include <string>

#include "dialect/codec.h"

namespace holdfast::dialect::openai_responses {

std::string write_error(const ErrorReport& report);
ErrorFacts read_error(int status, std::string_view body);

// The type and code of an error that clients are told.
std::string_view error_type(const ErrorReport& report);
std::string_view error_code(const ErrorReport& report);

}  // namespace holdfast::dialect::openai_responses

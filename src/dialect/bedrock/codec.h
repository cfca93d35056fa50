// AWS Bedrock's Converse and ConverseStream: the codec, and what its provider and the server need
// besides.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "dialect/codec.h"

namespace holdfast::dialect::bedrock {

const dialect::Codec& codec();

// What a client's path says: "/model/{id}/converse" or "/model/{id}/converse-stream".
struct ConversePath {
  std::string model;  // decoded: a model id, an inference profile or an ARN
  bool stream = false;
};
// Nothing when `path` (as on the wire, without a query) is neither.
std::optional<ConversePath> read_path(std::string_view path);
// The same the other way; the model is percent-encoded (':' is %3A, '/' is %2F).
std::string path_of(std::string_view model, bool stream);

// Reads an error whose name stands in the answer's header x-amzn-ErrorType; empty: it does not.
ErrorFacts read_named_error(int status, std::string_view name, std::string_view body);

// The exception as which a failure is told, "ThrottlingException": the value of the answer's header
// x-amzn-ErrorType.
std::string_view exception_of(const ErrorReport& report);
// The status with which it is told.
int status_of(const ErrorReport& report);

}  // namespace holdfast::dialect::bedrock

// What an upstream answers: whole answers and their pieces. Lenient: what is not known is skipped.
#pragma once
#include <vector>

#include "dialect/codec.h"
#include "dialect/json_document.h"

namespace holdfast::dialect::openai_responses {

Result<Response> read_answer(std::string_view body);

Usage usage_of(JsonValue usage);
// Of a response object that has ended; `called`: a function call is in it.
FinishReason finish_of(JsonValue response, bool called);
// An array of log-probabilities in the shape of chat completions; empty: none.
std::string_view chat_logprobs(JsonValue array, Arena& arena);
// The texts of a reasoning item: its summary's, else its content's.
std::string_view thoughts_of(JsonValue item, Arena& arena);
// "message (code)" of an error object, for the operator.
std::string error_detail(JsonValue error);

}  // namespace holdfast::dialect::openai_responses

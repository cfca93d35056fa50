// The pieces of the codec, for its own files.
#pragma once
#include <memory>
#include <string_view>
#include <vector>

#include "dialect/codec.h"
#include "dialect/json_document.h"

namespace holdfast::dialect::cohere {

Result<WireRequest> write_request(const Request& request, std::string_view model,
                                  const Abilities& abilities, std::vector<Loss>& losses);
Result<Response> read_answer(std::string_view body);
std::unique_ptr<StreamReader> stream_reader();
ErrorFacts read_error(int status, std::string_view body);
// {"id":...,"message":...}
std::string write_error(const ErrorReport& report);

// Tokens as they are billed. Counts are written as fractions ("5.0").
Usage usage_of(JsonValue usage);
std::int64_t count_of(JsonValue value);  // -1: none
// `called`: the message has calls. Fault: ERROR and TIMEOUT.
FinishReason finish_of(std::string_view reason, bool called);
// Adds a citation for each source of `value`, one of `message.citations`. Places count in code
// points of the content that it is of; citations of a plan or a thought are left out.
void read_citation(JsonValue value, Arena& arena, std::vector<Citation>& out);
// One element of the logprobs of chat completions.
void append_logprob(std::string& out, JsonValue item, Arena& arena);

}  // namespace holdfast::dialect::cohere

// What the codec's files share: tables, counters, signatures. Not for others.
#pragma once
#include "dialect/anthropic/codec.h"
#include "dialect/json_writer.h"

namespace holdfast::dialect::anthropic {

inline constexpr JsonScanOptions lenient{.allow_lone_surrogates = true};

std::expected<Request, RequestProblem> read_request(std::string_view body, bool counting);
std::string write_answer(const Response& response, const AnswerContext& context);
Result<Response> read_answer(std::string_view body);
std::unique_ptr<StreamReader> make_stream_reader();
std::unique_ptr<StreamWriter> make_stream_writer(const AnswerContext& context);
std::string write_error(const ErrorReport& report);
ErrorFacts read_error(int status, std::string_view body);

// The error object in `root`: its own member, or that of the only element of an array around it.
JsonValue error_object(JsonValue root);

// stop_reason; an unknown one has ended the answer as well.
FinishReason finish_from(std::string_view stop_reason);
// `calls`: the answer has tool calls; `refused`: a refusal in words. Empty: null.
std::string_view stop_reason_of(FinishReason finish, bool calls, bool refused);

Usage read_usage(JsonValue usage);
// Members of a usage object. What is needed but not told is `fallback_*`.
void write_usage_fields(JsonWriter& json, const Usage& usage, std::int64_t fallback_in,
                        std::int64_t fallback_out);
// Members of `delta` or of a message: stop_reason, stop_sequence, and stop_details for refusals.
// `category`: raw JSON; empty: null.
void write_stop_fields(JsonWriter& json, std::string_view stop_reason,
                       std::string_view stop_sequence, std::string_view explanation,
                       std::string_view category);

// One citation, or all of a text block's.
Citation read_citation(JsonValue value, Arena& arena);
void read_citations(JsonValue array, Arena& arena, std::vector<Citation>& out);
// For a client; `citation` can be told to it (citation.h).
void write_citation(JsonWriter& json, const Citation& citation);
// The member `citations` of a text that goes to Anthropic, which takes back its own and places in
// what the request brings. False: not all of them were written.
bool write_citations_back(JsonWriter& json, const std::vector<Citation>& citations);

// The id of a message: the upstream's own, or one made from the request's.
std::string message_id(std::string_view upstream_id, const AnswerContext& context);
// A signature as the client gets it: wrapped unless it is this house's own.
std::string signature_for_client(const Signature& signature);

}  // namespace holdfast::dialect::anthropic

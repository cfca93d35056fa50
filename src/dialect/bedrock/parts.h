// What the codec's files share: tables, counters, blocks, signatures. Not for others.
#pragma once
#include <span>

#include "dialect/bedrock/codec.h"
#include "dialect/field_names.h"
#include "dialect/json_writer.h"
#include "dialect/request_fields.h"

namespace holdfast::dialect::bedrock {

inline constexpr JsonScanOptions lenient{.allow_lone_surrogates = true};
// Whose model it is when nothing else is known ...
inline constexpr std::string_view own_house = "anthropic";
// ... and whose signatures are: what one host has signed, another may refuse.
inline constexpr std::string_view own_signer = "bedrock";

std::expected<Request, RequestProblem> read_request(std::string_view body, std::string_view model,
                                                    bool stream);
Result<WireRequest> write_request(const Request& request, std::string_view model,
                                  const Abilities& abilities, std::vector<Loss>& losses);
std::string write_answer(const Response& response);
Result<Response> read_answer(std::string_view body);
std::unique_ptr<StreamReader> make_stream_reader();
std::unique_ptr<StreamWriter> make_stream_writer(const AnswerContext& context);
std::string write_error(const ErrorReport& report);
ErrorFacts read_error(int status, std::string_view body);
// The text of an error object, however it is spelled.
std::string_view error_message(JsonValue root, Arena& arena);

// "png" of an image is "image/png"; empty: no such format.
std::string_view media_type_of(BlockKind kind, std::string_view format);
std::string_view format_of(BlockKind kind, std::string_view media_type);

// stopReason; an unknown one has ended the answer as well. `explanation` tells a guardrail apart.
FinishReason finish_from(std::string_view stop_reason, std::string_view& explanation);
std::string_view stop_reason_of(FinishReason finish, std::string_view explanation, bool calls);

Usage read_usage(JsonValue usage);
void append_usage(std::string& out, const Usage& usage);  // a whole JSON object

// Appends the blocks of a content array to `out`. A cache point marks the block before it.
void read_content(Reading& reading, JsonValue array, const std::string& path,
                  std::vector<Block>& out);
// Marks the last of `marked` as the cache point `point` (the union member) says; false when there
// is none, or one that has a mark already, or the point says more than a time to live.
template <class T>
bool mark_last(std::vector<T>& marked, JsonValue point, Arena& arena) {
  const std::string_view ttl = point["ttl"].text(arena);
  const std::size_t known = (point["type"].exists() ? 1U : 0U) + (point["ttl"].exists() ? 1U : 0U);
  if (marked.empty() || !marked.back().cache_ttl.empty() || point.size() != known) return false;
  marked.back().cache_ttl = ttl.empty() ? "5m" : ttl;
  return true;
}

void write_text(JsonWriter& json, std::string_view text);
void write_tool_use(JsonWriter& json, std::string_view id, std::string_view name,
                    std::string_view input);
void write_reasoning(JsonWriter& json, std::string_view text, std::string_view signature);
void write_redacted(JsonWriter& json, std::string_view content);
// Images, audio, video, and documents under this name; their format is known.
void write_media(JsonWriter& json, const Block& block, std::string_view name);
// A text with its citations, which can be told to this dialect (citation.h).
void write_cited(JsonWriter& json, std::string_view text,
                 std::span<const Citation* const> citations);
void write_citation(JsonWriter& json, const Citation& citation);
Citation read_citation(JsonValue value, Arena& arena);

// A signature as a client gets it: wrapped unless it is this dialect's own.
std::string signature_for_client(const Signature& signature);
// The same as base64, for redacted content.
std::string redacted_for_client(const Signature& signature);
// Gemini signs any block, Converse thoughts only: behind such a block stands an empty thought whose
// envelope has this id.
inline constexpr std::string_view of_previous = "previous";
// Back: `text` is as the client sent it, and stands in its body or in the arena.
Signature signature_from_client(std::string_view text);
Signature redacted_from_client(std::string_view base64, Arena& arena);

}  // namespace holdfast::dialect::bedrock

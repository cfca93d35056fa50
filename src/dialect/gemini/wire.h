// What the readers and writers of this folder share: the words of the wire, and where they differ
// from the canonical form.
#pragma once
#include <string>
#include <string_view>

#include "dialect/canonical.h"
#include "dialect/json_document.h"
#include "dialect/json_writer.h"

namespace holdfast::dialect::gemini {

inline constexpr std::string_view house = "google";
// Stands where a call has no signature of Google's; Gemini 3 and later refuse calls without any.
inline constexpr std::string_view no_signature = "skip_thought_signature_validator";

// How a candidate ended. The canonical explanation keeps the wire's reason when the canonical one
// says less: "RECITATION: message".
struct Finish {
  FinishReason reason = FinishReason::none;
  std::string_view explanation;
};
Finish read_finish(std::string_view reason, std::string_view message, Arena& arena);
// Writes the members finishReason and finishMessage.
void write_finish(JsonWriter& json, const Finish& finish);

Usage read_usage(JsonValue metadata);
// Writes the member usageMetadata; nothing when nothing is known.
void write_usage(JsonWriter& json, const Usage& usage);

// OpenAI's word for Google's tier, and back; empty: no such tier.
std::string_view tier_from(std::string_view google);
std::string_view tier_name(std::string_view canonical);

// A thoughtSignature from a client: another house's comes out of its envelope, the sentinel is
// none. The field is base64 on the wire (SDKs decode it), so the envelope is written as base64.
Signature read_signature(std::string_view thought_signature, Arena& arena);
// The text of a thoughtSignature for a client.
std::string client_signature(const Signature& signature);

// What a file of `media_type` is; without a type its address tells, as far as it can.
BlockKind kind_of_media(std::string_view media_type, std::string_view address = {});
// The media type that the first bytes of base64 data tell; empty: unknown.
std::string_view sniffed_type(std::string_view base64);
// The media type that the ending of an address tells; empty: unknown.
std::string_view type_of_address(std::string_view address);
// Whether only Google can open it: a file of its API, or of its storage.
bool is_file_of_google(std::string_view address);

// logprobsResult to OpenAI's shape (raw JSON), and back as a member; nothing is written for what
// cannot be read.
std::string_view read_logprobs(JsonValue result, Arena& arena);
void write_logprobs(JsonWriter& json, std::string_view openai);

// Unix seconds of an RFC 3339 time; 0: none.
std::int64_t seconds_of(std::string_view time);
std::string time_of(std::int64_t seconds);

// One part of an answer, its members told apart in one pass.
struct AnswerPart {
  JsonValue text, call, inline_data, file_data, native;
  std::string_view native_name;
  std::string_view signature;
  bool thought = false;
};
AnswerPart read_answer_part(JsonValue part, Arena& arena);

}  // namespace holdfast::dialect::gemini

// What the readers and writers of chat completions share: the spelling of finish reasons, usage,
// data URLs and thoughts. Internal to this folder.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/json_document.h"
#include "dialect/json_writer.h"
#include "dialect/openai/deviations.h"
#include "dialect/request_fields.h"

namespace holdfast::dialect::openai {

// none for an empty name; stop for one that nobody knows.
FinishReason finish_from(std::string_view name);
// What a client of OpenAI's knows.
std::string_view finish_name(FinishReason reason);

// The gateway's own id of an answer; without a request id, the upstream's.
std::string answer_id(std::string_view request_id, std::string_view upstream);
// The id of a call that came without one.
std::string made_call_id(std::string_view request_id, std::int64_t choice, std::size_t call);

// The usage of an answer or of a chunk; nothing in it when `usage` is no object.
Usage read_usage(JsonValue usage, const Deviations& deviations);
void write_usage(JsonWriter& json, const Usage& usage);

struct DataUrl {
  std::string_view media_type, base64;
};
// Nothing when `url` is no data URL, or not in base64.
std::optional<DataUrl> read_data_url(std::string_view url);
// Writes "data:TYPE;base64,DATA" without a copy of the data, which outlives the text.
void write_data_url(JsonWriter& json, std::string_view media_type, std::string_view base64);

// Thoughts with their signatures: reasoning_details as OpenRouter has them, which several clients
// keep and send back. Foreign signatures are in their envelope towards clients.
struct Detail {
  BlockKind kind = BlockKind::thinking;
  std::string_view text;
  Signature signature;
};
// One entry; nothing when it is of an unknown type. Signatures that do not tell their house have
// `house`.
std::optional<Detail> read_detail(JsonValue entry, std::string_view house, Arena& arena);
void write_detail(JsonWriter& json, BlockKind kind, std::string_view text,
                  const Signature& signature, std::int64_t index, bool wrapped);
// A signature as a client is to keep it.
std::string kept_signature(const Signature& signature);
Signature signature_of_client(std::string_view text, std::string_view house);

// Adds the blocks of a content that is a string or an array of parts; `path` is its place. Parts
// that only this dialect knows become native ones.
void read_content(Fields& message, std::vector<Block>& out);
// The thoughts beside a content: reasoning_details, reasoning_content or reasoning.
void read_thoughts(JsonValue details, std::string_view text, std::string_view house, Arena& arena,
                   std::vector<Block>& out);
// Reads `messages` into the request.
void read_messages(Fields& root, Request& out);

}  // namespace holdfast::dialect::openai

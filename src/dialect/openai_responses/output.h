// The response object and the items of its output, piece by piece: for whole answers and streams.
// Texts come in escaped, since a stream escapes each of them once and says it three times.
#pragma once
#include <string>
#include <string_view>

#include "dialect/codec.h"
#include "dialect/openai_responses/codec.h"

namespace holdfast::dialect::openai_responses {

// What becomes of a block.
enum class ItemKind : std::uint8_t { message, function_call, reasoning, image, none };
ItemKind item_kind(BlockKind kind);

// Ids in this dialect's manner: "resp_", "msg_", "fc_", "rs_", "ig_" before the request's own.
std::string response_id(const AnswerContext& context, std::string_view upstream_id);
std::string item_id(ItemKind kind, const AnswerContext& context, std::size_t index);

// {"type":"output_text",...} or the refusal's part. `annotations`, `logprobs`: elements.
void append_part(std::string& out, BlockKind kind, std::string_view escaped,
                 std::string_view annotations, std::string_view logprobs);
// `status`: in_progress or completed or incomplete. `parts` are the elements of its content.
void append_message(std::string& out, std::string_view id, std::string_view status,
                    std::string_view parts);
void append_function_call(std::string& out, std::string_view id, std::string_view status,
                          std::string_view call_id, std::string_view name,
                          std::string_view escaped_arguments);
// `encrypted` as encrypted_of() has it.
void append_reasoning(std::string& out, std::string_view id, std::string_view escaped_summary,
                      std::string_view encrypted);
void append_image(std::string& out, std::string_view id, std::string_view status,
                  std::string_view base64);

// A signature as this dialect's clients carry it; empty: none.
std::string encrypted_of(BlockKind kind, const Signature& signature);
bool is_own_house(const Signature& signature);
// The elements of {"content":[...]}, the shape of log-probabilities in chat completions.
std::string logprobs_of(std::string_view chat_shape);

// How an answer ended.
struct Ending {
  std::string_view status = "in_progress";
  std::string_view incomplete_reason;  // empty: none
  std::string_view error_code, error_message;
};
Ending ending_of(FinishReason reason, std::string_view explanation);

struct ResponseHead {
  std::string id, model;
  std::int64_t created_s = 0, completed_s = 0;  // 0: not yet
  std::string service_tier;
  std::string echo;  // of the request: members, with a comma in front
};
ResponseHead head_of(const AnswerContext& context, const StateFields& state);
// `output`: the elements.
void append_response(std::string& out, const ResponseHead& head, const Ending& ending,
                     std::string_view output, const Usage& usage);

}  // namespace holdfast::dialect::openai_responses

// OpenAI's Responses: requests and answers made of items, streams of typed events. The types are
// those of the openai Python package (November 2026).
#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dialect/codec.h"
#include "dialect/json_document.h"

namespace holdfast::dialect::openai_responses {

const dialect::Codec& codec();

// What a request says about state that the one who answers keeps.
struct StateFields {
  std::string previous_response_id;  // empty: none
  std::string conversation;          // its id; empty: none
  std::optional<bool> store;         // not said: true
  bool background = false;
};
// `root` is a request's object; what is not of its type reads as not said.
StateFields read_state(JsonValue root);
// Takes the state field `name` out of `request`, for who has seen to it: left in, every other
// dialect refuses it as an extra.
void forget_state(Request& request, std::string_view name);

// Reads a request that goes on from `history`: arrays of items, oldest first (the stored input and
// output of the responses before), or a text. They stand between the instructions and the input;
// the request refers to their texts as well. Thoughts without their encrypted content are left out:
// only who keeps them could read them.
std::expected<Request, RequestProblem> read_request(std::string_view body,
                                                    std::span<const JsonValue> history);
// Items of input or of output, or a text, as messages; leading system messages among them.
std::expected<std::vector<Message>, RequestProblem> messages_of(JsonValue items, Arena& arena);

// The one choice's answer as a response object, as it is sent and stored. `state` is echoed.
std::string write_response(const Response& response, const AnswerContext& context,
                           const StateFields& state);

// Its whole() is the response object, once `end` or an error was written; empty before.
std::unique_ptr<StreamWriter> response_stream(const AnswerContext& context,
                                              const StateFields& state);

}  // namespace holdfast::dialect::openai_responses

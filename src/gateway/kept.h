// Responses that Holdfast keeps: a request goes on from them, a client asks for them again, a new
// one joins them.
#pragma once
#include <optional>
#include <string_view>

#include "gateway/request_state.h"

namespace holdfast::gateway {

// Whether the request may have to do with kept responses at all.
inline bool concerns_kept(const RequestState& state) {
  return state.parts.responses != nullptr && state.model != nullptr &&
         state.incoming.front.dialect == dialect::Dialect::openai_responses;
}

// Finds out what the request goes on from, and whether its answer is to be kept. A conversation
// that is known here becomes part of the canonical request; an id that is not stays in it as it is.
//   returns   a refusal: a part of the conversation is gone, or nothing can be read now
Task<std::optional<Refusal>> recall(RequestState& state);

// Keeps the answer, if it is to be: found by whoever asks, once this has returned.
//   response      the response object; empty: there is none, and nothing is kept
//   passed_from   the provider whose bytes it is; empty: it was translated
void keep_answer(RequestState& state, std::string_view response, std::string_view passed_from);

// Answers what is asked of one kept response: itself, its input, its end.
Task<std::optional<Refusal>> answer_kept(RequestState& state);

}  // namespace holdfast::gateway

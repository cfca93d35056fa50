// How the client's dialect spells what the canonical request holds, so that a loss is named in the
// words that the client itself wrote.
#pragma once
#include <string>
#include <string_view>

#include "dialect/canonical.h"

namespace holdfast::dialect {

// The parameter `name`, given as OpenAI's chat completions spell it ("stop", "top_k", "seed", "n",
// "logprobs", "max_tokens" ...); unchanged where the client's dialect has no other word.
std::string_view spelled(Dialect client, std::string_view name);
// "messages[3].content[0]"; Gemini: "contents[3].parts[0]"; Responses: "input[3].content[0]". The
// numbers are those of the canonical request.
std::string place_of(Dialect client, std::size_t message, std::size_t block);
std::string place_of(Dialect client, std::size_t message);
// The owner of the models behind a dialect, whose state its clients bring.
std::string_view house_of(Dialect dialect);

}  // namespace holdfast::dialect

// How a conversation is put to a base model, which has no chat template of its own: as plain lines
// "User: ..." and "Assistant:", after one example of a question and its answer.
#pragma once
#include <string_view>

namespace holdfast::engine {

// A Jinja template for llama-server's --chat-template-file. System and developer messages come
// first, as lines of their own ("System: ..."); of a content made of parts, the texts are joined.
std::string_view user_assistant_template();

// Tokens less likely than this share of the likeliest are never drawn (llama-server's --min-p;
// a request's own min_p takes precedence). A small base model at temperature 0.8 draws wrong
// capitals in one answer out of five without it.
inline constexpr std::string_view user_assistant_min_p = "0.3";

}  // namespace holdfast::engine

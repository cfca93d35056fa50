// How many tokens a request comes to, before anybody has counted them: for limits, for dialects
// that must tell a number first, and for count_tokens when the target cannot count.
#pragma once
#include "dialect/canonical.h"

namespace holdfast::dialect {

// The prompt's tokens, roughly: within a third for English prose and code, under for scripts that
// tokenizers know badly. Never below 1. Tokenizers are not consulted.
//   text        a token for each 4 bytes, each text rounded up (names, arguments, schemas too)
//   message     4 more: its role and its ends
//   tool        12 more; 300 more when there are any, for the instructions that come with them
//   image       1'500: what a large one comes to at the houses that tell (tiles of 768 pixels, or
//               width x height / 750, at most about 1'600)
//   document    text: as text; else 2'000 for each 60'000 bytes, which is a page; by URL or id: 5
//   pages audio       32 a second, at 16'000 bytes a second; video 263 a second, at 250'000
std::int64_t estimate_tokens(const Request& request);

// A text's, by the same rule.
std::int64_t estimate_text_tokens(std::string_view text);

// A request's that is not read: a token for each 4 bytes of its JSON, its quotes and names too; a
// string of more than 16 KiB that has no space near its beginning is data, and counts as an image.
// One pass over the quotes, for bodies above that size only.
std::int64_t estimate_body_tokens(std::string_view body);
// A form's that was read before: its texts by the same rule, and each file as an image, since
// nobody has looked into it.
std::int64_t estimate_form_tokens(std::string_view body, std::string_view boundary);

}  // namespace holdfast::dialect

// Where a server of this dialect puts the words of its errors. Internal to this folder.
#pragma once
#include <string_view>

#include "dialect/codec.h"
#include "dialect/json_document.h"

namespace holdfast::dialect::openai {

struct WireError {
  bool found = false;
  bool object = false;  // {"error": {...}}: as OpenAI's clients know it
  std::string_view message, type, code, param;
  bool policy = false;  // says that a content policy refused it
};

// The error that `root` is or holds: {"error": {...}}, {"error": "text"}, an array around one,
// {"detail": ...}, {"object": "error", ...} and flat ones; not found in an answer. Numbers as code
// are kept as text.
WireError read_wire_error(JsonValue root, Arena& arena);
// The error object itself; not found when it is neither object nor text.
WireError read_wire_error_object(JsonValue error, Arena& arena);

// A failure as a client is told of it.
std::string error_text(const ErrorReport& report);

}  // namespace holdfast::dialect::openai

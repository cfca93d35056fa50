// Tools, the choice among them and formats as this dialect writes them, in requests and where an
// answer repeats them.
#pragma once
#include <optional>

#include "dialect/canonical.h"
#include "dialect/json_writer.h"

namespace holdfast::dialect::openai_responses {

// One element of `tools`; `strict` in place of the tool's own.
void write_tool(JsonWriter& json, const Tool& tool, std::optional<bool> strict);
// The member `tool_choice`; nothing when it is not set.
void write_tool_choice(JsonWriter& json, const ToolChoice& choice);
// The members of `text.format`.
void write_format(JsonWriter& json, const Format& format);

}  // namespace holdfast::dialect::openai_responses

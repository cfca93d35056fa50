// The annotations of a message: addresses, each with the piece of `content` that it backs, counted
// in code points from its beginning. Chunks of a stream have them in their delta. Internal to this
// folder.
#pragma once
#include <string>

#include "dialect/canonical.h"
#include "dialect/json_document.h"

namespace holdfast::dialect::openai {

Citation read_annotation(JsonValue value, Arena& arena);

// An annotation in two steps, since streams know the piece later: what it says, and the whole with
// the piece. `citation` can be told to this dialect (citation.h).
std::string annotation_head(const Citation& citation);
void append_annotation(std::string& out, std::string_view head, std::int64_t from, std::int64_t to);

}  // namespace holdfast::dialect::openai

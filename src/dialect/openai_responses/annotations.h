// The annotations of an output text: addresses with the piece of the text that they back, in code
// points, and files of the house. Internal to this folder.
#pragma once
#include <string>

#include "dialect/canonical.h"
#include "dialect/json_document.h"

namespace holdfast::dialect::openai_responses {

Citation read_annotation(JsonValue value, Arena& arena);

// An annotation in two steps, since streams know the piece later: what it says, and the whole with
// the piece. `citation` can be told to this dialect (citation.h).
std::string annotation_head(const Citation& citation);
void append_annotation(std::string& out, std::string_view head, std::int64_t from, std::int64_t to);

// The elements of the array for a block's text; those that this dialect cannot say are left out.
std::string annotations_of(const Block& block);

}  // namespace holdfast::dialect::openai_responses

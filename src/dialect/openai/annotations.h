// The annotations of a message: addresses, each with the piece of `content` that it backs, counted
// in code points from its beginning. Chunks of a stream have them in their delta. Internal to this
// folder.
#pragma once
#include <string>
#include <vector>

#include "dialect/canonical.h"
#include "dialect/json_document.h"

namespace holdfast::dialect::openai {

Citation read_annotation(JsonValue value, Arena& arena);

// Servers that search by themselves list their sources beside the choices, of the whole text:
// `citations` are addresses (Perplexity, xAI), `search_results` have titles too (Perplexity). Those
// of `search_results`, if there are any.
void read_sources(JsonValue citations, JsonValue search_results, Arena& arena,
                  std::vector<Citation>& out);
// Mistral cites by parts of the content that stand behind the text that they back: `reference`
// names what a tool's result has under an id, `tool_reference` says what it is. Others add nothing,
// nor do any once `out` has most_citations.
void read_reference(JsonValue part, Arena& arena, std::vector<Citation>& out);

// An annotation in two steps, since streams know the piece later: what it says, and the whole with
// the piece. `citation` can be told to this dialect (citation.h).
std::string annotation_head(const Citation& citation);
void append_annotation(std::string& out, std::string_view head, std::int64_t from, std::int64_t to);

}  // namespace holdfast::dialect::openai

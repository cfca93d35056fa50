#include <string>

#include "dialect/citation.h"
#include "dialect/cohere/chat.h"

namespace holdfast::dialect::cohere {
namespace {

// A source's members are what the application gave it or what its tool answered: these are usual.
std::string_view first_of(JsonValue source, std::initializer_list<std::string_view> names,
                          Arena& arena) {
  for (const std::string_view name : names)
    if (const std::string_view text = source[name].text(arena); !text.empty()) return text;
  return {};
}

}  // namespace

void read_citation(JsonValue value, Arena& arena, std::vector<Citation>& out) {
  const JsonValue type = value["type"];
  if (type.is_string() && !type.text_is("TEXT_CONTENT")) return;
  const std::int64_t from = value["start"].integer().value_or(-1);
  const std::int64_t to = value["end"].integer().value_or(-1);
  for (const JsonValue source : value["sources"].elements()) {
    const bool tool = source["type"].text_is("tool");
    const JsonValue said = source[tool ? "tool_output" : "document"];
    Citation& citation = out.emplace_back();
    citation.dialect = Dialect::cohere;
    citation.source = Citation::Source::document;
    set_piece(citation, from, to);
    citation.url = first_of(said, {"url", "link"}, arena);
    citation.title = first_of(said, {"title"}, arena);
    if (citation.title.empty()) citation.title = source["id"].text(arena);
    citation.cited_text = first_of(said, {"snippet", "text", "data", "content"}, arena);
  }
}

}  // namespace holdfast::dialect::cohere

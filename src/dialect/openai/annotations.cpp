#include "dialect/openai/annotations.h"

#include "dialect/citation.h"

namespace holdfast::dialect::openai {

Citation read_annotation(JsonValue value, Arena& arena) {
  Citation out;
  out.dialect = Dialect::openai;
  out.raw = value.raw();
  const JsonValue said = value["url_citation"];
  if (!value["type"].text_is("url_citation") || !said.is_object()) {
    out.source = Citation::Source::native;
    return out;
  }
  out.url = said["url"].text(arena);
  out.title = said["title"].text(arena);
  read_piece(said, out);
  return out;
}

void read_sources(JsonValue citations, JsonValue search_results, Arena& arena,
                  std::vector<Citation>& out) {
  const std::size_t before = out.size();
  for (const JsonValue each : search_results.elements()) {
    Citation found;
    found.url = each["url"].text(arena);
    found.title = each["title"].text(arena);
    if (is_link(found.url) && out.size() < most_citations) out.push_back(found);
  }
  if (out.size() > before) return;
  for (const JsonValue each : citations.elements()) {
    Citation found;
    found.url = each.text(arena);
    if (is_link(found.url) && out.size() < most_citations) out.push_back(found);
  }
}

void read_reference(JsonValue part, Arena& arena, std::vector<Citation>& out) {
  const JsonValue type = part["type"];
  if (out.size() >= most_citations) return;
  if (type.text_is("tool_reference")) {
    Citation& found = out.emplace_back();
    found.url = part["url"].text(arena);
    found.title = part["title"].text(arena);
    found.cited_text = part["description"].text(arena);
    if (!is_link(found.url)) found.source = Citation::Source::document;
  }
  if (!type.text_is("reference")) return;
  for (const JsonValue id : part["reference_ids"].elements()) {
    if (out.size() >= most_citations) return;
    Citation& found = out.emplace_back();
    found.source = Citation::Source::document;
    found.title = id.is_string() ? id.text(arena) : id.raw();
  }
}

std::string annotation_head(const Citation& citation) {
  if (citation.source == Citation::Source::native) return as_it_came(citation, Dialect::openai);
  std::string out = R"({"type":"url_citation","url_citation":{)";
  append_address(out, citation);
  return out;
}

void append_annotation(std::string& out, std::string_view head, std::int64_t from,
                       std::int64_t to) {
  append_with_piece(out, head, from, to, "}}");
}

}  // namespace holdfast::dialect::openai

#include "dialect/openai/annotations.h"

#include "dialect/citation.h"
#include "dialect/json_writer.h"

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

std::string annotation_head(const Citation& citation) {
  if (citation.source == Citation::Source::native) return as_it_came(citation, Dialect::openai);
  std::string out = R"({"type":"url_citation","url_citation":{"url":)";
  append_json_string(out, citation.url);
  out.append(R"(,"title":)");
  append_json_string(out, citation.title);
  return out;
}

void append_annotation(std::string& out, std::string_view head, std::int64_t from,
                       std::int64_t to) {
  append_with_piece(out, head, from, to, "}}");
}

}  // namespace holdfast::dialect::openai

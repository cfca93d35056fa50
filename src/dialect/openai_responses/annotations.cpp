#include "dialect/openai_responses/annotations.h"

#include <algorithm>

#include "dialect/citation.h"

namespace holdfast::dialect::openai_responses {

constexpr Dialect own = Dialect::openai_responses;

Citation read_annotation(JsonValue value, Arena& arena) {
  Citation out;
  out.dialect = own;
  out.raw = value.raw();
  const JsonValue type = value["type"];
  if (type.text_is("url_citation")) {
    out.url = value["url"].text(arena);
    out.title = value["title"].text(arena);
  } else if (type.text_is("file_citation") || type.text_is("container_file_citation")) {
    out.source = Citation::Source::file;
    out.title = value["filename"].text(arena);
    out.file_id = value["file_id"].text(arena);
  } else {
    out.source = Citation::Source::native;
  }
  read_piece(value, out);
  return out;
}

std::string annotation_head(const Citation& citation) {
  if (std::string raw = as_it_came(citation, own); !raw.empty()) return raw;
  std::string out = R"({"type":"url_citation",)";
  append_address(out, citation);
  return out;
}

void append_annotation(std::string& out, std::string_view head, std::int64_t from,
                       std::int64_t to) {
  append_with_piece(out, head, from, to, "}");
}

std::string annotations_of(const Block& block) {
  std::string out;
  if (block.citations.empty()) return out;
  const std::int64_t size = count_points(block.text);
  for (const Citation& each : block.citations) {
    if (!can_tell(own, each)) continue;
    if (!out.empty()) out.push_back(',');
    append_annotation(out, annotation_head(each), std::max<std::int64_t>(each.from, 0),
                      each.from < 0 ? size : each.to);
  }
  return out;
}

}  // namespace holdfast::dialect::openai_responses

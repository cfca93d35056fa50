// The citations of a text block: a place in a document or in a search result of the request, or an
// address that the provider's own search found. They are of the whole block.
#include <utility>

#include "dialect/anthropic/parts.h"
#include "dialect/citation.h"

namespace holdfast::dialect::anthropic {
namespace {

using Source = Citation::Source;
using Unit = Citation::Unit;

struct Place {
  std::string_view type;
  Source source;
  Unit unit;
  std::string_view number, first, last;  // the members
};
constexpr Place places[] = {
    {"char_location", Source::document, Unit::characters, "document_index", "start_char_index",
     "end_char_index"},
    {"page_location", Source::document, Unit::pages, "document_index", "start_page_number",
     "end_page_number"},
    {"content_block_location", Source::document, Unit::blocks, "document_index",
     "start_block_index", "end_block_index"},
    {"search_result_location", Source::search_result, Unit::blocks, "search_result_index",
     "start_block_index", "end_block_index"},
};
constexpr std::string_view found_in_web = "web_search_result_location";

void write_title(JsonWriter& json, std::string_view name, std::string_view title) {
  json.key(name);
  if (title.empty())
    json.null();
  else
    json.string(title);
}

// Its own state, or what needs none.
bool takes_back(const Citation& citation) {
  if (citation.dialect == Dialect::anthropic) return !citation.raw.empty();
  return is_placed(citation);
}

}  // namespace

Citation read_citation(JsonValue value, Arena& arena) {
  Citation out;
  out.dialect = Dialect::anthropic;
  out.raw = value.raw();
  out.source = Source::native;
  out.cited_text = value["cited_text"].text(arena);
  const JsonValue type = value["type"];
  if (type.text_is(found_in_web)) {
    out.source = Source::url;
    out.url = value["url"].text(arena);
    out.title = value["title"].text(arena);
    if (unwrap_signature(value["encrypted_index"].text(arena))) out.raw = {};
    return out;
  }
  for (const Place& place : places) {
    if (!type.text_is(place.type)) continue;
    const bool document = place.source == Source::document;
    out.source = place.source;
    out.unit = place.unit;
    out.title = value[document ? "document_title" : "title"].text(arena);
    out.url = value["source"].text(arena);
    out.file_id = value["file_id"].text(arena);
    out.number = value[place.number].integer().value_or(-1);
    out.first = value[place.first].integer().value_or(-1);
    out.last = value[place.last].integer().value_or(-1);
  }
  return out;
}

void read_citations(JsonValue array, Arena& arena, std::vector<Citation>& out) {
  for (const JsonValue each : array.elements()) out.push_back(read_citation(each, arena));
}

void write_citation(JsonWriter& json, const Citation& citation) {
  if (const std::string own = as_it_came(citation, Dialect::anthropic); !own.empty()) {
    json.raw(own);
    return;
  }
  json.begin_object();
  for (const Place& place : places) {
    if (!is_placed(citation) || place.source != citation.source || place.unit != citation.unit)
      continue;
    const bool document = place.source == Source::document;
    json.field("type", place.type).field("cited_text", citation.cited_text);
    if (!document) json.field("source", citation.url);
    json.field(place.number, citation.number);
    write_title(json, document ? "document_title" : "title", citation.title);
    json.field(place.first, citation.first).field(place.last, citation.last).end_object();
    return;
  }
  json.field("type", found_in_web).field("cited_text", citation.cited_text);
  json.field("url", citation.url);
  write_title(json, "title", citation.title);
  // Stands where Anthropic's own state would be, and tells it apart when it comes back.
  const std::string mark = wrap_signature({});
  json.field("encrypted_index", std::string_view(mark)).end_object();
}

bool write_citations_back(JsonWriter& json, const std::vector<Citation>& citations) {
  bool open = false, all = true;
  for (const Citation& each : citations) {
    if (!takes_back(each)) {
      all = false;
      continue;
    }
    if (!std::exchange(open, true)) json.key("citations").begin_array();
    write_citation(json, each);
  }
  if (open) json.end_array();
  return all;
}

}  // namespace holdfast::dialect::anthropic

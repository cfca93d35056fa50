// Citations of a citationsContent block, and of the deltas of a text: a place in a document or a
// search result of the request, or an address. They are of the whole block.
#include <utility>

#include "dialect/bedrock/parts.h"
#include "dialect/citation.h"

namespace holdfast::dialect::bedrock {
namespace {

using Source = Citation::Source;
using Unit = Citation::Unit;

struct Place {
  std::string_view name;
  Source source;
  Unit unit;
  std::string_view number;  // the member
};
constexpr Place places[] = {
    {"documentChar", Source::document, Unit::characters, "documentIndex"},
    {"documentPage", Source::document, Unit::pages, "documentIndex"},
    {"documentChunk", Source::document, Unit::blocks, "documentIndex"},
    {"searchResultLocation", Source::search_result, Unit::blocks, "searchResultIndex"},
};

// "example.com" of "https://example.com/a".
std::string_view domain_of(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  url.remove_prefix(scheme + 3);
  return url.substr(0, url.find_first_of("/?#"));
}

void write_location(JsonWriter& json, const Citation& citation) {
  for (const Place& place : places) {
    if (!is_placed(citation) || place.source != citation.source || place.unit != citation.unit)
      continue;
    json.key("location").begin_object().key(place.name).begin_object();
    json.field(place.number, citation.number).field("start", citation.first);
    json.field("end", citation.last).end_object().end_object();
    return;
  }
  if (!is_link(citation.url)) return;
  json.key("location").begin_object().key("web").begin_object();
  json.field("url", citation.url).field("domain", domain_of(citation.url));
  json.end_object().end_object();
}

}  // namespace

Citation read_citation(JsonValue value, Arena& arena) {
  Citation out;
  out.dialect = Dialect::bedrock;
  out.raw = value.raw();
  out.source = Source::document;
  out.title = value["title"].text(arena);
  out.url = value["source"].text(arena);
  std::string cited;
  for (const JsonValue each : value["sourceContent"].elements())
    cited.append(each["text"].text(arena));
  if (!cited.empty()) out.cited_text = arena.keep(std::move(cited));
  const JsonValue location = value["location"];
  if (const JsonValue web = location["web"]; web.is_object()) {
    out.source = Source::url;
    out.url = web["url"].text(arena);
  }
  for (const Place& place : places) {
    const JsonValue found = location[place.name];
    if (!found.is_object()) continue;
    out.source = place.source;
    out.unit = place.unit;
    out.number = found[place.number].integer().value_or(-1);
    out.first = found["start"].integer().value_or(-1);
    out.last = found["end"].integer().value_or(-1);
  }
  return out;
}

void write_citation(JsonWriter& json, const Citation& citation) {
  if (const std::string own = as_it_came(citation, Dialect::bedrock); !own.empty()) {
    json.raw(own);
    return;
  }
  json.begin_object().text_field("title", citation.title);
  if (citation.source != Source::url) json.text_field("source", citation.url);
  if (!citation.cited_text.empty()) {
    json.key("sourceContent").begin_array();
    write_text(json, citation.cited_text);
    json.end_array();
  }
  write_location(json, citation);
  json.end_object();
}

void write_cited(JsonWriter& json, std::string_view text,
                 std::span<const Citation* const> citations) {
  json.begin_object().key("citationsContent").begin_object();
  json.key("content").begin_array();
  write_text(json, text);
  json.end_array().key("citations").begin_array();
  for (const Citation* each : citations) write_citation(json, *each);
  json.end_array().end_object().end_object();
}

}  // namespace holdfast::dialect::bedrock

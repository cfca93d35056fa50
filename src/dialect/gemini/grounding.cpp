#include "dialect/gemini/grounding.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "dialect/json_writer.h"

namespace holdfast::dialect::gemini {
namespace {

using Source = Citation::Source;
// Sources are looked for among those before them; more are told again.
constexpr std::size_t most_compared = 256;
// Texts of an answer in which a piece is looked for.
constexpr std::size_t most_texts = 64;
constexpr std::int64_t most_pages = 1'000'000'000;

Citation read_chunk(JsonValue chunk, Arena& arena) {
  Citation out;
  out.dialect = Dialect::gemini;
  out.raw = chunk.raw();
  out.source = Source::native;
  if (const JsonValue context = chunk["retrievedContext"]; context.is_object()) {
    out.source = Source::document;
    out.url = context["uri"].text(arena);
    out.title = context["title"].text(arena);
    out.cited_text = context["text"].text(arena);
    if (const auto page = context["pageNumber"].integer();
        page && *page > 0 && *page < most_pages) {
      out.unit = Citation::Unit::pages;
      out.first = *page;
      out.last = *page + 1;
    }
    return out;
  }
  for (const std::string_view name : {"web", "maps"}) {
    const JsonValue found = chunk[name];
    if (!found.is_object()) continue;
    out.source = Source::url;
    out.url = found["uri"].text(arena);
    out.title = found["title"].text(arena);
  }
  return out;
}

// An index of zero is left out on the wire.
void read_range(JsonValue range, Grounded& out) {
  const auto to = range["endIndex"].integer();
  const std::int64_t from = range["startIndex"].integer().value_or(0);
  if (!to || from < 0 || *to < from) return;
  out.from = from;
  out.to = *to;
}

// A text of the answer, measured when it is first asked about.
class Measured {
 public:
  explicit Measured(Block& block) : block_(block) {}
  // Sets the piece of `out` to that of `found`; false: it is none of this text.
  bool place(const Grounded& found, Citation& out) {
    const std::string_view text = block_.text;
    const auto from = static_cast<std::size_t>(found.from);
    const auto to = static_cast<std::size_t>(found.to);
    if (found.from < 0 || to > text.size()) return false;
    if (!found.text.empty() && text.substr(from, to - from) != found.text) return false;
    if (!std::exchange(measured_, true)) measure_.add(text);
    out.from = measure_.points_before(found.from);
    out.to = measure_.points_before(found.to);
    return out.from >= 0 && out.to >= 0;
  }
  Block& block() { return block_; }

 private:
  Block& block_;
  TextMeasure measure_;
  bool measured_ = false;
};

}  // namespace

std::vector<Grounded> read_grounding(JsonValue grounding, JsonValue citations, Arena& arena) {
  std::vector<Grounded> out;
  std::vector<JsonValue> chunks;
  for (const JsonValue each : grounding["groundingChunks"].elements()) chunks.push_back(each);
  for (const JsonValue support : grounding["groundingSupports"].elements()) {
    const JsonValue segment = support["segment"];
    for (const JsonValue index : support["groundingChunkIndices"].elements()) {
      const std::int64_t at = index.integer().value_or(-1);
      if (at < 0 || at >= static_cast<std::int64_t>(chunks.size())) continue;
      if (out.size() == most_citations) return out;
      Grounded& found = out.emplace_back();
      found.citation = read_chunk(chunks[static_cast<std::size_t>(at)], arena);
      found.part = segment["partIndex"].integer().value_or(0);
      found.text = segment["text"].text(arena);
      read_range(segment, found);
    }
  }
  for (const std::string_view name : {"citations", "citationSources"})
    for (const JsonValue each : citations[name].elements()) {
      if (out.size() == most_citations) return out;
      Grounded& found = out.emplace_back();
      found.citation.dialect = Dialect::gemini;
      found.citation.url = each["uri"].text(arena);
      found.citation.title = each["title"].text(arena);
      read_range(each, found);
    }
  return out;
}

void attach_grounding(const std::vector<Grounded>& found, const std::vector<int>& of_part,
                      std::vector<Block>& blocks) {
  if (found.empty()) return;
  std::vector<Measured> texts;
  for (Block& block : blocks)
    if (block.kind == BlockKind::text && texts.size() < most_texts) texts.emplace_back(block);
  if (texts.empty()) return;
  for (const Grounded& each : found) {
    Citation citation = each.citation;
    // The part that it names; numbers that skip thoughts are found by the piece's text.
    const bool known = each.part >= 0 && each.part < static_cast<std::int64_t>(of_part.size());
    const int at = known ? of_part[static_cast<std::size_t>(each.part)] : -1;
    const auto named = std::ranges::find_if(texts, [&](Measured& text) {
      return at >= 0 && &text.block() == &blocks[static_cast<std::size_t>(at)];
    });
    auto fits = named;
    if (fits == texts.end() || !fits->place(each, citation))
      fits =
          std::ranges::find_if(texts, [&](Measured& text) { return text.place(each, citation); });
    if (fits == texts.end()) {
      citation.from = citation.to = -1;
      fits = named == texts.end() ? texts.begin() : named;
    }
    fits->block().citations.push_back(citation);
  }
}

std::size_t Grounding::source(const Citation& citation) {
  WireText chunk;
  JsonWriter json(chunk);
  if (const std::string own = as_it_came(citation, Dialect::gemini); !own.empty()) {
    json.raw(own);
  } else {
    const bool web = citation.source == Source::url;
    json.begin_object().key(web ? "web" : "retrievedContext").begin_object();
    json.text_field("uri", citation.url).text_field("title", citation.title);
    if (!web) json.text_field("text", citation.cited_text);
    if (citation.unit == Citation::Unit::pages) json.field("pageNumber", citation.first);
    json.end_object().end_object();
  }
  const auto end =
      sources_.begin() + static_cast<std::ptrdiff_t>(std::min(sources_.size(), most_compared));
  const auto known = std::find(sources_.begin(), end, chunk.own());
  if (known != end) return static_cast<std::size_t>(known - sources_.begin());
  size_ += chunk.size();
  sources_.push_back(std::move(chunk.own()));
  return sources_.size() - 1;
}

void Grounding::support(std::size_t source, std::int64_t part, std::int64_t from, std::int64_t to,
                        std::string_view text) {
  const std::size_t before = supports_.size();
  if (!supports_.empty()) supports_.push_back(',');
  std::vector<std::string> members;
  if (part > 0) members.push_back(fmt::format(R"("partIndex":{})", part));
  if (to >= 0) members.push_back(fmt::format(R"("startIndex":{},"endIndex":{})", from, to));
  if (!text.empty()) {
    append_json_string(members.emplace_back(R"("text":)"), text);
  }
  supports_ += fmt::format(R"({{"segment":{{{}}},"groundingChunkIndices":[{}]}})",
                           fmt::join(members, ","), source);
  size_ += supports_.size() - before;
}

std::string Grounding::text() const {
  return fmt::format(R"({{"groundingChunks":[{}],"groundingSupports":[{}]}})",
                     fmt::join(sources_, ","), supports_);
}

}  // namespace holdfast::dialect::gemini

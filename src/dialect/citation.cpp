#include "dialect/citation.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <iterator>

#include "base/limits.h"
#include "dialect/json_writer.h"

namespace holdfast::dialect {
namespace {

constexpr std::size_t most_cut = 512;
constexpr std::int64_t most_points = std::int64_t{1} << 40U;

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }

}  // namespace

std::int64_t count_points(std::string_view text) {
  return std::ranges::count_if(text, begins_character);
}

std::size_t byte_of_point(std::string_view text, std::int64_t point) {
  for (std::size_t i = 0; i < text.size(); ++i)
    if (begins_character(text[i]) && point-- <= 0) return i;
  return text.size();
}

void TextMeasure::add(std::string_view text) {
  points_ += count_points(text);
  if (plain_ < 0) {
    const auto other = std::ranges::find_if(
        text, [](char c) { return (static_cast<unsigned char>(c) >> 7U) != 0; });
    const auto before = static_cast<std::size_t>(other - text.begin());
    bytes_ += static_cast<std::int64_t>(before);
    if (other == text.end()) return;
    plain_ = bytes_;
    text.remove_prefix(before);
  }
  for (const char c : text) {
    const auto at = static_cast<std::uint64_t>(bytes_++ - plain_);
    if (at >= limits::response_buffer_bytes) continue;
    if (at % 64 == 0) begins_.push_back(0);
    if (begins_character(c)) begins_.back() |= std::uint64_t{1} << (at % 64);
  }
}

bool TextMeasure::begins(std::int64_t byte) const {
  const auto at = static_cast<std::uint64_t>(byte - plain_);
  return (begins_[at / 64] >> (at % 64) & 1U) != 0;
}

std::int64_t TextMeasure::points_before(std::int64_t byte) const {
  if (byte < 0 || byte > bytes_) return -1;
  if (plain_ < 0 || byte <= plain_) return byte;
  const auto at = static_cast<std::uint64_t>(byte - plain_);
  if (at >= limits::response_buffer_bytes || (byte < bytes_ && !begins(byte))) return -1;
  std::int64_t points = plain_;
  for (std::uint64_t word = 0; word < at / 64; ++word) points += std::popcount(begins_[word]);
  const std::uint64_t rest = at % 64;
  if (rest > 0) points += std::popcount(begins_[at / 64] & ((std::uint64_t{1} << rest) - 1));
  return points;
}

std::int64_t TextMeasure::byte_of(std::int64_t point) const {
  if (point < 0 || point > points_) return -1;
  if (point == points_) return bytes_;
  if (plain_ < 0 || point < plain_) return point;
  std::int64_t left = point - plain_;
  for (std::size_t word = 0; word < begins_.size(); ++word) {
    const int here = std::popcount(begins_[word]);
    if (left >= here) {
      left -= here;
      continue;
    }
    std::uint64_t bits = begins_[word];
    for (; left > 0; --left) bits &= bits - 1;
    return plain_ + static_cast<std::int64_t>(word * 64) + std::countr_zero(bits);
  }
  return -1;
}

void set_piece(Citation& out, std::int64_t from, std::int64_t to) {
  if (from < 0 || to < from || to > most_points) return;
  out.from = from;
  out.to = to;
}

void read_piece(JsonValue annotation, Citation& out) {
  set_piece(out, annotation["start_index"].integer().value_or(-1),
            annotation["end_index"].integer().value_or(-1));
}

void append_with_piece(std::string& out, std::string_view head, std::int64_t from, std::int64_t to,
                       std::string_view end) {
  out.append(head);
  if (head.ends_with('}')) return;
  fmt::format_to(std::back_inserter(out), R"(,"start_index":{},"end_index":{}{})", from, to, end);
}

void append_address(std::string& out, const Citation& citation) {
  out.append(R"("url":)");
  append_json_string(out, citation.url);
  out.append(R"(,"title":)");
  append_json_string(out, citation.title);
}

std::string as_it_came(const Citation& citation, Dialect dialect) {
  if (citation.dialect != dialect) return {};
  std::string out(citation.raw);
  if (out.find("\\u") != std::string::npos && !JsonDocument().parse(out)) return {};
  std::ranges::replace_if(out, [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return out;
}

bool is_link(std::string_view url) {
  return url.starts_with("https://") || url.starts_with("http://");
}

bool is_placed(const Citation& citation) {
  if (citation.number < 0 || citation.first < 0 || citation.last < 0) return false;
  if (citation.source == Citation::Source::document) return citation.unit != Citation::Unit::none;
  return citation.source == Citation::Source::search_result &&
         citation.unit == Citation::Unit::blocks;
}

bool can_tell(Dialect dialect, const Citation& citation) {
  using Source = Citation::Source;
  if (!as_it_came(citation, dialect).empty()) return true;
  if (citation.source == Source::file || citation.source == Source::native) return false;
  switch (dialect) {
    case Dialect::openai:
    case Dialect::openai_responses:
      return is_link(citation.url);
    case Dialect::anthropic:
      return is_link(citation.url) || is_placed(citation);
    case Dialect::gemini:
    case Dialect::bedrock:
      return !citation.url.empty() || !citation.title.empty() || !citation.cited_text.empty() ||
             (dialect == Dialect::bedrock && is_placed(citation));
    case Dialect::cohere:
      return false;
  }
  return false;
}

std::size_t untold_citations(const Response& response, Dialect dialect) {
  std::size_t untold = 0;
  for (const Choice& choice : response.choices)
    for (const Block& block : choice.content)
      for (const Citation& citation : block.citations)
        untold += can_tell(dialect, citation) ? 0U : 1U;
  return untold;
}

std::string_view citations_member(Dialect dialect) {
  switch (dialect) {
    case Dialect::openai:
    case Dialect::openai_responses:
      return "annotations";
    case Dialect::gemini:
      return "groundingMetadata";
    case Dialect::anthropic:
    case Dialect::bedrock:
    case Dialect::cohere:
      return "citations";
  }
  return {};
}

void attach(Citation citation, std::vector<Block>& blocks) {
  Block* last = nullptr;
  std::int64_t begin = 0, size = 0;  // of `last`
  for (Block& block : blocks) {
    if (block.kind != BlockKind::text) continue;
    if (last != nullptr) {
      size = count_points(last->text);
      if (citation.from < begin + size) break;
      begin += size;
    }
    last = &block;
  }
  if (last == nullptr || last->citations.size() >= most_citations) return;
  if (begin > 0 && citation.from >= 0) {
    citation.from -= begin;
    citation.to -= begin;
  }
  last->citations.push_back(citation);
}

std::vector<CitedPiece> cited_pieces(const Block& block, Dialect dialect) {
  std::vector<const Citation*> told;
  for (const Citation& citation : block.citations)
    if (can_tell(dialect, citation)) told.push_back(&citation);
  std::vector<std::int64_t> cuts;
  if (told.size() <= most_cut)
    for (const Citation* each : told)
      if (each->from >= 0 && each->to > each->from) cuts.insert(cuts.end(), {each->from, each->to});
  if (cuts.empty()) return {{block.text, std::move(told)}};
  std::ranges::sort(cuts);
  cuts.push_back(std::max(cuts.back(), count_points(block.text)));
  std::vector<CitedPiece> out;
  std::string_view rest = block.text;
  std::int64_t begin = 0;
  for (const std::int64_t end : cuts) {
    const std::string_view text = rest.substr(0, byte_of_point(rest, end - begin));
    rest.remove_prefix(text.size());
    if (!text.empty()) {
      CitedPiece& piece = out.emplace_back();
      piece.text = text;
      for (const Citation* each : told)
        if (each->from < 0 || (each->from <= begin && end <= each->to) || each->to <= each->from)
          piece.citations.push_back(each);
    }
    begin = end;
  }
  return out;
}

}  // namespace holdfast::dialect

// What the readers and writers of citations share. Every dialect has its own shape of them; the
// places in a text are code points in the canonical form, in OpenAI's dialects and in Cohere's, and
// bytes of UTF-8 in Gemini's.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/canonical.h"
#include "dialect/json_document.h"

namespace holdfast::dialect {

// Of one text; where places have to be found in it, those behind are left out.
inline constexpr std::size_t most_citations = 4096;

// The code points of UTF-8 text.
std::int64_t count_points(std::string_view text);
// Where code point `point` begins, in bytes; the text's size when it has no more than that.
std::size_t byte_of_point(std::string_view text, std::int64_t point);

// Where the code points of a text begin, of which only this is kept: a bit for each byte behind the
// first one that is not ASCII. Beyond limits::response_buffer_bytes nothing is known.
class TextMeasure {
 public:
  void add(std::string_view text);
  std::int64_t points() const { return points_; }
  std::int64_t bytes() const { return bytes_; }
  // The code points before byte `byte`; -1: not known, or within a character.
  std::int64_t points_before(std::int64_t byte) const;
  // The byte at which code point `point` begins, or the text ends; -1: not known.
  std::int64_t byte_of(std::int64_t point) const;

 private:
  bool begins(std::int64_t byte) const;
  std::int64_t bytes_ = 0, points_ = 0;
  std::int64_t plain_ = -1;  // bytes before the first one that is not ASCII; -1: there was none
  std::vector<std::uint64_t> begins_;  // from there on: a character begins here
};

// Sets the piece; nothing when `from` to `to` is none, or beyond what any text has.
void set_piece(Citation& out, std::int64_t from, std::int64_t to);
// The members start_index and end_index of OpenAI's dialects: the piece, where it is one.
void read_piece(JsonValue annotation, Citation& out);
// Appends `head`, an object that lacks its end, with those members and `end`; one that is whole, as
// it came, stays so.
void append_with_piece(std::string& out, std::string_view head, std::int64_t from, std::int64_t to,
                       std::string_view end);

// The members url and title of an address, as OpenAI's dialects have them.
void append_address(std::string& out, const Citation& citation);

// As it came in `dialect`, without line breaks, which events of a stream cannot have; empty: it has
// to be written anew. Nor does half of a surrogate pair go on, which strict readers refuse.
std::string as_it_came(const Citation& citation, Dialect dialect);

// Whether an address can be followed.
bool is_link(std::string_view url);

// Whether it is of a certain place in a document or a search result that the request brought.
bool is_placed(const Citation& citation);

// What a document says beside its content and title, which only Anthropic and Bedrock know: calls
// lose(member, harmless) for each.
template <class Lose>
void lose_asked_of(const Block& document, Lose lose) {
  if (document.citable) lose("citations", !*document.citable);
  if (!document.context.empty()) lose("context", false);
}

// Whether a client of `dialect` can be told so. Its own come back as they were.
bool can_tell(Dialect dialect, const Citation& citation);
// How many of an answer's citations a client of `dialect` is not told.
std::size_t untold_citations(const Response& response, Dialect dialect);
// The member that has them in this dialect, for notices: "annotations".
std::string_view citations_member(Dialect dialect);

// Hangs `citation`, whose piece counts in all texts of `blocks` one behind the other, on the block
// in which the piece begins. Nothing is done without a text.
void attach(Citation citation, std::vector<Block>& blocks);

// A block's text cut so that every citation is of whole pieces, as far as can be told to `dialect`.
// More than 512 of them are not worth a cut: then all of them are of the whole text.
struct CitedPiece {
  std::string_view text;
  std::vector<const Citation*> citations;
};
std::vector<CitedPiece> cited_pieces(const Block& block, Dialect dialect);

}  // namespace holdfast::dialect

// groundingMetadata and citationMetadata of a candidate: sources, and the pieces of its text that
// each of them backs, counted in bytes of UTF-8 (generativelanguage and aiplatform, `Segment`).
// Internal to this folder.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "dialect/canonical.h"
#include "dialect/citation.h"
#include "dialect/json_document.h"

namespace holdfast::dialect::gemini {

// At most most_citations of them. A source with the piece that it backs: bytes of the text of the
// part `part`.
struct Grounded {
  Citation citation;                // without its piece
  std::int64_t part = 0;            // its index in the content
  std::int64_t from = -1, to = -1;  // -1: all of it
  std::string_view text;            // of the piece, where it is told
};
std::vector<Grounded> read_grounding(JsonValue grounding, JsonValue citations, Arena& arena);

// Hangs them on the texts of a whole answer. `of_part` has the block of each part; -1: none.
void attach_grounding(const std::vector<Grounded>& found, const std::vector<int>& of_part,
                      std::vector<Block>& blocks);

// The member groundingMetadata for a client, collected source by source.
class Grounding {
 public:
  // The number of a source, the same for the same one. `citation` can be told to this dialect
  // (citation.h).
  std::size_t source(const Citation& citation);
  // It backs the bytes `from` to `to` of the part `part`; -1: all of it. `text`: of the piece.
  void support(std::size_t source, std::int64_t part, std::int64_t from, std::int64_t to,
               std::string_view text);
  std::size_t size() const { return size_; }  // bytes that it holds
  bool empty() const { return supports_.empty(); }
  std::string text() const;  // the object

 private:
  std::vector<std::string> sources_;
  std::string supports_;
  std::size_t size_ = 0;
};

}  // namespace holdfast::dialect::gemini

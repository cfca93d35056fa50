// One validating pass over JSON text (RFC 8259): grammar, UTF-8, depth and node budget are checked,
// and a visitor hears where the values stand that it asked for. Nothing is copied or built, so that
// a body can be passed on byte for byte. Pure; any thread.
#pragma once
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "base/limits.h"

namespace holdfast::dialect {

enum class JsonKind : std::uint8_t { null, boolean, number, string, array, object };
std::string_view to_string(JsonKind kind);

struct JsonError {
  std::size_t offset;   // of the byte at which the text stops being acceptable
  std::string message;  // what is wrong there
};

// Names a value's place in the document to the visitor; 0 is a place that it does not care about.
using JsonTag = std::uint8_t;
inline constexpr JsonTag no_tag = 0;

struct JsonVisitor {
  virtual ~JsonVisitor() = default;
  // The place of the member `key` (unescaped) of the object at `parent`. Called only for parents
  // with a tag. Two members of one object with one tag are refused as duplicates. Tags of the
  // members of one object are 1..63, or no_tag.
  virtual JsonTag member(JsonTag parent, std::string_view key) = 0;
  // The place of the elements of the array at `parent`.
  virtual JsonTag element(JsonTag parent) = 0;
  // A value at a place with a tag begins (containers) ...
  virtual void begin(JsonTag, JsonKind, std::size_t /*offset*/) {}
  // ... and ends: [begin, end) are its bytes. For scalars this is the only call.
  virtual void value(JsonTag tag, JsonKind kind, std::size_t begin, std::size_t end) = 0;
};

struct JsonScanOptions {
  std::size_t max_depth = limits::json_depth;
  std::size_t max_nodes = limits::json_nodes;
  bool allow_lone_surrogates = false;  // "\ud83d" without its partner: refused from clients
};

inline constexpr JsonTag root_tag = 63;  // the document's own value

// Checks `text` and tells `visitor` of it. Members of the root are asked for with parent root_tag.
std::expected<void, JsonError> scan_json(std::string_view text, JsonVisitor& visitor,
                                         const JsonScanOptions& options = {});

// The text of a string value as it stands in a scanned document, quotes included, unescaped.
std::string unescape_json_string(std::string_view quoted);
// `text` with U+FFFD in place of every byte that is of no UTF-8 sequence: what paths name, and what
// was cut somewhere.
std::string valid_utf8(std::string_view text);
// `text` as a JSON string, quotes included.
std::string quote_json_string(std::string_view text);

}  // namespace holdfast::dialect

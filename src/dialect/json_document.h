// A JSON text that has been checked, with the places of all its values: read in any order, without
// copies, and with every value's own spelling (numbers are never read as doubles and written
// again).
#pragma once
#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>
#include <vector>

#include "dialect/canonical.h"
#include "dialect/json_scan.h"

namespace holdfast::dialect {

class JsonValue;

class JsonDocument {
 public:
  // Checks `text` (grammar, UTF-8, depth, nodes) and indexes it. The text outlives the document;
  // the index's memory is used again by the next parse.
  std::expected<void, JsonError> parse(std::string_view text, const JsonScanOptions& options = {});
  JsonValue root() const;

 private:
  friend class JsonValue;
  struct Node {
    std::uint32_t begin = 0, end = 0;  // its bytes, quotes and brackets included
    std::uint32_t next = 0;            // the node behind it and all that is in it
    JsonKind kind = JsonKind::null;
    bool escaped = false;  // strings: has escapes
  };
  void index();
  std::string_view text_;
  std::vector<Node> nodes_;  // of an object: key, value, key, value ...
  std::vector<std::uint32_t> open_;
};

// One value of a document, which outlives it. A value that is not there is `missing`: every
// question to it is answered with no, nothing or another missing one, so that paths read in one
// line.
class JsonValue {
 public:
  JsonValue() = default;
  bool exists() const { return document_ != nullptr; }
  explicit operator bool() const { return exists(); }
  JsonKind kind() const { return exists() ? node().kind : JsonKind::null; }
  bool is_null() const { return exists() && kind() == JsonKind::null; }
  bool is_string() const { return kind() == JsonKind::string; }
  bool is_number() const { return kind() == JsonKind::number; }
  bool is_object() const { return kind() == JsonKind::object; }
  bool is_array() const { return kind() == JsonKind::array; }
  bool is_boolean() const { return kind() == JsonKind::boolean; }
  // Its bytes as they stand.
  std::string_view raw() const;
  // The text of a string; empty for anything else. Escapes are resolved into `arena` (a lone
  // surrogate becomes U+FFFD); without them it is a view of the document.
  std::string_view text(Arena& arena) const;
  bool text_is(std::string_view expected) const;
  std::optional<bool> boolean() const;
  std::optional<std::int64_t> integer() const;  // nothing for fractions and beyond 64 bits
  std::optional<Number> number() const;

  // The member `key` of an object: the last one, should there be several.
  JsonValue operator[](std::string_view key) const;
  std::size_t size() const;  // members or elements

  struct Member;
  class Members;
  class Elements;
  Members members() const;    // of an object, else none
  Elements elements() const;  // of an array, else none

 private:
  friend class JsonDocument;
  JsonValue(const JsonDocument* document, std::uint32_t at) : document_(document), at_(at) {}
  const JsonDocument::Node& node() const { return document_->nodes_[at_]; }
  const JsonDocument* document_ = nullptr;
  std::uint32_t at_ = 0;
};

struct JsonValue::Member {
  JsonValue key, value;
};

class JsonValue::Elements {
 public:
  struct Iterator {
    const JsonDocument* document;
    std::uint32_t at;
    JsonValue operator*() const { return {document, at}; }
    Iterator& operator++() {
      at = document->nodes_[at].next;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return at != other.at; }
  };
  Iterator begin() const { return {document_, from_}; }
  Iterator end() const { return {document_, to_}; }

 private:
  friend class JsonValue;
  const JsonDocument* document_ = nullptr;
  std::uint32_t from_ = 0, to_ = 0;
};

class JsonValue::Members {
 public:
  struct Iterator {
    const JsonDocument* document;
    std::uint32_t at;
    Member operator*() const { return {{document, at}, {document, at + 1}}; }
    Iterator& operator++() {
      at = document->nodes_[at + 1].next;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return at != other.at; }
  };
  Iterator begin() const { return {document_, from_}; }
  Iterator end() const { return {document_, to_}; }

 private:
  friend class JsonValue;
  const JsonDocument* document_ = nullptr;
  std::uint32_t from_ = 0, to_ = 0;
};

inline JsonValue JsonDocument::root() const {
  return nodes_.empty() ? JsonValue() : JsonValue(this, 0);
}

}  // namespace holdfast::dialect

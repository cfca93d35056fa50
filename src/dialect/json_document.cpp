#include "dialect/json_document.h"

#include <charconv>
#include <cstring>
#include <limits>

namespace holdfast::dialect {
namespace {

// The place behind the closing quote of the string that opens at `at`.
std::size_t end_of_string(std::string_view text, std::size_t at, bool& escaped) {
  std::size_t from = at + 1;
  while (true) {
    const char* quote =
        static_cast<const char*>(std::memchr(text.data() + from, '"', text.size() - from));
    const auto close = static_cast<std::size_t>(quote - text.data());
    std::size_t backslashes = 0;
    while (text[close - 1 - backslashes] == '\\') ++backslashes;
    if (backslashes % 2 == 0) {
      escaped = escaped || std::memchr(text.data() + at, '\\', close - at) != nullptr;
      return close + 1;
    }
    escaped = true;
    from = close + 1;
  }
}

JsonKind kind_of(char first) {
  switch (first) {
    case '"':
      return JsonKind::string;
    case '{':
      return JsonKind::object;
    case '[':
      return JsonKind::array;
    case 't':
    case 'f':
      return JsonKind::boolean;
    case 'n':
      return JsonKind::null;
    default:
      return JsonKind::number;
  }
}

bool ends_scalar(char c) {
  return c == ',' || c == '}' || c == ']' || c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

struct NoVisitor final : JsonVisitor {
  JsonTag member(JsonTag /*parent*/, std::string_view /*key*/) override { return no_tag; }
  JsonTag element(JsonTag /*parent*/) override { return no_tag; }
  void value(JsonTag /*tag*/, JsonKind /*kind*/, std::size_t /*begin*/,
             std::size_t /*end*/) override {}
};

}  // namespace

std::expected<void, JsonError> JsonDocument::parse(std::string_view text,
                                                   const JsonScanOptions& options) {
  nodes_.clear();
  if (text.size() > std::numeric_limits<std::uint32_t>::max())
    return std::unexpected(JsonError{0, "the text is longer than 4 GiB"});
  NoVisitor visitor;
  auto checked = scan_json(text, visitor, options);
  if (!checked) return checked;
  text_ = text;
  index();
  return {};
}

// The text has been checked: nothing is looked at but what tells where values begin and end.
void JsonDocument::index() {
  open_.clear();
  std::size_t at = 0;
  while (at < text_.size()) {
    const char c = text_[at];
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',' || c == ':') {
      ++at;
      continue;
    }
    if (c == '}' || c == ']') {
      Node& closed = nodes_[open_.back()];
      open_.pop_back();
      closed.end = static_cast<std::uint32_t>(++at);
      closed.next = static_cast<std::uint32_t>(nodes_.size());
      continue;
    }
    Node node;
    node.begin = static_cast<std::uint32_t>(at);
    node.kind = kind_of(c);
    if (c == '{' || c == '[') {
      open_.push_back(static_cast<std::uint32_t>(nodes_.size()));
      ++at;
    } else if (c == '"') {
      at = end_of_string(text_, at, node.escaped);
    } else {
      while (at < text_.size() && !ends_scalar(text_[at])) ++at;
    }
    node.end = static_cast<std::uint32_t>(at);
    node.next = static_cast<std::uint32_t>(nodes_.size() + 1);
    nodes_.push_back(node);
  }
}

std::string_view JsonValue::raw() const {
  if (!exists()) return {};
  return document_->text_.substr(node().begin, node().end - node().begin);
}

std::string_view JsonValue::text(Arena& arena) const {
  if (!is_string()) return {};
  const std::string_view quoted = raw();
  if (!node().escaped) return quoted.substr(1, quoted.size() - 2);
  return arena.keep(unescape_json_string(quoted));
}

bool JsonValue::text_is(std::string_view expected) const {
  if (!is_string()) return false;
  const std::string_view quoted = raw();
  if (!node().escaped) return quoted.substr(1, quoted.size() - 2) == expected;
  return unescape_json_string(quoted) == expected;
}

std::optional<bool> JsonValue::boolean() const {
  if (!is_boolean()) return std::nullopt;
  return raw() == "true";
}

std::optional<std::int64_t> JsonValue::integer() const {
  if (!is_number()) return std::nullopt;
  const std::string_view digits = raw();
  std::int64_t value = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (problem != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

std::optional<Number> JsonValue::number() const {
  if (!is_number()) return std::nullopt;
  Number out{raw(), 0};
  std::from_chars(out.spelled.data(), out.spelled.data() + out.spelled.size(), out.value);
  return out;
}

JsonValue JsonValue::operator[](std::string_view key) const {
  JsonValue found;
  for (const Member& member : members())
    if (member.key.text_is(key)) found = member.value;
  return found;
}

std::size_t JsonValue::size() const {
  std::size_t count = 0;
  if (is_array())
    for (auto each = elements().begin(); each != elements().end(); ++each) ++count;
  if (is_object())
    for (auto each = members().begin(); each != members().end(); ++each) ++count;
  return count;
}

JsonValue::Members JsonValue::members() const {
  Members out;
  if (!is_object()) return out;
  out.document_ = document_;
  out.from_ = at_ + 1;
  out.to_ = node().next;
  return out;
}

JsonValue::Elements JsonValue::elements() const {
  Elements out;
  if (!is_array()) return out;
  out.document_ = document_;
  out.from_ = at_ + 1;
  out.to_ = node().next;
  return out;
}

}  // namespace holdfast::dialect

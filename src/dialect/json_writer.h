// Writes JSON text piece by piece: commas and quotes are its business, order and names the
// caller's.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dialect/canonical.h"
#include "dialect/wire_text.h"

namespace holdfast::dialect {

// Appends `text` as a JSON string, quotes included. Bytes that are not UTF-8 pass as they are.
void append_json_string(std::string& out, std::string_view text);
// The same without the quotes.
void append_json_escaped(std::string& out, std::string_view text);
// Whether `text` stands in a JSON string as it is.
bool needs_no_escape(std::string_view text);

class JsonWriter {
 public:
  explicit JsonWriter(WireText& out) : out_(out) {}
  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  JsonWriter& key(std::string_view name);
  JsonWriter& string(std::string_view text);
  // `prefix` and `text` as one string. For base64 and the like: what needs no escape is referred
  // to, not copied, and outlives the text.
  JsonWriter& plain_string(std::string_view prefix, std::string_view text);
  JsonWriter& raw(std::string_view json);
  JsonWriter& number(std::int64_t value);
  JsonWriter& number(const Number& value) { return raw(value.spelled); }
  JsonWriter& boolean(bool value) { return raw(value ? "true" : "false"); }
  JsonWriter& null() { return raw("null"); }

  // Members: key and value in one.
  JsonWriter& field(std::string_view name, std::string_view text) { return key(name).string(text); }
  JsonWriter& field(std::string_view name, const char* text) { return key(name).string(text); }
  JsonWriter& field(std::string_view name, std::int64_t value) { return key(name).number(value); }
  JsonWriter& field(std::string_view name, bool value) { return key(name).boolean(value); }
  JsonWriter& field(std::string_view name, const Number& value) { return key(name).number(value); }
  JsonWriter& raw_field(std::string_view name, std::string_view json) {
    return key(name).raw(json);
  }
  // Nothing is written for what is not there.
  template <class T>
  JsonWriter& optional_field(std::string_view name, const std::optional<T>& value) {
    return value ? field(name, *value) : *this;
  }
  JsonWriter& text_field(std::string_view name, std::string_view text) {
    return text.empty() ? *this : field(name, text);
  }

 private:
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  void separate();

  WireText& out_;
  bool comma_ = false;  // a value stands before the next one
};

}  // namespace holdfast::dialect

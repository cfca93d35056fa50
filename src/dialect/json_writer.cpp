#include "dialect/json_writer.h"

#include <fmt/format.h>

#include <array>

namespace holdfast::dialect {
namespace {

// What follows the backslash: a letter, 'u' for \u00xx, or 0 for bytes that stand as they are.
constexpr std::array<char, 256> escapes = [] {
  std::array<char, 256> out{};
  for (std::size_t c = 0; c < 0x20; ++c) out[c] = 'u';
  out['\b'] = 'b';
  out['\f'] = 'f';
  out['\n'] = 'n';
  out['\r'] = 'r';
  out['\t'] = 't';
  out['"'] = '"';
  out['\\'] = '\\';
  return out;
}();

}  // namespace

void append_json_escaped(std::string& out, std::string_view text) {
  std::size_t from = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const char escape = escapes[byte];
    if (escape == 0) continue;
    out.append(text.substr(from, i - from));
    from = i + 1;
    out.push_back('\\');
    out.push_back(escape);
    if (escape == 'u') {
      constexpr std::string_view digits = "0123456789abcdef";
      out.append("00");
      out.push_back(digits[byte >> 4U]);
      out.push_back(digits[byte & 15U]);
    }
  }
  out.append(text.substr(from));
}

void append_json_string(std::string& out, std::string_view text) {
  out.push_back('"');
  append_json_escaped(out, text);
  out.push_back('"');
}

bool needs_no_escape(std::string_view text) {
  bool plain = true;  // without a jump out, so that the loop becomes vector code
  for (const char c : text)
    plain = plain && static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\';
  return plain;
}

void JsonWriter::separate() {
  if (comma_) out_.append(',');
  comma_ = true;
}

JsonWriter& JsonWriter::open(char bracket) {
  separate();
  out_.append(bracket);
  comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
  out_.append(bracket);
  comma_ = true;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  separate();
  out_.append('"');
  append_json_escaped(out_.own(), name);
  out_.append("\":");
  comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::string(std::string_view text) {
  separate();
  append_json_string(out_.own(), text);
  return *this;
}

JsonWriter& JsonWriter::plain_string(std::string_view prefix, std::string_view text) {
  separate();
  out_.append('"');
  append_json_escaped(out_.own(), prefix);
  if (needs_no_escape(text))
    out_.refer(text);
  else
    append_json_escaped(out_.own(), text);
  out_.append('"');
  return *this;
}

JsonWriter& JsonWriter::raw(std::string_view json) {
  separate();
  out_.append(json);
  return *this;
}

JsonWriter& JsonWriter::number(std::int64_t value) {
  separate();
  const fmt::format_int digits(value);
  out_.append(std::string_view(digits.data(), digits.size()));
  return *this;
}

}  // namespace holdfast::dialect

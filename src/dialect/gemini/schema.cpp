// Google's schemas as JSON schemas: types in capitals become small, `nullable` becomes a type,
// counts lose their quotes, and what is only Google's (propertyOrdering, example) goes.
#include "dialect/gemini/members.h"
#include "dialect/gemini/request_reader.h"
#include "dialect/json_writer.h"

namespace holdfast::dialect::gemini {
namespace {

using std::string_view;

bool is(JsonValue key, string_view name) {
  return key.text_is(name) || key.text_is(snake_case(name));
}

class Converter {
 public:
  void schema(JsonValue value) {
    if (!value.is_object()) return append(value.raw());
    const bool nullable = value["nullable"].boolean().value_or(false);
    append("{");
    bool first = true;
    for (const auto& [key, member] : value.members()) {
      if (is(key, "propertyOrdering") || is(key, "nullable") || is(key, "example") ||
          (is(key, "format") && member.text_is("enum")) ||
          (is(key, "type") && member.text_is("TYPE_UNSPECIFIED")))
        continue;
      if (!first) append(",");
      first = false;
      this->member(key, member, nullable);
    }
    append("}");
  }
  std::string take() { return std::move(out_); }

 private:
  void append(string_view text) { out_.append(text); }

  void member(JsonValue key, JsonValue value, bool nullable) {
    if (is(key, "type")) return type(value, nullable);
    if (is(key, "properties")) return map(R"("properties":)", value);
    if (is(key, "defs")) return map(R"("$defs":)", value);
    if (is(key, "anyOf")) return list(value, nullable);
    if (is(key, "enum") && nullable && value.is_array() && value.size() > 0) {
      append(R"("enum":)");
      append(value.raw().substr(0, value.raw().size() - 1));
      return append(",null]");
    }
    if (is(key, "items") || is(key, "additionalProperties")) {
      append(is(key, "items") ? R"("items":)" : R"("additionalProperties":)");
      return schema(value);
    }
    if (is(key, "ref")) {
      append(R"("$ref":)");
      return append(value.raw());
    }
    for (const string_view name :
         {"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"})
      if (is(key, name)) return count(name, value);
    append(key.raw());
    append(":");
    append(value.raw());
  }

  void type(JsonValue value, bool nullable) {
    append(R"("type":)");
    std::string name(value.raw());
    for (char& c : name)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    const bool add_null = nullable && value.is_string() && name != R"("null")";
    if (add_null) append("[");
    append(name);
    if (add_null) append(R"(,"null"])");
  }

  // 64-bit integers are strings in protobuf's JSON.
  void count(string_view name, JsonValue value) {
    string_view digits = value.raw();
    if (value.is_string() && digits.size() > 2 &&
        digits.find_first_not_of("0123456789", 1) == digits.size() - 1)
      digits = digits.substr(1, digits.size() - 2);
    append_json_string(out_, name);
    append(":");
    append(digits);
  }

  void map(string_view name, JsonValue value) {
    append(name);
    if (!value.is_object()) return append(value.raw());
    append("{");
    bool first = true;
    for (const auto& [key, each] : value.members()) {
      if (!first) append(",");
      first = false;
      append(key.raw());
      append(":");
      schema(each);
    }
    append("}");
  }

  void list(JsonValue value, bool nullable) {
    append(R"("anyOf":[)");
    bool first = true;
    for (const JsonValue each : value.elements()) {
      if (!first) append(",");
      first = false;
      schema(each);
    }
    if (nullable) append(first ? R"({"type":"null"})" : R"(,{"type":"null"})");
    append("]");
  }

  std::string out_;
};

}  // namespace

std::string json_schema_of(JsonValue schema) {
  Converter converter;
  converter.schema(schema);
  return converter.take();
}

}  // namespace holdfast::dialect::gemini

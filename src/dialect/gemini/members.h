// The members of one of Google's objects in a client's request: each is taken in camelCase or in
// snake_case, since its SDKs send either; both at once are refused. Snake_case is looked for only
// in objects that have some, which few do.
#pragma once
#include <string>
#include <type_traits>
#include <utility>

#include "dialect/request_fields.h"

namespace holdfast::dialect::gemini {

// "topP" is "top_p".
std::string snake_case(std::string_view camel_case);

class Members {
 public:
  Members(Reading& reading, JsonValue object, std::string path)
      : fields_(reading, object, std::move(path)), snake_(has_snake_case(object)) {}

  JsonValue take(std::string_view name) {
    return either(name, [this](std::string_view each) { return fields_.take(each); });
  }
  JsonValue object(std::string_view name) {
    return either(name, [this](std::string_view each) { return fields_.object(each); });
  }
  JsonValue array(std::string_view name) {
    return either(name, [this](std::string_view each) { return fields_.array(each); });
  }
  std::string_view text(std::string_view name) {
    return either(name, [this](std::string_view each) { return fields_.text(each); });
  }
  std::string_view needed_text(std::string_view name) {
    const std::string_view found = text(name);
    if (found.empty()) reading().refuse(at(name), "is needed", "missing_required_parameter");
    return found;
  }
  std::optional<bool> boolean(std::string_view name) {
    return either(name, [this](std::string_view each) { return fields_.boolean(each); });
  }
  std::optional<std::int64_t> integer(std::string_view name, std::int64_t least,
                                      std::int64_t most) {
    return either(name,
                  [=, this](std::string_view each) { return fields_.integer(each, least, most); });
  }
  std::optional<Number> number(std::string_view name, double least, double most) {
    return either(name,
                  [=, this](std::string_view each) { return fields_.number(each, least, most); });
  }
  template <class Take>
  void rest(Take take_one) {
    fields_.rest(take_one);
  }
  std::string at(std::string_view name) const { return fields_.at(name); }
  std::string at(std::string_view name, std::size_t index) const { return fields_.at(name, index); }
  Reading& reading() { return fields_.reading(); }

 private:
  // One that is escaped may be.
  static bool has_snake_case(JsonValue object) {
    for (const JsonValue::Member& member : object.members())
      if (member.key.raw().find_first_of("_\\") != std::string_view::npos) return true;
    return false;
  }
  static bool given(const JsonValue& value) { return value.exists(); }
  static bool given(std::string_view value) { return !value.empty(); }
  template <class T>
  static bool given(const std::optional<T>& value) {
    return value.has_value();
  }

  template <class Read>
  std::invoke_result_t<Read, std::string_view> either(std::string_view name, Read read) {
    auto found = read(name);
    if (!snake_) return found;
    const std::string other_name = snake_case(name);
    if (other_name == name) return found;
    auto other = read(other_name);
    if (!given(other)) return found;
    if (given(found)) reading().refuse(at(name), "is given twice", "duplicate_field");
    return other;
  }

  Fields fields_;
  bool snake_;
};

}  // namespace holdfast::dialect::gemini

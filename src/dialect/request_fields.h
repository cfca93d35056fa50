// Reads the objects of a client's request member by member: types and ranges are checked, members
// given twice are refused, and what nobody asked for is still there at the end, to be kept as an
// Extra. The first problem is kept and names the field; after it everything reads as absent.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/facts.h"
#include "dialect/json_document.h"

namespace holdfast::dialect {

// One request being read.
struct Reading {
  Arena& arena;
  std::optional<RequestProblem> problem;
  // Notes the first problem.
  void refuse(std::string_view field, std::string_view what, std::string_view code = {});
};

// One object of it.
class Fields {
 public:
  // `path` names the object in messages: "" for the root, "messages[3].content[0]".
  // What is not an object is refused; a missing value has no members.
  Fields(Reading& reading, JsonValue object, std::string path);

  // The member `name`; missing when it is absent or null. Refuses a second one of that name.
  JsonValue take(std::string_view name);
  // The same with its type checked.
  std::string_view text(std::string_view name);
  std::optional<bool> boolean(std::string_view name);
  std::optional<std::int64_t> integer(std::string_view name, std::int64_t least, std::int64_t most);
  std::optional<Number> number(std::string_view name, double least, double most);
  JsonValue object(std::string_view name);
  JsonValue array(std::string_view name);
  // A text that must be there and must not be empty.
  std::string_view needed_text(std::string_view name);

  // Calls take(name, value) for every member that nobody has taken, nulls left out.
  template <class Take>
  void rest(Take take_one) {
    for (const Entry& entry : entries_)
      if (!entry.taken && !entry.value.is_null()) take_one(entry.name, entry.value);
  }
  // The field's name with its path.
  std::string at(std::string_view name) const;
  std::string at(std::string_view name, std::size_t index) const;  // "messages[3]"
  Reading& reading() { return reading_; }

 private:
  struct Entry {
    std::string_view name;
    JsonValue value;
    bool taken = false;
  };
  JsonValue take(std::string_view name, JsonKind kind);
  Reading& reading_;
  std::string path_;
  std::vector<Entry> entries_;
};

}  // namespace holdfast::dialect

// Rows of this process that SQL reads like those of a table. A statement that takes in thousands of
// them costs much less than one statement for each: it opens every b-tree once, and finds the place
// of a row next to that of the row before.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

namespace holdfast::store {

using Value = std::variant<std::monostate, std::int64_t, std::string_view>;  // NULL, a number, text

struct Rows {  // used by the thread of the database that offers them (Database::offer)
  virtual ~Rows() = default;
  // Goes back to before the first row.
  virtual void begin() = 0;
  // Fills in the next row; text stays as it is until the call after. Returns whether there was one.
  virtual bool next(std::span<Value> row) = 0;
};

}  // namespace holdfast::store

// Conditions on a request's facts: `team == "support" and tokens > 8000`. Compiled when the
// configuration is read, with problems that name the place; cannot fail afterwards, and costs at
// most limits::expression_nodes comparisons.
//
//   or, and, not, ( )      in this order of binding, loosest first
//   FACT == "text"         != too, and FACT in ["a", "b"], starts_with, ends_with
//   FACT < 10              <= > >= == != too
//   FACT                   those that hold or do not: stream, tools, images ...
//   header("name")         the value of a request's header; "" when there is none
#pragma once
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "routing/facts.h"

namespace holdfast::limits {
inline constexpr std::size_t expression_bytes = 1024;
inline constexpr std::size_t expression_nodes = 64;
inline constexpr std::size_t expression_depth = 16;  // of parentheses and nots
}  // namespace holdfast::limits

namespace holdfast::routing {

struct ExpressionProblem {
  std::size_t at = 0;   // byte of the text, from 0
  std::string what;     // "at character 9: ..."
  std::string remedy;   // may be empty
  std::string allowed;  // may be empty
};

class Expression {
 public:
  static std::expected<Expression, ExpressionProblem> compile(std::string_view text);

  bool holds(const Facts& facts) const noexcept;
  std::uint32_t needs() const { return needs_; }  // bits of Need
  const std::string& text() const { return text_; }
  // Adds the names of the request's headers that it reads.
  void add_headers(std::vector<std::string>& names) const {
    for (const Node& node : nodes_)
      if (!node.header.empty()) names.push_back(node.header);
  }

 private:
  friend class ExpressionParser;
  enum class Op : std::uint8_t { any, all, negation, text, number, flag };
  enum class Compare : std::uint8_t {
    equal,  // to one of the literals
    unequal,
    less,
    less_equal,
    greater,
    greater_equal,
    starts_with,
    ends_with,
  };
  struct Node {
    Op op = Op::flag;
    Compare compare = Compare::equal;
    std::uint8_t fact = 0;              // of its kind; flag: a feature's index
    std::uint16_t left = 0, right = 0;  // any, all, negation: below this one
    std::string header;                 // text: of header("...")
    std::vector<std::string> texts;     // text
    std::vector<std::int64_t> numbers;  // number
  };
  bool holds_at(std::size_t node, const Facts& facts) const noexcept;

  std::string text_;
  std::vector<Node> nodes_;  // children before parents: the last is the root
  std::uint32_t needs_ = 0;
};

}  // namespace holdfast::routing

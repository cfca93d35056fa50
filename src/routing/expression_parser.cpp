// Reads the text of a condition into the nodes of an Expression, by recursive descent.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "config/nearest.h"
#include "config/problem.h"
#include "routing/expression.h"
#include "routing/expression_facts.h"

namespace holdfast::routing {
namespace {

constexpr std::size_t header_name_bytes = 128;
constexpr std::array<std::string_view, 4> classless = {"or", "and", "not", "in"};

bool is_space(char c) { return c == ' ' || c == '\t'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

std::vector<std::string_view> all_names() {
  std::vector<std::string_view> names(text_facts.begin(), text_facts.end());
  names.insert(names.end(), number_facts.begin(), number_facts.end());
  names.emplace_back("header");
  for (std::size_t i = 0; i < records::feature_count; ++i)
    names.push_back(records::to_string(records::feature_at(i)));
  return names;
}

// What a text fact can be, if that is a closed set.
std::vector<std::string_view> values_of(TextFact fact) {
  std::vector<std::string_view> values;
  switch (fact) {
    case TextFact::service_class:
      for (const auto one : identity::service_classes) values.push_back(identity::to_string(one));
      return values;
    case TextFact::sensitivity:
      return {identity::sensitivities.begin(), identity::sensitivities.end()};
    case TextFact::weekday:
      return {weekdays.begin(), weekdays.end()};
    case TextFact::endpoint:
      for (std::size_t i = 0; i < records::endpoint_count; ++i)
        values.push_back(records::to_string(static_cast<records::Endpoint>(i)));
      return values;
    case TextFact::key:
    case TextFact::team:
    case TextFact::service:
    case TextFact::model:
    case TextFact::region:
    case TextFact::header:
      return values;
  }
  return values;
}

}  // namespace

class ExpressionParser {
 public:
  explicit ExpressionParser(std::string_view text) : text_(text) { out_.text_ = text; }

  std::expected<Expression, ExpressionProblem> read() {
    if (text_.size() > limits::expression_bytes)
      return std::unexpected(
          ExpressionProblem{0,
                            fmt::format("longer than {} bytes", limits::expression_bytes),
                            "make it two targets, or name a header that says it",
                            {}});
    const auto root = read_any(0);
    if (!problem_ && at_ < text_.size()) {
      const std::string_view rest = text_.substr(at_);
      std::string remedy = "join conditions with and, or";
      if (rest.starts_with("&&")) remedy = "write and";
      if (rest.starts_with("||")) remedy = "write or";
      fail(at_, "unexpected text", std::move(remedy));
    }
    if (problem_) return std::unexpected(std::move(*problem_));
    (void)root;  // it is the last one
    return std::move(out_);
  }

 private:
  using Node = Expression::Node;
  using Op = Expression::Op;
  using Compare = Expression::Compare;

  // Notes the first thing that is wrong; what is read after it means nothing.
  std::uint16_t fail(std::size_t at, std::string what, std::string remedy = {},
                     std::string allowed = {}) {
    if (!problem_)
      problem_ = ExpressionProblem{at, fmt::format("at character {}: {}", at + 1, what),
                                   std::move(remedy), std::move(allowed)};
    return 0;
  }

  std::uint16_t add(Node node) {
    if (out_.nodes_.size() >= limits::expression_nodes)
      return fail(at_, fmt::format("more than {} conditions", limits::expression_nodes));
    out_.nodes_.push_back(std::move(node));
    return static_cast<std::uint16_t>(out_.nodes_.size() - 1);
  }

  void skip() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }

  bool take(std::string_view sign) {
    skip();
    if (!text_.substr(at_).starts_with(sign)) return false;
    at_ += sign.size();
    return true;
  }

  std::string_view peek_word() {
    skip();
    std::size_t end = at_;
    while (end < text_.size() && (is_letter(text_[end]) || (end > at_ && is_digit(text_[end]))))
      ++end;
    return text_.substr(at_, end - at_);
  }

  bool take_word(std::string_view word) {
    if (peek_word() != word) return false;
    at_ += word.size();
    return true;
  }

  std::uint16_t read_any(std::size_t depth) {
    std::uint16_t left = read_all(depth);
    while (!problem_ && take_word("or")) {
      const std::uint16_t right = read_all(depth);
      left = add_pair(Op::any, left, right);
    }
    return left;
  }

  std::uint16_t read_all(std::size_t depth) {
    std::uint16_t left = read_one(depth);
    while (!problem_ && take_word("and")) {
      const std::uint16_t right = read_one(depth);
      left = add_pair(Op::all, left, right);
    }
    return left;
  }

  std::uint16_t add_pair(Op op, std::uint16_t left, std::uint16_t right) {
    Node node;
    node.op = op;
    node.left = left;
    node.right = right;
    return add(std::move(node));
  }

  std::uint16_t read_one(std::size_t depth) {
    if (problem_) return 0;
    if (depth >= limits::expression_depth)
      return fail(at_, fmt::format("nested deeper than {}", limits::expression_depth));
    if (take_word("not")) {
      Node node;
      node.op = Op::negation;
      node.left = read_one(depth + 1);
      return add(std::move(node));
    }
    if (take("(")) {
      const std::uint16_t inner = read_any(depth + 1);
      if (!problem_ && !take(")")) return fail(at_, "a parenthesis is not closed", "write )");
      return inner;
    }
    return read_comparison();
  }

  std::uint16_t read_comparison() {
    const std::string_view name = peek_word();
    const std::size_t begin = at_;
    if (name.empty() || std::ranges::find(classless, name) != classless.end())
      return fail(at_,
                  at_ >= text_.size() ? "a condition is missing" : "a condition must begin here",
                  "name a fact, as in team == \"support\"");
    at_ += name.size();
    if (name == "header") return read_header(begin);
    const auto text = std::ranges::find(text_facts, name);
    if (text != text_facts.end())
      return read_text(static_cast<TextFact>(text - text_facts.begin()), {});
    const auto number = std::ranges::find(number_facts, name);
    if (number != number_facts.end())
      return read_number(static_cast<NumberFact>(number - number_facts.begin()));
    for (std::size_t i = 0; i < records::feature_count; ++i)
      if (records::to_string(records::feature_at(i)) == name) return read_flag(name, i);
    const std::vector<std::string_view> names = all_names();
    return fail(begin, fmt::format("there is no fact \"{}\"", name),
                config::did_you_mean(name, names), fmt::format("{}", fmt::join(names, ", ")));
  }

  std::uint16_t read_flag(std::string_view name, std::size_t feature) {
    skip();
    if (at_ < text_.size() && (text_[at_] == '=' || text_[at_] == '!'))
      return fail(at_, fmt::format("{} holds or does not", name),
                  fmt::format("write {} or not {}", name, name));
    Node node;
    node.op = Op::flag;
    node.fact = static_cast<std::uint8_t>(feature);
    return add(std::move(node));
  }

  std::uint16_t read_header(std::size_t begin) {
    constexpr const char* remedy = "write header(\"x-name\")";
    if (!take("(")) return fail(at_, "header needs a name", remedy);
    std::string name;
    if (!read_quoted(name)) return fail(at_, "header needs a name", remedy);
    if (!take(")")) return fail(at_, "a parenthesis is not closed", "write )");
    const bool token = std::ranges::all_of(
        name, [](char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '.'; });
    if (name.empty() || name.size() > header_name_bytes || !token)
      return fail(begin, "not the name of a header", remedy);
    // They prove who asks: no choice is made by them, and none is shown by route explain.
    for (const std::string_view secret :
         {"authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie"})
      if (net::same_name(name, secret))
        return fail(begin, fmt::format("header \"{}\" holds a secret", name),
                    "go by key, team or service");
    return read_text(TextFact::header, std::move(name));
  }

  bool read_quoted(std::string& into) {
    skip();
    if (at_ >= text_.size() || (text_[at_] != '"' && text_[at_] != '\'')) return false;
    const char quote = text_[at_];
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) {
      fail(at_, "a text is not closed", fmt::format("write {} at its end", quote));
      return false;
    }
    into = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return true;
  }

  // Reads `[a, b]` by `one`, which returns whether it read one.
  template <class One>
  bool read_list(One one) {
    if (!take("[")) return false;
    do {
      if (!one()) return false;
    } while (take(","));
    if (!take("]")) {
      fail(at_, "a list is not closed", "write ]");
      return false;
    }
    return true;
  }

  std::uint16_t read_text(TextFact fact, std::string header) {
    Node node;
    node.op = Op::text;
    node.fact = static_cast<std::uint8_t>(fact);
    node.header = std::move(header);
    const std::size_t begin = at_;
    const auto one = [&] { return read_quoted(node.texts.emplace_back()); };
    bool read = false;
    if (take("==")) {
      read = one();
    } else if (take("!=")) {
      node.compare = Compare::unequal;
      read = one();
    } else if (take_word("in")) {
      read = read_list(one);
    } else if (take_word("starts_with")) {
      node.compare = Compare::starts_with;
      read = one();
    } else if (take_word("ends_with")) {
      node.compare = Compare::ends_with;
      read = one();
    } else {
      return fail(begin, "a text must be compared", {},
                  "== != in starts_with ends_with, as in == \"support\"");
    }
    if (!read) return fail(at_, "a text in quotes must follow", "as in == \"support\"");
    check_values(fact, node, begin);
    return add(std::move(node));
  }

  void check_values(TextFact fact, const Node& node, std::size_t at) {
    const std::vector<std::string_view> values = values_of(fact);
    if (values.empty() || node.compare == Compare::starts_with ||
        node.compare == Compare::ends_with)
      return;
    for (const std::string& text : node.texts)
      if (!text.empty() && std::ranges::find(values, text) == values.end())
        fail(at,
             fmt::format("{} is never \"{}\"", text_facts[static_cast<std::size_t>(fact)],
                         config::printable(text)),
             config::did_you_mean(text, values), fmt::format("{}", fmt::join(values, ", ")));
  }

  bool read_integer(std::int64_t& into) {
    skip();
    const auto [end, error] =
        std::from_chars(text_.data() + at_, text_.data() + text_.size(), into);
    if (error != std::errc()) return false;
    at_ = static_cast<std::size_t>(end - text_.data());
    return true;
  }

  std::uint16_t read_number(NumberFact fact) {
    Node node;
    node.op = Op::number;
    node.fact = static_cast<std::uint8_t>(fact);
    if (fact != NumberFact::hour) out_.needs_ |= bit(Need::size);
    const std::size_t begin = at_;
    const auto one = [&] { return read_integer(node.numbers.emplace_back()); };
    constexpr std::pair<std::string_view, Compare> signs[] = {
        {"==", Compare::equal},         {"!=", Compare::unequal}, {"<=", Compare::less_equal},
        {">=", Compare::greater_equal}, {"<", Compare::less},     {">", Compare::greater}};
    for (const auto& [sign, compare] : signs) {
      if (!take(sign)) continue;
      node.compare = compare;
      if (!one()) return fail(at_, "a whole number must follow", "as in > 8000");
      return add(std::move(node));
    }
    if (!take_word("in"))
      return fail(begin, "a number must be compared", {}, "== != < <= > >= in, as in > 8000");
    if (!read_list(one)) return fail(at_, "whole numbers in brackets must follow", "as in [1, 2]");
    return add(std::move(node));
  }

  std::string_view text_;
  std::size_t at_ = 0;
  Expression out_;
  std::optional<ExpressionProblem> problem_;
};

std::expected<Expression, ExpressionProblem> Expression::compile(std::string_view text) {
  return ExpressionParser(text).read();
}

}  // namespace holdfast::routing

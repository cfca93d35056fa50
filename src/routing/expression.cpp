#include "routing/expression.h"

#include <algorithm>

#include "routing/expression_facts.h"

namespace holdfast::routing {
namespace {

constexpr std::int64_t hour_us = 3'600'000'000;

// Whole hours since the epoch, rounded down before it too.
std::int64_t hours_of(std::int64_t wall_us) {
  return wall_us / hour_us - (wall_us % hour_us < 0 ? 1 : 0);
}

std::int64_t modulo(std::int64_t value, std::int64_t by) { return (value % by + by) % by; }

std::string_view text_of(TextFact fact, const std::string& header, const Facts& facts) {
  switch (fact) {
    case TextFact::key:
      return facts.key;
    case TextFact::team:
      return facts.team;
    case TextFact::service:
      return facts.service;
    case TextFact::service_class:
      return identity::to_string(facts.service_class);
    case TextFact::model:
      return facts.model;
    case TextFact::endpoint:
      return records::to_string(facts.endpoint);
    case TextFact::sensitivity:
      return facts.sensitivity;
    case TextFact::region:
      return facts.region;
    case TextFact::weekday: {
      const std::int64_t hours = hours_of(facts.wall_us);
      const std::int64_t days = hours / 24 - (hours % 24 < 0 ? 1 : 0);
      return weekdays[static_cast<std::size_t>(modulo(days, 7))];
    }
    case TextFact::header:
      return facts.header(header);
  }
  return {};
}

std::int64_t number_of(NumberFact fact, const Facts& facts) {
  switch (fact) {
    case NumberFact::tokens:
      return facts.tokens_in;
    case NumberFact::max_tokens:
      return facts.max_tokens;
    case NumberFact::hour:
      return modulo(hours_of(facts.wall_us), 24);
  }
  return 0;
}

}  // namespace

bool Expression::holds(const Facts& facts) const noexcept {
  return holds_at(nodes_.size() - 1, facts);
}

bool Expression::holds_at(std::size_t at, const Facts& facts) const noexcept {
  const Node& node = nodes_[at];
  switch (node.op) {
    case Op::any:
      return holds_at(node.left, facts) || holds_at(node.right, facts);
    case Op::all:
      return holds_at(node.left, facts) && holds_at(node.right, facts);
    case Op::negation:
      return !holds_at(node.left, facts);
    case Op::flag:
      return (facts.features & records::bit(records::feature_at(node.fact))) != 0;
    case Op::text: {
      const std::string_view value = text_of(static_cast<TextFact>(node.fact), node.header, facts);
      if (node.compare == Compare::starts_with) return value.starts_with(node.texts.front());
      if (node.compare == Compare::ends_with) return value.ends_with(node.texts.front());
      const bool equal = std::ranges::find(node.texts, value) != node.texts.end();
      return equal == (node.compare == Compare::equal);
    }
    case Op::number: {
      const std::int64_t value = number_of(static_cast<NumberFact>(node.fact), facts);
      const std::int64_t literal = node.numbers.front();
      switch (node.compare) {
        case Compare::less:
          return value < literal;
        case Compare::less_equal:
          return value <= literal;
        case Compare::greater:
          return value > literal;
        case Compare::greater_equal:
          return value >= literal;
        case Compare::equal:
        case Compare::unequal:
        case Compare::starts_with:
        case Compare::ends_with:
          break;
      }
      const bool equal = std::ranges::find(node.numbers, value) != node.numbers.end();
      return equal == (node.compare == Compare::equal);
    }
  }
  return false;
}

}  // namespace holdfast::routing

// The facts that a condition can name, by their kinds. Private to the expression's two files.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

namespace holdfast::routing {

enum class TextFact : std::uint8_t {
  key,
  team,
  service,
  service_class,
  model,
  endpoint,
  sensitivity,
  region,
  weekday,
  header,
};
// `header` has no name here: it is written header("name").
inline constexpr std::array<std::string_view, 9> text_facts = {
    "key", "team", "service", "class", "model", "endpoint", "sensitivity", "region", "weekday"};

enum class NumberFact : std::uint8_t { tokens, max_tokens, hour };
inline constexpr std::array<std::string_view, 3> number_facts = {"tokens", "max_tokens", "hour"};

// In UTC, from Thursday, 1 January 1970.
inline constexpr std::array<std::string_view, 7> weekdays = {"thu", "fri", "sat", "sun",
                                                             "mon", "tue", "wed"};

}  // namespace holdfast::routing

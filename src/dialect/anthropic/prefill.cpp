// Which models go on with an answer that has begun.
#include <array>
#include <charconv>

#include "dialect/anthropic/codec.h"

namespace holdfast::dialect::anthropic {

bool goes_on_with_answers(std::string_view model) {
  constexpr std::string_view family = "claude-";
  constexpr std::array<std::string_view, 3> sizes = {"opus-4", "sonnet-4", "haiku-4"};
  constexpr unsigned last_minor = 5, first_date = 20'000'000;
  const auto at = model.find(family);
  if (at == std::string_view::npos) return false;
  model.remove_prefix(at + family.size());
  if (model.starts_with('2') || model.starts_with('3') || model.starts_with("instant")) return true;
  for (const std::string_view size : sizes) {
    if (!model.starts_with(size)) continue;
    const std::string_view rest = model.substr(size.size());
    if (rest.empty() || rest[0] == '@') return true;
    unsigned number = 0;
    const char* end = rest.data() + rest.size();
    const auto read = std::from_chars(rest.data() + 1, end, number);
    return rest[0] == '-' && read.ec == std::errc() &&
           (number <= last_minor || number >= first_date);
  }
  return false;
}

}  // namespace holdfast::dialect::anthropic

#include "config/nearest.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace holdfast::config {
namespace {
constexpr std::size_t longest = 64;
using Row = std::array<std::size_t, longest + 1>;

// Optimal string alignment distance.   a, b   at most `longest` bytes
std::size_t distance(std::string_view a, std::string_view b) {
  Row before{}, above{}, row{};
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before = std::exchange(above, row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row[b.size()];
}
}  // namespace

std::string_view nearest(std::string_view typed, std::span<const std::string_view> names) {
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(1, typed.size() / 3) + 1;
  if (typed.size() > longest) return best;
  for (const std::string_view name : names) {
    if (name.size() > longest) continue;
    const std::size_t found = distance(typed, name);
    if (found >= best_distance) continue;
    best = name;
    best_distance = found;
  }
  return best;
}

std::string did_you_mean(std::string_view typed, std::span<const std::string_view> names) {
  const std::string_view found = nearest(typed, names);
  return found.empty() ? std::string() : fmt::format("did you mean \"{}\"?", found);
}
}  // namespace holdfast::config

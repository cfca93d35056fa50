#include "config/problem.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace holdfast::config {
namespace {
constexpr std::size_t printable_bytes = 64;

void append_part(std::string& line, std::string_view part) {
  if (part.empty()) return;
  line += line.ends_with('?') ? " " : "; ";
  line += part;
}
}  // namespace

std::string to_string(const Problem& problem) {
  std::string line = problem.file;
  if (problem.line > 0) line += fmt::format(":{}:{}", problem.line, problem.column);
  line += ": ";
  if (problem.severity == Severity::warning) line += "warning: ";
  if (!problem.key.empty()) line += problem.key + ": ";
  line += problem.what;
  append_part(line, problem.remedy);
  if (!problem.allowed.empty()) append_part(line, "allowed: " + problem.allowed);
  return line;
}

bool has_error(std::span<const Problem> problems) {
  return std::ranges::any_of(
      problems, [](const Problem& problem) { return problem.severity == Severity::error; });
}

void sort_by_place(std::vector<Problem>& problems) {
  std::ranges::sort(problems, [](const Problem& a, const Problem& b) {
    return std::tie(a.file, a.line, a.column, a.key, a.what) <
           std::tie(b.file, b.line, b.column, b.key, b.what);
  });
}

std::string printable(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool lead = byte < 0x80 || byte >= 0xc0;
    if (lead && out.size() >= printable_bytes) return out + "...";
    const bool c1 = byte == 0xc2 && i + 1 < text.size() &&
                    static_cast<unsigned char>(text[i + 1]) < 0xa0;  // U+0080 to U+009F
    if (byte >= 0x20 && byte != 0x7f && !c1) {
      out.push_back(text[i]);
      continue;
    }
    out.push_back('?');
    if (c1) ++i;
  }
  return out;
}
}  // namespace holdfast::config

// The two API versions: what the later one no longer takes.
#include <fmt/format.h>

#include "dialect/anthropic/parts.h"

namespace holdfast::dialect::anthropic {
namespace {

RequestProblem refuse(std::string field, std::string_view what, std::string_view code) {
  return {400, fmt::format("{}: {}", field, what), std::string(code), std::move(field)};
}

RequestProblem not_taken(std::string field, std::string_view what) {
  return refuse(std::move(field), fmt::format("{} under version {}", what, version_2026),
                "unsupported_parameter");
}

// Citations on texts in `content`, in its search results and tool results as well.
std::optional<RequestProblem> find_citations(JsonValue content, const std::string& path,
                                             int levels) {
  std::size_t index = 0;
  for (const JsonValue block : content.elements()) {
    const std::string at = fmt::format("{}[{}]", path, index++);
    if (block["type"].text_is("text") && block["citations"].size() > 0)
      return not_taken(at + ".citations", "a user's text has no citations");
    if (levels == 0) continue;
    if (block["type"].text_is("search_result") || block["type"].text_is("tool_result"))
      if (auto found = find_citations(block["content"], at + ".content", levels - 1)) return found;
  }
  return std::nullopt;
}

std::optional<RequestProblem> find_document(JsonValue content, const std::string& path) {
  std::size_t index = 0;
  for (const JsonValue block : content.elements()) {
    if (block["type"].text_is("document"))
      return not_taken(fmt::format("{}[{}]", path, index),
                       "an assistant's message holds no document");
    ++index;
  }
  return std::nullopt;
}

}  // namespace

std::optional<RequestProblem> check_version(std::string_view version, JsonValue root) {
  if (version == version_2023) return std::nullopt;
  if (version.empty())
    return refuse("anthropic-version", "this header is needed", "missing_required_parameter");
  if (version != version_2026)
    return refuse("anthropic-version", fmt::format("expected {} or {}", version_2023, version_2026),
                  "invalid_value");
  for (const char* name : {"temperature", "top_p", "top_k"})
    if (root[name]) return not_taken(name, "there are no sampling parameters");
  std::size_t index = 0;
  for (const JsonValue message : root["messages"].elements()) {
    const std::string path = fmt::format("messages[{}].content", index++);
    const JsonValue content = message["content"];
    constexpr int nested = 2;  // a search result within a tool result
    auto problem = message["role"].text_is("assistant") ? find_document(content, path)
                                                        : find_citations(content, path, nested);
    if (problem) return problem;
  }
  return std::nullopt;
}

}  // namespace holdfast::dialect::anthropic

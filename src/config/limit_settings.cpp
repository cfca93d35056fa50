#include "config/limit_settings.h"

#include <array>
#include <limits>

#include "config/section.h"

namespace holdfast::config {
namespace {
constexpr std::array<std::string_view, limit_scope_count> scope_names = {"key", "team", "model",
                                                                         "provider"};
constexpr std::array<std::string_view, limit_kind_count> kind_names = {
    "requests_per_second", "requests_per_minute", "tokens_per_minute", "concurrent_requests"};
}  // namespace

std::string_view to_string(LimitScope scope) {
  return scope_names[static_cast<std::size_t>(scope)];
}

std::string_view to_string(LimitKind kind) { return kind_names[static_cast<std::size_t>(kind)]; }

void read_limits(Section& section, LimitSettings& into, std::string_view about) {
  section.section("limits", about, [&](Section& inner) {
    const auto read = [&inner](std::string_view key, int& value, std::string_view what) {
      inner.integer(key, value, 0, std::numeric_limits<int>::max(), what);
    };
    read("requests_per_second", into.requests_per_second, "0: no limit");
    read("requests_per_minute", into.requests_per_minute, "0: no limit");
    read("tokens_per_minute", into.tokens_per_minute,
         "of prompts and answers: estimated when a request comes, corrected when it ends; 0: no "
         "limit");
    read("concurrent_requests", into.concurrent_requests, "under way at once; 0: no limit");
  });
}
}  // namespace holdfast::config

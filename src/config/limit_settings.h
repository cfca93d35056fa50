// How much somebody may ask, or be asked: `limits` of a key, a team, a model and a provider.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace holdfast::config {

class Section;

// Whose limit it is. Spelled so in metrics and messages.
enum class LimitScope : std::uint8_t { key, team, model, provider };
inline constexpr std::size_t limit_scope_count = 4;
// Which of the limits. Spelled as its key in the configuration.
enum class LimitKind : std::uint8_t {
  requests_per_second,
  requests_per_minute,
  tokens_per_minute,
  concurrent_requests,
};
inline constexpr std::size_t limit_kind_count = 4;

std::string_view to_string(LimitScope scope);
std::string_view to_string(LimitKind kind);

struct LimitSettings {  // 0: no limit
  int requests_per_second = 0;
  int requests_per_minute = 0;
  int tokens_per_minute = 0;  // of prompts and answers
  int concurrent_requests = 0;
  bool any() const {
    return requests_per_second > 0 || requests_per_minute > 0 || tokens_per_minute > 0 ||
           concurrent_requests > 0;
  }
};

// Reads `limits` of `section`.   about   what the page says of them
void read_limits(Section& section, LimitSettings& into, std::string_view about);

}  // namespace holdfast::config

// What a virtual key may do, and how that of a child lies within that of its parent.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/limit_settings.h"
#include "identity/settings.h"

namespace holdfast::limits {
inline constexpr std::size_t key_scope_entries = 64;  // of one list of a scope
inline constexpr std::size_t key_word_bytes = 128;    // of a name, a team, an owner
inline constexpr std::size_t key_note_bytes = 512;
inline constexpr std::size_t key_generations = 4;  // a key, its parent, and so on
}  // namespace holdfast::limits

namespace holdfast::identity {

// Lists that are empty allow all there is.
struct KeyScope {
  std::vector<std::string> models;     // logical ones
  std::vector<std::string> providers;  // that may be asked
  std::vector<std::string> endpoints;  // as records::Endpoint spells them
  std::vector<std::string> networks;   // that its requests may come from, as Network reads them
  std::vector<std::string> regions;    // where its requests may be answered, as KeySettings has it
  std::string team, service, region, sensitivity;  // as KeySettings has them
  ServiceClass service_class = ServiceClass::internal_productivity;
  config::LimitSettings limits;
  std::int64_t not_before_us = 0;  // wall time; 0: at once
  std::int64_t expires_us = 0;     // wall time, from then on it is refused; 0: never
};

// What is wrong with it by itself: a network that is none, an endpoint that is none, an end before
// its beginning. Nothing: nothing is.
std::optional<std::string> problem_of(const KeyScope& scope);

// In what `child` would have more than `parent`, with the remedy; nothing: in nothing. What a child
// leaves open (an empty list, no end) is its parent's: see narrowed().
std::optional<std::string> exceeds(const KeyScope& child, const KeyScope& parent);

// What a child may do under its parent as that is now.
struct Narrowed {
  KeyScope scope;
  std::string_view nothing_left;  // the list of which nothing is left ("models"); empty: none
};
// Limits stay the child's own: its requests count against those of its parent too.
Narrowed narrowed(const KeyScope& child, const KeyScope& parent);

}  // namespace holdfast::identity

// What bytes a configuration may consist of.
#pragma once
#include <cstddef>
#include <optional>
#include <string_view>

namespace holdfast::config {

// Where `text` stops being UTF-8 (RFC 3629: no overlong forms, no surrogates) or holds a control
// character other than tab, line feed and carriage return; nothing when all of it is fine.
std::optional<std::size_t> first_bad_byte(std::string_view text);

}  // namespace holdfast::config

// Bytes as text, as signed notes and proofs have them.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "audit/tree.h"

namespace holdfast::audit {

std::string base64(std::string_view bytes);  // RFC 4648, section 4, padded
// Nothing when it is not exactly what base64() writes.
std::optional<std::string> from_base64(std::string_view text);

std::string hex(std::string_view bytes);  // lower case
std::string base64(const Hash& hash);
std::string hex(const Hash& hash);
std::optional<Hash> hash_from_base64(std::string_view text);

// A count without sign and without leading zeros.
std::optional<std::uint64_t> count_from(std::string_view text);

}  // namespace holdfast::audit

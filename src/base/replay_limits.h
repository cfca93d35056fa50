// The named limits of records that are simulated again, beside base/limits.h.
#pragma once
#include <cstddef>

namespace holdfast::limits {

inline constexpr std::size_t replayed_attempts = 500'000;      // some 500 bytes of memory each
inline constexpr std::size_t replayed_line_bytes = 8U << 20U;  // a page of them

}  // namespace holdfast::limits

// What cannot happen is asserted, in release too.
#pragma once

namespace holdfast {
// Prints the condition and where it stands, and aborts.
[[noreturn]] void check_failed(const char* condition, const char* file, int line) noexcept;
}  // namespace holdfast

#define HF_CHECK(condition) \
  ((condition) ? void() : ::holdfast::check_failed(#condition, __FILE__, __LINE__))

// The log: one JSON or text line per thing that an operator should know, on standard error.
// Never on a request's way: an attempt's story is in the records and metrics.
#pragma once
#include <fmt/format.h>

#include <string_view>

namespace holdfast::log {

// off: as the least level to be shown, nothing is.
enum class Level { debug, info, warning, error, off };

// Hands one line to the writer thread; drops it, counted, when the ring of 8192 lines is full.
// Any thread. `text` is shown as it is, control characters escaped.
void write(Level level, std::string_view text);
// Lines dropped since the start.
std::uint64_t dropped();
void set_level(Level level);
// Returns once every line handed over so far is out.
void flush();

template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::debug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::info, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::warning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::error, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace holdfast::log

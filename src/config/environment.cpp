#include "config/environment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace holdfast::config {
namespace {
constexpr std::size_t substituted_bytes = std::size_t{64} * 1024;
constexpr std::size_t shown_bytes = 64;

bool is_upper_or_digit(char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

// The value of what stands between the braces.
Result<std::string> variable(std::string_view inside, const Environment& environment) {
  const std::size_t colon = inside.find(":-");
  const std::string_view name = inside.substr(0, colon);
  if (!is_variable_name(name))
    return fail(ErrorCode::configuration,
                "${...} must hold the name of a variable, as in ${NAME} or ${NAME:-default}");
  std::optional<std::string> value = environment(std::string(name));
  if (colon != std::string_view::npos && (!value || value->empty()))
    return std::string(inside.substr(colon + 2));
  if (value) return *std::move(value);
  return fail(ErrorCode::configuration,
              fmt::format("{} is not set; set it, or give a default as in ${{NAME:-default}}",
                          shown_variable(name)));
}
}  // namespace

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
}

bool is_variable_name(std::string_view name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  return std::ranges::all_of(
      name, [](char c) { return is_upper_or_digit(c) || (c >= 'a' && c <= 'z') || c == '_'; });
}

std::string shown_variable(std::string_view name) {
  const bool shown = name.size() <= shown_bytes && std::ranges::all_of(name, [](char c) {
                       return is_upper_or_digit(c) || c == '_';
                     });
  return shown ? fmt::format("the environment variable {}", name)
               : std::string("the environment variable that it names");
}

Result<std::string> substitute(std::string_view text, const Environment& environment) {
  std::string out;
  while (true) {
    const std::size_t dollar = text.find('$');
    out += text.substr(0, dollar);
    if (out.size() > substituted_bytes)
      return fail(ErrorCode::configuration, "longer than 64 KiB after ${...} is replaced");
    if (dollar == std::string_view::npos) return out;
    text.remove_prefix(dollar + 1);
    if (text.starts_with('$')) {
      out += '$';
      text.remove_prefix(1);
    } else if (text.starts_with('{')) {
      const std::size_t end = text.find('}');
      if (end == std::string_view::npos)
        return fail(ErrorCode::configuration, "${ without }; write $$ for a dollar sign");
      Result<std::string> value = variable(text.substr(1, end - 1), environment);
      if (!value) return value;
      out += *value;
      text.remove_prefix(end + 1);
    } else {
      out += '$';
    }
  }
}
}  // namespace holdfast::config

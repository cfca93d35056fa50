// The environment, passed in so that tests and fuzzers have their own.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace holdfast::config {

// The value of a variable; nothing when it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

// The process's own.
Environment process_environment();

// Whether `name` can name a variable: letters, digits and _, not a digit first.
bool is_variable_name(std::string_view name);

// How a message may call the variable `name`: "NAME is not set". Only upper-case names are shown,
// since a secret written in the place of its name has lower-case letters.
std::string shown_variable(std::string_view name);

// `text` with ${NAME} and ${NAME:-default} replaced ($$ is a dollar sign).
//   errors   configuration: variable not set, bad name, no closing brace, more than 64 KiB
Result<std::string> substitute(std::string_view text, const Environment& environment);

}  // namespace holdfast::config

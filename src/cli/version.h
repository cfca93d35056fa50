// `holdfast version`.
#pragma once
#include <string>

namespace holdfast::cli {

// "holdfast 0.1.0 (...)", or as JSON; one line.
std::string version_text(bool json);

}  // namespace holdfast::cli

// The status page: one self-contained document, compiled into the binary.
#pragma once
#include <string_view>

namespace holdfast::console {
std::string_view status_page();
// The value of Content-Security-Policy that lets this page's own script and style run, and nothing
// else.
std::string_view content_security_policy();
}  // namespace holdfast::console

// The page at /login: signs a person in, changes a password, signs out. One self-contained
// document, compiled into the binary.
#pragma once
#include <string_view>

namespace holdfast::console {
std::string_view login_page();
// As content_security_policy() is for the status page.
std::string_view login_page_policy();
}  // namespace holdfast::console

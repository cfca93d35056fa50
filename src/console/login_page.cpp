#include "console/login_page.h"

#include "console/login_page_data.h"

namespace holdfast::console {

std::string_view login_page() { return login_page_data::page; }
std::string_view login_page_policy() { return login_page_data::policy; }

}  // namespace holdfast::console

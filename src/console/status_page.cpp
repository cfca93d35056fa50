#include "console/status_page.h"

#include "console/status_page_data.h"

namespace holdfast::console {

std::string_view status_page() { return status_page_data::page; }
std::string_view content_security_policy() { return status_page_data::policy; }

}  // namespace holdfast::console

// Small readings of URLs as they come in requests.
#pragma once
#include <string>
#include <string_view>

namespace holdfast::net {

// The host of "host", "host:port" or "[v6]:port", without brackets.
std::string_view host_of(std::string_view authority);

// `text` with its percent escapes undone; what is no escape stays as it is.
//   plus_is_space   as in a query
std::string percent_decode(std::string_view text, bool plus_is_space = false);

// `text` as one segment of a path, or one value in a query: all but RFC 3986's unreserved
// characters escaped.
std::string percent_encode(std::string_view text);

}  // namespace holdfast::net

// What the environment says about proxies: HTTPS_PROXY, http_proxy, NO_PROXY.
#pragma once
#include <optional>
#include <string_view>

#include "base/error.h"
#include "config/environment.h"
#include "net/origin.h"

namespace holdfast::config {

class Section;

// The proxy for connections to `origin`; nothing for loopback and for what NO_PROXY names.
//   https   https_proxy, else HTTPS_PROXY
//   http    http_proxy only: a CGI caller can set HTTP_PROXY by a header
//   NO_PROXY (no_proxy first): `*`, or names and addresses with commas between; `example.com` and
//   `.example.com` mean it and all below it, `host:port` that port only, `10.0.0.0/8` addresses
//   errors   configuration: the variable is not http://[user:password@]host[:port]
Result<std::optional<net::Proxy>> proxy_for(const net::Origin& origin,
                                            const Environment& environment);
// Sets the proxy of `origin`, which is the value of `key` in `section`, as the environment of its
// document says; a variable that is wrong is a problem there. Nothing for the reference page.
void set_proxy(Section& section, std::string_view key, net::Origin& origin);

}  // namespace holdfast::config

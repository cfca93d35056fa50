// Where an upstream is and what its connections must prove.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/secret.h"

namespace holdfast::net {

struct Proxy {  // an HTTP CONNECT proxy
  std::string host;
  std::uint16_t port = 3128;
  Secret authorization;  // whole value of Proxy-Authorization; empty when there is none
};

struct Origin {
  bool tls = true;
  std::string host;  // name or address, without brackets, lower case
  std::uint16_t port = 443;
  std::string ca_file;         // PEM; empty: the system's roots
  std::optional<Proxy> proxy;  // never set for loopback
  // Whether the address may be a private one (`network: private`); loopback hosts need no leave.
  bool private_allowed = false;
  // What Host says: the port is left out when it is the scheme's own; IPv6 in brackets.
  std::string authority() const;
  // Names the connections that may serve this origin: two origins with equal keys share a pool.
  std::string key() const;
};

struct BaseUrl {
  Origin origin;     // without ca_file and proxy
  std::string path;  // without a trailing slash; empty for none
};
// Reads "https://host[:port][/path]" (http too).
//   errors   configuration: scheme, userinfo, query, fragment, port or host not as above
Result<BaseUrl> parse_base_url(std::string_view url);

// Whether `host` is a loopback name or address: localhost, 127.0.0.0/8, ::1.
bool is_loopback_host(std::string_view host);

}  // namespace holdfast::net

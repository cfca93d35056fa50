#include "net/origin.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <charconv>
#include <functional>

namespace holdfast::net {
namespace {
namespace ip = boost::asio::ip;

std::optional<ip::address> address_from(std::string_view text) {
  boost::system::error_code error;
  ip::address address = ip::make_address(std::string(text), error);
  if (error || text.find('%') != std::string_view::npos) return std::nullopt;
  return address;
}

std::string bracketed(std::string_view host) {
  return host.find(':') == std::string_view::npos ? std::string(host) : fmt::format("[{}]", host);
}

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_hexadecimal(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// A name of letters, digits, '-' and '_' in labels of 1 to 63. A last label that is a number makes
// the whole an IPv4 address in the eyes of many resolvers ("127.1", "0x7f.1", "2130706433"): only
// the plain dotted form of those is accepted.
bool is_name(std::string_view host) {
  if (host.empty() || host.size() > 253) return false;
  std::string_view rest = host;
  std::string_view label;
  for (;;) {
    const std::size_t dot = rest.find('.');
    label = rest.substr(0, dot);
    const bool sound = std::ranges::all_of(
        label, [](char c) { return is_alphanumeric(c) || c == '-' || c == '_'; });
    if (label.empty() || label.size() > 63 || !sound) return false;
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  const bool decimal = std::ranges::all_of(label, [](char c) { return c >= '0' && c <= '9'; });
  const bool hexadecimal = label.size() > 1 && label[0] == '0' && (label[1] | 0x20) == 'x' &&
                           std::ranges::all_of(label.substr(2), is_hexadecimal);
  return !decimal && !hexadecimal;
}

bool is_path(std::string_view path) {
  constexpr std::string_view marks = "-._~!$&'()*+,;=:@/";
  for (std::size_t i = 0; i < path.size(); ++i) {
    const bool escape = path[i] == '%' && i + 2 < path.size() && is_hexadecimal(path[i + 1]) &&
                        is_hexadecimal(path[i + 2]);
    if (!escape && !is_alphanumeric(path[i]) && marks.find(path[i]) == std::string_view::npos)
      return false;
  }
  const std::string whole = std::string(path) + '/';
  return whole.find("/../") == std::string::npos && whole.find("/./") == std::string::npos;
}

struct HostPort {
  std::string_view host, port;
};

// Splits "host", "host:port", "[v6]" and "[v6]:port".
std::optional<HostPort> split_authority(std::string_view authority) {
  std::string_view host = authority;
  std::string_view after;
  if (authority.starts_with('[')) {
    const std::size_t close = authority.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    host = authority.substr(1, close - 1);
    after = authority.substr(close + 1);
    const auto address = address_from(host);
    if (!address || !address->is_v6()) return std::nullopt;
  } else {
    const std::size_t colon = authority.find(':');
    if (colon != std::string_view::npos) after = authority.substr(colon);
    host = authority.substr(0, colon);
    const auto address = address_from(host);
    if (!address && !is_name(host)) return std::nullopt;
  }
  if (after.empty()) return HostPort{host, {}};
  if (after.size() < 2 || after[0] != ':') return std::nullopt;
  return HostPort{host, after.substr(1)};
}

std::optional<std::uint16_t> port_from(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}
}  // namespace

std::string Origin::authority() const {
  const std::uint16_t usual = tls ? 443 : 80;
  return port == usual ? bracketed(host) : fmt::format("{}:{}", bracketed(host), port);
}

std::string Origin::key() const {
  std::string out = fmt::format("{}://{}:{}{} {}", tls ? "https" : "http", bracketed(host), port,
                                private_allowed ? " private" : "", ca_file);
  if (proxy)
    fmt::format_to(std::back_inserter(out), " via {}:{} {:x}", bracketed(proxy->host), proxy->port,
                   std::hash<std::string_view>{}(proxy->authorization.reveal()));
  return out;
}

Result<BaseUrl> parse_base_url(std::string_view url) {
  const auto refuse = [](std::string_view why) {
    return fail(ErrorCode::configuration, fmt::format("{}; write https://host[:port][/path]", why));
  };
  BaseUrl out;
  std::string_view rest = url;
  std::string scheme(rest.substr(0, std::min<std::size_t>(rest.find("://"), 8)));
  std::ranges::transform(scheme, scheme.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  });
  if (scheme != "https" && scheme != "http") return refuse("the scheme is neither https nor http");
  out.origin.tls = scheme == "https";
  if (!rest.substr(scheme.size()).starts_with("://"))
    return refuse("the scheme is neither https nor http");
  rest.remove_prefix(scheme.size() + 3);

  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#\\"));
  rest.remove_prefix(authority.size());
  if (authority.find('@') != std::string_view::npos)
    return refuse("a user name or password in the URL is not used; give the key as `key`");
  const auto split = split_authority(authority);
  if (!split) return refuse("the host is not a name or an address");
  out.origin.host = split->host;
  std::ranges::transform(out.origin.host, out.origin.host.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  });
  out.origin.port = out.origin.tls ? 443 : 80;
  if (!split->port.empty()) {
    const auto port = port_from(split->port);
    if (!port) return refuse("the port is not a number from 1 to 65535");
    out.origin.port = *port;
  }

  if (rest.find('?') != std::string_view::npos) return refuse("a query does not belong here");
  if (rest.find('#') != std::string_view::npos) return refuse("a fragment does not belong here");
  if (!is_path(rest)) return refuse("the path has characters or dot segments that do not belong");
  while (rest.ends_with('/')) rest.remove_suffix(1);
  out.path = rest;
  return out;
}

bool is_loopback_host(std::string_view host) {
  if (host == "localhost") return true;
  const auto address = address_from(host);
  if (!address) return false;
  if (address->is_v6() && address->to_v6().is_v4_mapped())
    return ip::make_address_v4(ip::v4_mapped, address->to_v6()).is_loopback();
  return address->is_loopback();
}

}  // namespace holdfast::net

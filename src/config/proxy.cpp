#include "config/proxy.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <charconv>
#include <initializer_list>

#include "config/section.h"

namespace holdfast::config {
namespace {
namespace ip = boost::asio::ip;

struct Variable {
  std::string name;
  std::string value;
};

// The first of `names` that is set to something.
std::optional<Variable> first_set(const Environment& environment,
                                  std::initializer_list<const char*> names) {
  for (const char* name : names) {
    std::optional<std::string> value = environment(name);
    if (value && !value->empty()) return Variable{name, *std::move(value)};
  }
  return std::nullopt;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

bool in_network(const std::string& host, const std::string& rule) {
  boost::system::error_code error;
  const ip::address address = ip::make_address(host, error);
  if (error) return false;
  if (address.is_v4()) {
    const ip::network_v4 network = ip::make_network_v4(rule, error);
    return !error && ip::network_v4(address.to_v4(), network.prefix_length()).canonical() ==
                         network.canonical();
  }
  const ip::network_v6 network = ip::make_network_v6(rule, error);
  return !error && ip::network_v6(address.to_v6(), network.prefix_length()).canonical() ==
                       network.canonical();
}

// Whether one entry of NO_PROXY names host and port.
bool names_it(const std::string& rule, const net::Origin& origin) {
  if (rule == "*") return true;
  if (rule.find('/') != std::string::npos) return in_network(origin.host, rule);
  std::string host = rule;
  const std::size_t colon = rule.rfind(':');
  const bool one_colon = colon != std::string::npos && rule.find(':') == colon;
  if (one_colon || rule.starts_with('[')) {
    const std::size_t end = rule.starts_with('[') ? rule.find(']') : colon;
    if (end == std::string::npos) return false;
    host = rule.starts_with('[') ? rule.substr(1, end - 1) : rule.substr(0, end);
    const std::size_t port = rule.find(':', end);
    if (port != std::string::npos && rule.substr(port + 1) != std::to_string(origin.port))
      return false;
  }
  if (host.starts_with('*')) host.erase(0, 1);
  if (host.starts_with('.')) host.erase(0, 1);
  if (host.empty()) return false;
  return origin.host == host || origin.host.ends_with("." + host);
}

bool excepted(const net::Origin& origin, const Environment& environment) {
  const auto variable = first_set(environment, {"no_proxy", "NO_PROXY"});
  if (!variable) return false;
  std::string_view rest = variable->value;
  while (!rest.empty()) {
    const std::size_t end = rest.find_first_of(", ");
    const std::string_view rule = rest.substr(0, end);
    if (!rule.empty() && names_it(lower(rule), origin)) return true;
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  return false;
}

Secret basic_authorization(const std::string& user_and_password) {
  std::string encoded(4 * ((user_and_password.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                                   reinterpret_cast<const unsigned char*>(user_and_password.data()),
                                   static_cast<int>(user_and_password.size()));
  encoded.resize(static_cast<std::size_t>(size));
  return Secret("Basic " + encoded);
}

Result<net::Proxy> parse_proxy(const Variable& variable) {
  const auto wrong =
      fail(ErrorCode::configuration,
           fmt::format("the environment variable {} must be http://[user:password@]host[:port]",
                       variable.name));
  const bool has_scheme = variable.value.find("://") != std::string::npos;
  const std::string text = has_scheme ? variable.value : "http://" + variable.value;
  const auto parsed = boost::urls::parse_uri(text);
  if (!parsed) return wrong;
  const boost::urls::url_view& url = *parsed;
  const bool plain = lower(url.scheme()) == "http" && !url.host().empty() && !url.has_query() &&
                     !url.has_fragment() &&
                     (url.encoded_path().empty() || url.encoded_path() == "/");
  if (!plain) return wrong;
  net::Proxy proxy;
  proxy.host = lower(url.host_address());
  if (url.has_port() && !url.port().empty()) {
    proxy.port = url.port_number();
    if (proxy.port == 0) return wrong;
  }
  if (url.has_userinfo())
    proxy.authorization = basic_authorization(url.user() + ":" + url.password());
  return proxy;
}
}  // namespace

Result<std::optional<net::Proxy>> proxy_for(const net::Origin& origin,
                                            const Environment& environment) {
  if (net::is_loopback_host(origin.host)) return std::nullopt;
  const auto variable = origin.tls ? first_set(environment, {"https_proxy", "HTTPS_PROXY"})
                                   : first_set(environment, {"http_proxy"});
  if (!variable || excepted(origin, environment)) return std::nullopt;
  Result<net::Proxy> proxy = parse_proxy(*variable);
  if (!proxy) return std::unexpected(std::move(proxy.error()));
  return std::optional<net::Proxy>(*std::move(proxy));
}
void set_proxy(Section& section, std::string_view key, net::Origin& origin) {
  if (section.document() == nullptr) return;
  auto proxy = proxy_for(origin, section.document()->environment);
  if (proxy)
    origin.proxy = *std::move(proxy);
  else
    section.problem(key, std::move(proxy.error().detail));
}

}  // namespace holdfast::config

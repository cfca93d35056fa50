#include "config/proxy.h"

#include <gtest/gtest.h>

#include "config/test_support.h"

namespace holdfast::config {
namespace {
using Variables = std::map<std::string, std::string>;

// "host:port", with the authorization behind it; "none"; or the error.
std::string shown(const std::string& url, const Variables& variables) {
  const auto base = net::parse_base_url(url);
  if (!base) return base.error().detail;
  const auto proxy = proxy_for(base->origin, environment_of(variables));
  if (!proxy) return proxy.error().detail;
  if (!*proxy) return "none";
  std::string out = (*proxy)->host + ":" + std::to_string((*proxy)->port);
  if (!(*proxy)->authorization.empty()) out += " " + std::string((*proxy)->authorization.reveal());
  return out;
}

TEST(ProxyFor, FollowsTheEnvironment) {
  struct Case {
    const char* rule;
    const char* url;
    Variables variables;
    const char* want;
  };
  constexpr const char* api = "https://api.openai.com/v1";
  constexpr const char* form =
      "the environment variable HTTPS_PROXY must be http://[user:password@]host[:port]";
  const Case cases[] = {
      {"no variable, no proxy", api, {}, "none"},
      {"upper case", api, {{"HTTPS_PROXY", "http://proxy:8080"}}, "proxy:8080"},
      {"lower case wins",
       api,
       {{"HTTPS_PROXY", "http://a:1"}, {"https_proxy", "http://b:2"}},
       "b:2"},
      {"an empty variable is none",
       api,
       {{"https_proxy", ""}, {"HTTPS_PROXY", "http://a:1"}},
       "a:1"},
      {"the usual port", api, {{"HTTPS_PROXY", "http://proxy/"}}, "proxy:3128"},
      {"no scheme", api, {{"HTTPS_PROXY", "Proxy.Example:8080"}}, "proxy.example:8080"},
      {"IPv6", api, {{"HTTPS_PROXY", "http://[fd00::1]:8080"}}, "fd00::1:8080"},
      {"user and password",
       api,
       {{"HTTPS_PROXY", "http://me:p%40ss@proxy:1"}},
       "proxy:1 Basic bWU6cEBzcw=="},
      {"http does not use https_proxy",
       "http://vllm.internal",
       {{"https_proxy", "http://a:1"}},
       "none"},
      {"http uses http_proxy", "http://vllm.internal", {{"http_proxy", "http://a:1"}}, "a:1"},
      {"HTTP_PROXY is never used", "http://vllm.internal", {{"HTTP_PROXY", "http://a:1"}}, "none"},
      {"never for localhost", "https://localhost:1", {{"https_proxy", "http://a:1"}}, "none"},
      {"never for 127/8", "http://127.0.0.2:1", {{"http_proxy", "http://a:1"}}, "none"},
      {"never for ::1", "http://[::1]:1", {{"http_proxy", "http://a:1"}}, "none"},
      {"TLS to the proxy", api, {{"HTTPS_PROXY", "https://proxy:1"}}, form},
      {"SOCKS", api, {{"HTTPS_PROXY", "socks5://proxy:1"}}, form},
      {"a path", api, {{"HTTPS_PROXY", "http://proxy:1/x"}}, form},
      {"port 0", api, {{"HTTPS_PROXY", "http://proxy:0"}}, form},
      {"no host", api, {{"HTTPS_PROXY", "http://"}}, form},
      {"not a URL, and not shown", api, {{"HTTPS_PROXY", "http://me:s3cret pass@proxy"}}, form}};
  for (const Case& c : cases) EXPECT_EQ(shown(c.url, c.variables), c.want) << c.rule;
}

TEST(ProxyFor, LeavesOutWhatNoProxyNames) {
  struct Case {
    const char* rule;
    const char* url;
    const char* no_proxy;
    bool want_proxy;
  };
  const Case cases[] = {
      {"all", "https://a.example", "*", false},
      {"the name itself", "https://a.example", "a.example", false},
      {"any case", "https://a.example", "A.Example", false},
      {"a domain above", "https://x.a.example", "a.example", false},
      {"a domain with a dot", "https://x.a.example", ".a.example", false},
      {"a domain with a star", "https://x.a.example", "*.a.example", false},
      {"a dot means the name too", "https://a.example", ".a.example", false},
      {"not the end of a word", "https://xa.example", "a.example", true},
      {"one of several", "https://a.example", "b.example, a.example", false},
      {"none of several", "https://a.example", "b.example,,c.example", true},
      {"with this port", "https://a.example:8443", "a.example:8443", false},
      {"with another port", "https://a.example", "a.example:8443", true},
      {"an address", "https://10.1.2.3", "10.1.2.3", false},
      {"an IPv6 address", "https://[fd00::1]", "fd00::1", false},
      {"an IPv6 address and port", "https://[fd00::1]:444", "[fd00::1]:443", true},
      {"a network", "https://10.1.2.3", "10.0.0.0/8", false},
      {"a network of one", "https://10.1.2.3", "10.1.2.3/32", false},
      {"another network", "https://10.1.2.3", "192.168.0.0/16", true},
      {"an IPv6 network", "https://[fd00::1]", "fd00::/8", false},
      {"a network does not match names", "https://a.example", "10.0.0.0/8", true},
      {"a broken network", "https://10.1.2.3", "10.0.0.0/99", true},
      {"a lone dot", "https://a.example", ".", true}};
  for (const Case& c : cases) {
    const std::string got =
        shown(c.url, {{"https_proxy", "http://proxy:1"}, {"NO_PROXY", c.no_proxy}});
    EXPECT_EQ(got, c.want_proxy ? "proxy:1" : "none") << c.rule;
  }
  EXPECT_EQ(
      shown("https://a.example",
            {{"https_proxy", "http://proxy:1"}, {"no_proxy", "b.example"}, {"NO_PROXY", "*"}}),
      "proxy:1")
      << "lower case wins";
}
}  // namespace
}  // namespace holdfast::config

#include "net/origin.h"

#include <gtest/gtest.h>

namespace holdfast::net {
namespace {
TEST(ParseBaseUrl, ReadsWhatItSays) {
  struct Case {
    const char* rule;
    const char* url;
    const char* authority;
    const char* path;
    bool tls;
    std::uint16_t port;
  };
  constexpr Case cases[] = {
      {"scheme's own port", "https://api.openai.com/v1", "api.openai.com", "/v1", true, 443},
      {"plain", "http://vllm:8000/v1", "vllm:8000", "/v1", false, 8000},
      {"plain's own port", "http://vllm", "vllm", "", false, 80},
      {"https on 80 says so", "https://a.example:80", "a.example:80", "", true, 80},
      {"trailing slashes go", "https://a.example/v1//", "a.example", "/v1", true, 443},
      {"only a slash is no path", "https://a.example/", "a.example", "", true, 443},
      {"lower case", "HTTPS://API.Example/V1", "api.example", "/V1", true, 443},
      {"IPv6 in brackets", "http://[::1]:8080/v1", "[::1]:8080", "/v1", false, 8080},
      {"IPv6 without port", "https://[fd00::2]", "[fd00::2]", "", true, 443},
      {"IPv4", "http://127.0.0.1:11434/v1", "127.0.0.1:11434", "/v1", false, 11434},
      {"escapes pass", "https://a.example/a%20b", "a.example", "/a%20b", true, 443},
      {"digits before a name", "https://1.api.example", "1.api.example", "", true, 443}};
  for (const Case& c : cases) {
    const auto got = parse_base_url(c.url);
    ASSERT_TRUE(got) << c.rule << ": " << got.error().detail;
    EXPECT_EQ(got->origin.authority(), c.authority) << c.rule;
    EXPECT_EQ(got->path, c.path) << c.rule;
    EXPECT_EQ(got->origin.tls, c.tls) << c.rule;
    EXPECT_EQ(got->origin.port, c.port) << c.rule;
  }
}

TEST(ParseBaseUrl, RefusesTheRest) {
  struct Case {
    const char* rule;
    const char* url;
  };
  constexpr Case cases[] = {{"empty", ""},
                            {"no scheme", "api.openai.com/v1"},
                            {"other scheme", "ftp://a.example"},
                            {"file", "file:///etc/passwd"},
                            {"no host", "https:///v1"},
                            {"user", "https://me@a.example"},
                            {"user and password", "https://me:secret@a.example"},
                            {"query", "https://a.example/v1?key=1"},
                            {"query without path", "https://a.example?key=1"},
                            {"fragment", "https://a.example/v1#x"},
                            {"port 0", "https://a.example:0"},
                            {"port too large", "https://a.example:65536"},
                            {"port empty", "https://a.example:"},
                            {"port no number", "https://a.example:80x"},
                            {"bare IPv6", "https://::1/"},
                            {"IPv4 in brackets", "https://[127.0.0.1]/"},
                            {"zone", "https://[fe80::1%25eth0]/"},
                            {"short IPv4", "http://127.1"},
                            {"decimal IPv4", "http://2130706433"},
                            {"hexadecimal IPv4", "http://0x7f.1"},
                            {"hexadecimal last label", "http://127.0.0.0x1"},
                            {"octal IPv4", "http://0177.0.0.1"},
                            {"five numbers", "http://1.2.3.4.5"},
                            {"empty label", "https://a..example"},
                            {"final dot", "https://a.example."},
                            {"space in host", "https://a .example"},
                            {"line break in host", "https://a\r\n.example"},
                            {"percent in host", "https://%61.example"},
                            {"backslash", "https://a.example\\@b.example"},
                            {"space in path", "https://a.example/a b"},
                            {"line break in path", "https://a.example/a\r\nX: 1"},
                            {"half an escape", "https://a.example/a%2"},
                            {"dot segments", "https://a.example/v1/../admin"},
                            {"dot segment at the end", "https://a.example/v1/.."}};
  for (const Case& c : cases) {
    const auto got = parse_base_url(c.url);
    ASSERT_FALSE(got) << c.rule;
    EXPECT_EQ(got.error().code, ErrorCode::configuration) << c.rule;
    EXPECT_EQ(got.error().detail.find("secret"), std::string::npos) << c.rule;
  }
}

TEST(OriginKey, DiffersWhereAConnectionMayNotBeShared) {
  Origin base;
  base.host = "a.example";
  const auto changed = [&](auto change) {
    Origin other = base;
    change(other);
    return other.key();
  };
  EXPECT_EQ(base.key(), changed([](Origin&) {}));
  EXPECT_NE(base.key(), changed([](Origin& o) { o.tls = false; }));
  EXPECT_NE(base.key(), changed([](Origin& o) { o.host = "b.example"; }));
  EXPECT_NE(base.key(), changed([](Origin& o) { o.port = 444; }));
  EXPECT_NE(base.key(), changed([](Origin& o) { o.ca_file = "/ca.pem"; }));
  EXPECT_NE(base.key(), changed([](Origin& o) { o.private_allowed = true; }));
  EXPECT_NE(base.key(), changed([](Origin& o) { o.proxy = Proxy{"proxy", 3128, Secret()}; }));
  const std::string with_secret =
      changed([](Origin& o) { o.proxy = Proxy{"proxy", 3128, Secret("Basic hunter2")}; });
  EXPECT_NE(with_secret, changed([](Origin& o) { o.proxy = Proxy{"proxy", 3128, Secret()}; }));
  EXPECT_EQ(with_secret.find("hunter2"), std::string::npos);
}

TEST(IsLoopbackHost, KnowsNamesAndAddresses) {
  struct Case {
    const char* host;
    bool want;
  };
  constexpr Case cases[] = {{"localhost", true},
                            {"127.0.0.1", true},
                            {"127.8.9.10", true},
                            {"::1", true},
                            {"::ffff:127.0.0.1", true},
                            {"localhost.example", false},
                            {"127.0.0.1.example", false},
                            {"10.0.0.1", false},
                            {"::", false},
                            {"0.0.0.0", false},
                            {"", false}};
  for (const Case& c : cases) EXPECT_EQ(is_loopback_host(c.host), c.want) << c.host;
}
}  // namespace
}  // namespace holdfast::net

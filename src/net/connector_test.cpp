#include "net/connector.h"

#include <gtest/gtest.h>

#include <fstream>

#include "net/happy_eyeballs.h"
#include "net/http_client.h"
#include "net/tcp_stream.h"
#include "net/test_support.h"
#include "net/test_tls.h"
#include "net/tls_stream.h"

namespace holdfast::net {
namespace {
using namespace std::chrono_literals;
using asio::ip::tcp;
using test::Authority;
using test::day_s;
using test::DnsServer;
using test::TlsServer;
using Connected = std::expected<std::unique_ptr<Stream>, ConnectFailure>;

// A port of 127.0.0.1 (and ::1) on which nothing listens.
std::uint16_t refused_port() {
  asio::io_context loop;
  tcp::acceptor acceptor(loop, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  return acceptor.local_endpoint().port();
}

// A listener that takes no more connections: its queue is full, so that more are not answered.
struct FullListener {
  FullListener(asio::io_context& loop, const tcp::endpoint& at) : acceptor(loop) {
    acceptor.open(at.protocol());
    acceptor.bind(at);
    acceptor.listen(0);
    for (int i = 0; i < 4; ++i) {
      fillers.emplace_back(loop).open(at.protocol());
      fillers.back().native_non_blocking(true);
      const tcp::endpoint end = acceptor.local_endpoint();
      const int started =
          ::connect(fillers.back().native_handle(), end.data(), static_cast<socklen_t>(end.size()));
      EXPECT_LE(started, 0);
    }
  }
  std::uint16_t port() const { return acceptor.local_endpoint().port(); }
  tcp::acceptor acceptor;
  std::vector<tcp::socket> fillers;
};

bool has_ipv6() {
  asio::io_context loop;
  tcp::acceptor acceptor(loop);
  boost::system::error_code error;
  acceptor.open(tcp::v6(), error);
  if (!error) acceptor.bind(tcp::endpoint(asio::ip::address_v6::loopback(), 0), error);
  return !error;
}

struct ConnectorTest : ::testing::Test {
  asio::io_context loop;
  Watchdog watchdog{loop, system_clock()};
  DnsServer dns{loop};
  std::unique_ptr<Connector> connector =
      make_connector(loop, watchdog, system_clock(), {dns.address(), 50ms, 2});
  Authority authority{"test authority"};

  static Origin origin(const std::string& host, std::uint16_t port) {
    Origin out;
    out.tls = false;
    out.host = host;
    out.port = port;
    return out;
  }
  Origin secure(const std::string& host, std::uint16_t port) {
    Origin out = origin(host, port);
    out.tls = true;
    out.ca_file = authority.file();
    out.private_allowed = true;
    if (!dns.zones.contains(host)) dns.zones[host] = {.a = {"127.0.0.1"}};
    return out;
  }
  Connected connect(const Origin& to, Duration within = 10s) {
    Cancellation nobody_leaves;
    return test::run(loop, connector->connect(to, system_clock().now() + within, nobody_leaves));
  }
  // What a connection to `to` fails with; "none" when it does not.
  std::string failure(const Origin& to, Duration within = 10s) {
    const Connected connected = connect(to, within);
    if (connected) return "none";
    return std::string(to_string(connected.error().failure)) + ": " + connected.error().detail;
  }
  std::string echo(Stream& stream, std::string_view text) {
    if (!test::run(loop, stream.write(text, no_deadline))) return "not written";
    std::string out;
    std::array<char, 16384> part{};
    while (out.size() < text.size()) {
      const auto size = test::run(loop, stream.read_some(part, no_deadline));
      if (!size || *size == 0) return "cut";
      out.append(part.data(), *size);
    }
    return out;
  }
};

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_F(ConnectorTest, FailuresOfPlainConnectionsHaveTheirClass) {
  const std::uint16_t refused = refused_port();
  EXPECT_TRUE(has(failure(origin("127.0.0.1", refused)), "connect: 127.0.0.1: ")) << "refused";
  EXPECT_TRUE(has(failure(origin("localhost", refused)), "Connection refused"));
  EXPECT_TRUE(has(failure(origin("missing.example", 80)), "dns: missing.example: no such name"));
  dns.zones["silent.example"] = {.says = DnsServer::Says::nothing};
  EXPECT_TRUE(has(failure(origin("silent.example", 80), 1ms), "dns: silent.example"));
}

TEST_F(ConnectorTest, ABlackHoleIsAConnectTimeout) {
  FullListener full(loop, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  EXPECT_TRUE(has(failure(origin("127.0.0.1", full.port()), 50ms), "connect_timeout: 127.0.0.1: "));
}

TEST_F(ConnectorTest, NamesThatLeadInsideAreRefused) {
  const std::uint16_t refused = refused_port();
  dns.zones["inside.example"] = {.a = {"10.0.0.1"}, .aaaa = {"fd00::1"}};
  dns.zones["metadata.example"] = {.a = {"169.254.169.254"}};
  dns.zones["here.example"] = {.a = {"127.0.0.1"}};
  dns.zones["mixed.example"] = {.a = {"10.0.0.1", "127.0.0.1"}};
  for (const char* host : {"inside.example", "here.example", "mixed.example", "10.0.0.1"})
    EXPECT_TRUE(has(failure(origin(host, refused)), "network: private")) << host;
  for (const char* host : {"metadata.example", "169.254.169.254"}) {
    Origin to = origin(host, refused);
    to.private_allowed = true;
    EXPECT_TRUE(has(failure(to), "where no provider can be")) << host;
  }
  Origin allowed = origin("here.example", refused);
  allowed.private_allowed = true;
  EXPECT_TRUE(has(failure(allowed), "Connection refused")) << "it was tried";
}

TEST_F(ConnectorTest, TriesTheOtherFamilyWhenOneRefuses) {
  tcp::acceptor acceptor(loop, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  EXPECT_EQ(failure(origin("localhost", acceptor.local_endpoint().port())), "none");
}

// The address that won, or why none did.
Task<std::string> winner(asio::io_context& loop, Watchdog& watchdog, std::uint16_t port) {
  std::vector<asio::ip::address> both = {asio::ip::address_v4::loopback(),
                                         asio::ip::address_v6::loopback()};
  Cancellation nobody_leaves;
  const auto socket =
      co_await race_connect(loop, watchdog, both, port, system_clock().now() + 10s, nobody_leaves);
  co_return socket ? socket->remote_endpoint().address().to_string() : socket.error().detail;
}

TEST_F(ConnectorTest, TriesTheNextAddressAfterAQuarterSecond) {
  if (!has_ipv6()) GTEST_SKIP() << "this machine has no IPv6";
  FullListener full(loop, tcp::endpoint(asio::ip::address_v6::loopback(), 0));
  tcp::acceptor acceptor(loop, tcp::endpoint(asio::ip::address_v4::loopback(), full.port()));
  const MonoTime start = system_clock().now();
  EXPECT_EQ(test::run(loop, winner(loop, watchdog, full.port())), "127.0.0.1");
  EXPECT_GE(system_clock().now() - start, 250ms) << "IPv6 had its time";
}

TEST_F(ConnectorTest, ReachesIPv6) {
  if (!has_ipv6()) GTEST_SKIP() << "this machine has no IPv6";
  tcp::acceptor acceptor(loop, tcp::endpoint(asio::ip::address_v6::loopback(), 0));
  EXPECT_EQ(failure(origin("::1", acceptor.local_endpoint().port())), "none");
}

TEST_F(ConnectorTest, SpeaksTls) {
  TlsServer server(authority.sign("DNS:good.example,IP:127.0.0.1"));
  for (const char* host : {"good.example", "127.0.0.1"}) {
    Connected stream = connect(secure(host, server.port()));
    ASSERT_TRUE(stream) << host << ": " << stream.error().detail;
    EXPECT_EQ(echo(**stream, "hello"), "hello");
    const std::string much(1U << 20U, 'x');
    const auto written = test::start(loop, (*stream)->write(much, no_deadline));
    std::string back;
    std::array<char, 16384> part{};
    while (back.size() < much.size()) {
      const auto size = test::run(loop, (*stream)->read_some(part, no_deadline));
      ASSERT_TRUE(size && *size > 0);
      back.append(part.data(), *size);
    }
    EXPECT_EQ(back, much);
    EXPECT_TRUE(written->has_value());
    (*stream)->close();
  }
  EXPECT_EQ(server.alpn(), "\x08http/1.1");
}

TEST_F(ConnectorTest, RefusesCertificatesAndSaysWhy) {
  struct Case {
    const char* rule;
    const char* names;
    long from_s, until_s;
    bool trusted;
    const char* want;
  };
  constexpr Case cases[] = {
      {"expired", "DNS:host.example", -2 * day_s, -day_s, true, "expired on 20"},
      {"not yet valid", "DNS:host.example", day_s, 2 * day_s, true, "check this machine's clock"},
      {"another host", "DNS:a.example,DNS:*.b.example", -day_s, day_s, true,
       "is for a.example, *.b.example, not for this host"},
      {"an address only", "IP:127.0.0.1", -day_s, day_s, true, "is for 127.0.0.1, not for"},
      {"no name", "", -day_s, day_s, true, "is for no host at all"},
      {"unknown authority", "DNS:host.example", -day_s, day_s, false, "as ca_file if you trust"}};
  const Authority stranger("stranger");
  for (const Case& c : cases) {
    const Authority& signer = c.trusted ? authority : stranger;
    TlsServer server(signer.sign(c.names, c.from_s, c.until_s));
    const std::string got = failure(secure("host.example", server.port()));
    EXPECT_TRUE(got.starts_with("tls: host.example:")) << c.rule << ": " << got;
    EXPECT_TRUE(has(got, c.want)) << c.rule << ": " << got;
  }
}

TEST_F(ConnectorTest, FailuresOfTlsHaveTheirClass) {
  TlsServer old(authority.sign("DNS:host.example"), {.highest_version = TLS1_1_VERSION});
  EXPECT_TRUE(has(failure(secure("host.example", old.port())), "tls: ")) << "TLS 1.1";

  TlsServer silent(authority.sign("DNS:host.example"), {.answers = false});
  EXPECT_TRUE(has(failure(secure("host.example", silent.port()), 50ms), "connect_timeout: "));

  Origin no_file = secure("host.example", silent.port());
  no_file.ca_file = "/nonexistent.pem";
  EXPECT_TRUE(has(failure(no_file), "tls: ca_file /nonexistent.pem has no certificates"));

  Origin system_roots = secure("host.example", 0);
  TlsServer good(authority.sign("DNS:host.example"));
  system_roots.port = good.port();
  system_roots.ca_file.clear();
  EXPECT_TRUE(has(failure(system_roots), "as ca_file if you trust it"));
}

// A server in the clear: answers whoever connects with `answer` once it has read a whole head.
Task<int> answer_once(tcp::acceptor& acceptor, Watchdog& watchdog, std::string answer,
                      std::string& asked) {
  tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
  TcpStream stream(std::move(socket), watchdog);
  std::array<char, 4096> part{};
  while (asked.find("\r\n\r\n") == std::string::npos) {
    const auto size = co_await stream.read_some(part, no_deadline);
    if (!size || *size == 0) break;
    asked.append(part.data(), *size);
    if (asked.starts_with('\x16')) break;  // a TLS hello
  }
  co_await stream.write(answer, no_deadline);
  const auto end = co_await stream.read_some(part, no_deadline);
  co_return end ? static_cast<int>(*end) : -1;
}

// Takes one connection and never says anything on it.
Task<bool> hear_once(tcp::acceptor& acceptor, std::optional<tcp::socket>& socket) {
  socket.emplace(co_await acceptor.async_accept(asio::use_awaitable));
  co_await socket->async_wait(tcp::socket::wait_read, asio::use_awaitable);
  co_return true;
}

TEST_F(ConnectorTest, ACancelledConnectEndsAtOnceWhateverItWaitsFor) {
  FullListener full(loop, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  tcp::acceptor silent(loop, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  dns.zones["silent.example"] = {.says = DnsServer::Says::nothing};
  Origin proxied = origin("target.example", 80);
  proxied.proxy.emplace();
  proxied.proxy->host = "127.0.0.1";
  proxied.proxy->port = silent.local_endpoint().port();
  struct Case {
    const char* rule;
    Origin to;
    bool heard;  // it waits for an answer of `silent`
  };
  const Case cases[] = {
      {"an address that does not answer", origin("127.0.0.1", full.port()), false},
      {"DNS servers that do not answer", origin("silent.example", 80), false},
      {"a TLS handshake that stalls", secure("stalls.example", silent.local_endpoint().port()),
       true},
      {"a proxy that does not answer CONNECT", proxied, true},
  };
  for (const Case& c : cases) {
    Cancellation leaves;
    std::optional<tcp::socket> peer;
    const auto heard = test::start(loop, hear_once(silent, peer));
    const auto connected = test::start(loop, connector->connect(c.to, no_deadline, leaves));
    if (c.heard)
      test::run_until(loop, [&] { return heard->has_value(); });
    else
      for (int turn = 0; turn < 20; ++turn) loop.poll_one();
    EXPECT_FALSE(connected->has_value()) << c.rule;
    leaves.cancel();
    test::run_until(loop, [&] { return connected->has_value(); });
    ASSERT_FALSE(**connected) << c.rule;
    EXPECT_EQ((**connected).error().failure, FailureClass::client_left) << c.rule;
    silent.cancel();
    if (!c.heard)
      EXPECT_THROW(test::run_until(loop, [&] { return heard->has_value(); }),
                   boost::system::system_error);
  }
}

TEST_F(ConnectorTest, AConnectThatIsCancelledBeforehandOpensNothing) {
  tcp::acceptor acceptor(loop, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  Cancellation left;
  left.cancel();
  dns.zones["name.example"] = {.a = {"127.0.0.1"}};
  for (const Origin& to : {origin("127.0.0.1", acceptor.local_endpoint().port()),
                           secure("name.example", acceptor.local_endpoint().port())}) {
    const Connected connected = test::run(loop, connector->connect(to, no_deadline, left));
    ASSERT_FALSE(connected);
    EXPECT_EQ(connected.error().failure, FailureClass::client_left);
  }
}

TEST_F(ConnectorTest, ACallThatIsCancelledStopsOpening) {
  FullListener full(loop, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  ConnectionPool pool(*connector, system_clock());
  const Origin to = origin("127.0.0.1", full.port());
  const std::string key = to.key();
  UpstreamCall call(pool, to, key);
  const auto opened = test::start(loop, call.open(no_deadline));
  loop.poll();
  call.cancel();
  test::run_until(loop, [&] { return opened->has_value(); });
  ASSERT_FALSE(**opened);
  EXPECT_EQ((**opened).error().failure, FailureClass::client_left);
}

TEST_F(ConnectorTest, SaysThatAPortDoesNotSpeakTls) {
  tcp::acceptor acceptor(loop, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  std::string asked;
  const auto served =
      test::start(loop, answer_once(acceptor, watchdog, "HTTP/1.1 400 Bad Request\r\n\r\n", asked));
  const std::string got = failure(secure("host.example", acceptor.local_endpoint().port()));
  EXPECT_TRUE(has(got, "does not speak TLS")) << got;
  test::run_until(loop, [&] { return served->has_value(); });
}

TEST_F(ConnectorTest, ACancelledTlsReadHasLostNothing) {
  TlsServer server(authority.sign("DNS:good.example"));
  Connected stream = connect(secure("good.example", server.port()));
  ASSERT_TRUE(stream);
  std::array<char, 4096> part{};
  for (int i = 0; i < 100; ++i) {
    // Interrupted before, while and after the answer arrives.
    const std::string text = "message " + std::to_string(i);
    const auto first = test::start(loop, (*stream)->read_some(part, no_deadline));
    loop.poll();
    ASSERT_TRUE(test::run(loop, (*stream)->write(text, no_deadline)));
    for (int turn = 0; turn < i % 7; ++turn) loop.poll_one();
    (*stream)->cancel();
    test::run_until(loop, [&] { return first->has_value(); });
    Result<std::size_t> size = **first;
    if (!size) {
      EXPECT_EQ(size.error().code, ErrorCode::cancelled);
      size = test::run(loop, (*stream)->read_some(part, no_deadline));
    }
    ASSERT_TRUE(size);
    EXPECT_EQ(std::string_view(part.data(), *size), text);
  }
}

TEST_F(ConnectorTest, TlsReadsHaveDeadlinesAndEnds) {
  for (const bool goodbye : {true, false}) {
    TlsServer server(authority.sign("DNS:good.example"), {.says_goodbye = goodbye});
    Connected stream = connect(secure("good.example", server.port()));
    ASSERT_TRUE(stream);
    std::array<char, 16> part{};
    const auto late = test::run(loop, (*stream)->read_some(part, system_clock().now() + 1ms));
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, ErrorCode::deadline_exceeded);
    EXPECT_EQ(echo(**stream, "still here"), "still here");
    EXPECT_TRUE((*stream)->quiet()) << "session tickets are not said to anybody";
    ASSERT_TRUE(test::run(loop, (*stream)->write("bye", no_deadline)));
    const auto end = test::run(loop, (*stream)->read_some(part, no_deadline));
    EXPECT_FALSE((*stream)->quiet());
    if (goodbye) {
      EXPECT_EQ(end.value_or(1), 0U);
    } else {
      ASSERT_FALSE(end) << "an end without TLS's goodbye may be an attacker's";
      EXPECT_EQ(end.error().code, ErrorCode::upstream_unavailable);
    }
    (*stream)->close();
    EXPECT_EQ(test::run(loop, (*stream)->read_some(part, no_deadline)).error().code,
              ErrorCode::cancelled);
  }
}

TEST_F(ConnectorTest, ResumesSessionsOfTheSameOriginOnly) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsServer server(authority.sign("DNS:a.example,DNS:b.example"), {.highest_version = version});
    const auto resumed = [&](const Origin& to) {
      Connected stream = connect(to);
      EXPECT_TRUE(stream);
      EXPECT_EQ(echo(**stream, "x"), "x");  // TLS 1.3 hands its tickets out after the handshake
      const bool out = dynamic_cast<TlsStream&>(**stream).resumed();
      (*stream)->close();
      return out;
    };
    EXPECT_FALSE(resumed(secure("a.example", server.port())));
    EXPECT_TRUE(resumed(secure("a.example", server.port())));
    EXPECT_FALSE(resumed(secure("b.example", server.port())));
  }
}

TEST_F(ConnectorTest, ReadsAChangedCaFileAgain) {
  const std::string path = std::filesystem::temp_directory_path() /
                           ("holdfast_test_roots_" + std::to_string(getpid()) + ".pem");
  const Authority other("the other authority");
  const auto trust = [&](const Authority& who) {
    std::ofstream(path, std::ios::trunc) << std::ifstream(who.file()).rdbuf();
  };
  TlsServer server(authority.sign("DNS:good.example"));
  Origin to = secure("good.example", server.port());
  to.ca_file = path;
  trust(other);
  EXPECT_TRUE(has(failure(to), "as ca_file if you trust it"));
  trust(authority);
  EXPECT_EQ(failure(to), "none");
  std::filesystem::remove(path);
}

struct ProxyTest : ConnectorTest {
  tcp::acceptor acceptor{loop, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
  std::string asked;

  // Asks the proxy, which answers with `answer`, for a connection to `to`.
  std::string through_proxy(Origin to, const std::string& answer, Duration within = 10s) {
    to.proxy = Proxy{"127.0.0.1", acceptor.local_endpoint().port(), Secret("Basic hunter2")};
    asked.clear();
    const auto served = test::start(loop, answer_once(acceptor, watchdog, answer, asked));
    std::string out = failure(to, within);
    test::run_until(loop, [&] { return served->has_value(); });
    EXPECT_FALSE(has(out, "hunter2"));
    return out;
  }
};

TEST_F(ProxyTest, AsksForATunnelByName) {
  EXPECT_EQ(through_proxy(origin("api.example", 80), "HTTP/1.1 200 Established\r\n\r\n"), "none");
  EXPECT_EQ(asked,
            "CONNECT api.example:80 HTTP/1.1\r\nHost: api.example:80\r\n"
            "Proxy-Authorization: Basic hunter2\r\n\r\n");
  EXPECT_FALSE(dns.zones.contains("api.example")) << "the proxy resolves it";
}

TEST_F(ProxyTest, FailuresHaveTheirClass) {
  const Origin to = origin("api.example", 80);
  struct Case {
    const char* rule;
    std::string answer;
    const char* want;
  };
  const Case cases[] = {
      {"credentials", "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "407 Proxy Auth"},
      {"refused", "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", "403 Forbidden"},
      {"not HTTP", "SSH-2.0-OpenSSH\r\n\r\n", "does not answer in HTTP/1"},
      {"bytes behind its answer", "HTTP/1.1 200 OK\r\n\r\nhello", "bytes after its answer"},
      {"no end", "HTTP/1.1 200 OK\r\nX: " + std::string(20000, 'x'), "has no end"},
      {"control characters", "HTTP/1.1 500 a\x1b[31mb\r\n\r\n", "500 a?[31mb"}};
  for (const Case& c : cases) {
    const std::string got = through_proxy(to, c.answer);
    EXPECT_TRUE(got.starts_with("connect: the proxy 127.0.0.1:")) << c.rule << ": " << got;
    EXPECT_TRUE(has(got, c.want)) << c.rule << ": " << got;
  }
  EXPECT_TRUE(has(through_proxy(to, "", 50ms), "connect_timeout: the proxy")) << "hangs";
}

TEST_F(ProxyTest, AProxyThatIsNotThereIsNamed) {
  Origin to = origin("api.example", 80);
  to.proxy = Proxy{"127.0.0.1", refused_port(), Secret()};
  EXPECT_TRUE(has(failure(to), "connect: the proxy 127.0.0.1: "));
}

TEST_F(ProxyTest, DoesNotLeadToForbiddenAddresses) {
  Origin to = origin("169.254.169.254", 80);
  to.proxy = Proxy{"127.0.0.1", acceptor.local_endpoint().port(), Secret()};
  EXPECT_TRUE(has(failure(to), "where no provider can be"));
}
}  // namespace
}  // namespace holdfast::net

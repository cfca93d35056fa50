#include "net/http_head.h"

#include <gtest/gtest.h>

namespace holdfast::net {
namespace {

std::expected<RequestHead, HeadProblem> read(const std::string& block) {
  return read_request_head(block);
}

std::string with(const std::string& line) {
  return "POST /v1/x HTTP/1.1\r\nHost: a\r\n" + line + "\r\n\r\n";
}

TEST(RequestHead, ReadsWhatIsPlain) {
  const std::string block =
      "POST /v1/x?q=1 HTTP/1.1\r\nHost: localhost:8080\r\nContent-Length: 12\r\n"
      "Expect: 100-Continue\r\nX-A:  b c \r\n\r\n";
  const auto head = read(block);
  ASSERT_TRUE(head.has_value());
  EXPECT_EQ(head->method, Method::post);
  EXPECT_EQ(head->path(), "/v1/x");
  EXPECT_EQ(head->query(), "q=1");
  EXPECT_EQ(head->host, "localhost:8080");
  EXPECT_EQ(head->framing, BodyFraming::length);
  EXPECT_EQ(head->content_length, 12U);
  EXPECT_TRUE(head->expect_continue);
  EXPECT_TRUE(head->keep_alive);
  EXPECT_EQ(head->headers.find("x-a"), "b c");
}

TEST(RequestHead, RefusesWhatTwoParsersCouldReadInTwoWays) {
  struct Case {
    const char* rule;
    std::string block;
    int status;
  };
  const Case cases[] = {
      {"length and encoding", with("Content-Length: 5\r\nTransfer-Encoding: chunked"), 400},
      {"encoding and length", with("Transfer-Encoding: chunked\r\nContent-Length: 5"), 400},
      {"two lengths", with("Content-Length: 5\r\nContent-Length: 5"), 400},
      {"a list of lengths", with("Content-Length: 5, 5"), 400},
      {"a sign", with("Content-Length: +5"), 400},
      {"hexadecimal", with("Content-Length: 0x10"), 400},
      {"a leading zero", with("Content-Length: 010"), 400},
      {"an empty length", with("Content-Length:"), 400},
      {"twenty digits", with("Content-Length: 18446744073709551616"), 400},
      {"chunked twice", with("Transfer-Encoding: chunked, chunked"), 501},
      {"unknown coding", with("Transfer-Encoding: gzip"), 501},
      {"obs-text before chunked",
       with("Transfer-Encoding: \xa0"
            "chunked"),
       501},
      {"two encodings", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), 400},
      {"space before the colon", with("X-A : b"), 400},
      {"empty name", with(": b"), 400},
      {"name with a high byte", with("X-A\x85: b"), 400},
      {"no colon", with("X-A"), 400},
      {"NUL in a value", with(std::string("X-A: a\0b", 8)), 400},
      {"bare CR in a value", with("X-A: a\rb"), 400},
      {"bare LF in a value", with("X-A: a\nb"), 400},
      {"folded line", with("X-A: a\r\n b"), 400},
      {"two hosts", with("Host: b"), 400},
      {"no host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"host with a path", "GET / HTTP/1.1\r\nHost: a/?x=\r\n\r\n", 400},
      {"host with userinfo", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400},
      {"empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
      {"minor version of two digits", "GET / HTTP/1.32\r\nHost: a\r\n\r\n", 505},
      {"major version 9", "GET / HTTP/9.9\r\nHost: a\r\n\r\n", 505},
      {"garbage version", "GET / FTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"method that is no token", "G=\":<> / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"lower-case method", "get / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
      {"CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 405},
      {"TRACE", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405},
      {"another host's absolute form", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"no slash", "GET v1 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"fragment", "GET /#a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"unknown expectation", with("Expect: 200-ok"), 417},
      {"upgrade", with("Upgrade: h2c"), 426},
      {"chunked in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
  };
  for (const Case& c : cases) {
    const auto head = read(c.block);
    ASSERT_FALSE(head.has_value()) << c.rule;
    EXPECT_EQ(head.error().status, c.status) << c.rule << ": " << head.error().detail;
  }
}

TEST(RequestHead, AcceptsTheAbsoluteFormOfItsOwnHost) {
  const std::string block = "GET http://a:1/v1?x HTTP/1.1\r\nHost: A:1\r\n\r\n";
  const auto head = read(block);
  ASSERT_TRUE(head.has_value());
  EXPECT_EQ(head->target, "/v1?x");
}

TEST(FindHeadEnd, NamesTheLimitThatIsPassed) {
  EXPECT_EQ(*find_head_end("GET / HTTP/1.1\r\n\r\nrest", true), 18U);
  EXPECT_EQ(*find_head_end("GET / HTTP/1.1\r\nHost", true), std::nullopt);
  EXPECT_EQ(find_head_end("GET /" + std::string(9000, 'a'), true).error().status, 414);
  EXPECT_EQ(find_head_end("GET / HTTP/1.1\r\nA: " + std::string(70'000, 'a'), true).error().status,
            431);
  EXPECT_EQ(find_head_end("GET / HTTP/1.1\nHost: a\n\n", true).error().status, 400);
  std::string many = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 100; ++i) many += "A: b\r\n";
  EXPECT_EQ(read(many + "\r\n").error().status, 431);
}

TEST(ResponseHead, FramesTheBody) {
  struct Case {
    const char* rule;
    const char* block;
    BodyFraming framing;
    bool keep_alive;
  };
  constexpr Case cases[] = {
      {"length", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", BodyFraming::length, true},
      {"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", BodyFraming::chunked,
       true},
      {"until close", "HTTP/1.1 200 OK\r\n\r\n", BodyFraming::until_close, false},
      {"close", "HTTP/1.1 200\r\nConnection: close\r\nContent-Length: 3\r\n\r\n",
       BodyFraming::length, false},
      {"204 has none", "HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n", BodyFraming::none,
       true},
  };
  for (const Case& c : cases) {
    const auto head = read_response_head(c.block);
    ASSERT_TRUE(head.has_value()) << c.rule;
    EXPECT_EQ(head->framing, c.framing) << c.rule;
    EXPECT_EQ(head->keep_alive, c.keep_alive) << c.rule;
  }
  for (const char* bad : {"HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 600 OK\r\n\r\n", "ICY 200 OK\r\n\r\n",
                          "HTTP/1.1 200OK\r\n\r\n", "HTTP/1.1 200 OK\r\nA\r\n\r\n"})
    EXPECT_FALSE(read_response_head(bad).has_value()) << bad;
}

// Decodes `wire`, fed in pieces of `step` bytes; nothing when it is refused or not whole.
std::optional<std::string> decode(std::string_view wire, std::size_t step) {
  ChunkedDecoder decoder;
  std::string out;
  for (std::size_t at = 0; at < wire.size() && !decoder.done(); at += step) {
    std::string_view input = wire.substr(at, step);
    while (!input.empty() && !decoder.done()) {
      auto piece = decoder.next(input);
      if (!piece) return std::nullopt;
      out.append(*piece);
    }
  }
  return decoder.done() ? std::optional(out) : std::nullopt;
}

TEST(ChunkedDecoder, ReadsStrictlyHoweverItIsSplit) {
  struct Case {
    const char* rule;
    std::string wire;
    std::optional<std::string> want;
  };
  const Case cases[] = {
      {"two chunks", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "abcde"},
      {"extension", "3;a=b\r\nabc\r\n0\r\n\r\n", "abc"},
      {"trailer is dropped", "1\r\na\r\n0\r\nAuthorization: x\r\n\r\n", "a"},
      {"upper-case size", "A\r\n0123456789\r\n0\r\n\r\n", "0123456789"},
      {"underscore in the size", "0_2e\r\n\r\n", std::nullopt},
      {"0x", "0x5\r\nabcde\r\n0\r\n\r\n", std::nullopt},
      {"CR CR behind an extension", "5;ext\r\r\nabcde\r\n0\r\n\r\n", std::nullopt},
      {"seventeen digits", "00000000000000005\r\nabcde\r\n0\r\n\r\n", std::nullopt},
      {"bare LF", "3\nabc\n0\n\n", std::nullopt},
      {"longer than its size", "3\r\nabcd\r\n0\r\n\r\n", std::nullopt},
      {"empty size", "\r\nabc\r\n", std::nullopt},
      {"space before the size", " 3\r\nabc\r\n0\r\n\r\n", std::nullopt},
      {"bad trailer", "0\r\nA b\r\n\r\n", std::nullopt},
      {"cut off", "3\r\nab", std::nullopt},
  };
  for (const Case& c : cases)
    for (const std::size_t step : {c.wire.size(), std::size_t{1}, std::size_t{2}})
      EXPECT_EQ(decode(c.wire, step), c.want) << c.rule << ", step " << step;
}

}  // namespace
}  // namespace holdfast::net

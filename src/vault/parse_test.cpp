// The parsers: XML, times, JSON answers, refusals, endpoints.
#include "vault/instant.h"
#include "vault/metadata.h"
#include "vault/test_support.h"
#include "vault/xml.h"

namespace holdfast::vault {
namespace {

TEST(Xml, ReadsElementsAndText) {
  const auto leaves = read_xml(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<A xmlns=\"urn:x\" b='c'>\n <B>one &amp; "
      "&#x74;wo</B>\n <C/><D><B> x </B></D></A>\n");
  ASSERT_TRUE(leaves) << leaves.error().detail;
  ASSERT_EQ(leaves->size(), 3U);
  EXPECT_EQ(find_leaf(*leaves, "A/B"), "one & two");
  EXPECT_EQ(find_leaf(*leaves, "A/C"), "");
  EXPECT_EQ(find_leaf(*leaves, "A/D/B"), " x ");
  EXPECT_EQ(find_leaf(*leaves, "A/D"), std::nullopt);
}

TEST(Xml, ALeafThatComesTwiceIsNone) {
  const auto leaves = read_xml("<A><B>1</B><B>2</B></A>");
  ASSERT_TRUE(leaves);
  EXPECT_EQ(find_leaf(*leaves, "A/B"), std::nullopt);
}

TEST(Xml, RefusesWhatTokenServicesDoNotWrite) {
  struct Case {
    const char* rule;
    std::string text;
  };
  std::string deep, many = "<a>";
  for (int i = 0; i < 17; ++i) deep += "<a>";
  for (int i = 0; i < 300; ++i) many += "<b/>";
  const Case cases[] = {
      {"nothing", ""},
      {"text alone", "hello"},
      {"no end", "<a>"},
      {"no end of text", "<a>b"},
      {"the wrong end", "<a></b>"},
      {"an end without a beginning", "</a>"},
      {"an end that is a part of the name", "<ab></b>"},
      {"two roots", "<a/><b/>"},
      {"text behind it", "<a/>x"},
      {"text between elements", "<a>x<b/></a>"},
      {"a document type", "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>"},
      {"a comment", "<a><!-- x --></a>"},
      {"CDATA", "<a><![CDATA[x]]></a>"},
      {"a processing instruction", "<a><?x?></a>"},
      {"an entity of one's own", "<a>&x;</a>"},
      {"an entity without an end", "<a>&amp</a>"},
      {"a number that is no ASCII", "<a>&#0;</a>"},
      {"a number that is none", "<a>&#x;</a>"},
      {"an attribute without quotes", "<a b=c></a>"},
      {"two attributes in one", "<a b=\"1\"c=\"2\"></a>"},
      {"a tag in an attribute", "<a b=\"<\"></a>"},
      {"a tag that breaks off", "<a b"},
      {"a declaration that breaks off", "<?xml version"},
      {"control characters", std::string("<a>\0</a>", 8)},
      {"too deep", deep},
      {"too many", many + "</a>"},
  };
  for (const Case& c : cases) EXPECT_FALSE(read_xml(c.text)) << c.rule;
}

TEST(Instant, ReadsBothForms) {
  constexpr std::int64_t at = 1'800'000'000'000'000;
  EXPECT_EQ(parse_rfc3339("2027-01-15T08:00:00Z"), at);
  EXPECT_EQ(parse_rfc3339("2027-01-15T08:00:00.999999999Z"), at);
  EXPECT_EQ(parse_rfc3339("2027-01-15T09:30:00+01:30"), at);
  EXPECT_EQ(parse_rfc3339("2027-01-14T20:00:00-12:00"), at);
  EXPECT_EQ(parse_http_date("Fri, 15 Jan 2027 08:00:00 GMT"), at);
  for (const char* wrong :
       {"", "2027-01-15", "2027-01-15T08:00:00", "2027-02-30T08:00:00Z", "2027-01-15T24:00:00Z",
        "2027-01-15T08:00:00.Z", "2027-01-15T08:00:00ZZ", "1969-01-15T08:00:00Z",
        "2027-01-15T08:00:00+1:00", "2027-13-15T08:00:00Z", "-027-01-15T08:00:00Z"})
    EXPECT_FALSE(parse_rfc3339(wrong)) << wrong;
  for (const char* wrong : {"", "15 Jan 2027 08:00:00 GMT", "Fri, 15 Foo 2027 08:00:00 GMT",
                            "Fri, 15 Jan 2027 08:00:00 UTC", "Fri, 15 Jan 2027 08:00:00 GMT "})
    EXPECT_FALSE(parse_http_date(wrong)) << wrong;
}

TokenAnswer answer_of(std::string body, int status = 200) {
  return {status, {}, Secret(std::move(body))};
}

TEST(Bearer, LivesAsLongAsTheAnswerSays) {
  constexpr std::int64_t now = 1'000'000'000'000'000;
  struct Case {
    const char* rule;
    const char* body;
    std::int64_t life_s;  // 0: refused
  };
  const Case cases[] = {
      {"a number", R"({"access_token":"t","expires_in":3599,"token_type":"Bearer"})", 3599},
      {"a number as text", R"({"access_token":"t","expires_in":"86399"})", 86'399},
      {"an hour when it is not said", R"({"access_token":"t"})", 3600},
      {"Azure's absolute time", R"({"access_token":"t","expires_on":"1000000100"})", 100},
      {"expires_in goes before it",
       R"({"access_token":"t","expires_on":"1","expires_in":7,"token_type":"bEaReR"})", 7},
      {"a long life is cut", R"({"access_token":"t","expires_in":9223372036854775807})",
       std::int64_t{31} * 86'400},
      {"expired", R"({"access_token":"t","expires_in":0})", 0},
      {"expired long ago", R"({"access_token":"t","expires_on":-9223372036854775808})", 0},
      {"no number", R"({"access_token":"t","expires_in":"soon"})", 0},
      {"a fraction", R"({"access_token":"t","expires_in":1.5})", 0},
      {"not a bearer token", R"({"access_token":"t","expires_in":9,"token_type":"mac"})", 0},
      {"no token", R"({"expires_in":9})", 0},
      {"a token with a line end", "{\"access_token\":\"a\\r\\nb\",\"expires_in\":9}", 0},
      {"a token that is no text", R"({"access_token":7,"expires_in":9})", 0},
      {"no object", "[]", 0},
      {"no JSON", "<html>", 0},
      {"two texts", "{}{}", 0},
      {"not UTF-8, within a text behind a key",
       "{\"access_token\":\"m\",\"expires_in\":\"\xf8\xf8\"}", 0},
  };
  for (const Case& c : cases) {
    const auto got = read_bearer(answer_of(c.body), now);
    ASSERT_EQ(got.has_value(), c.life_s != 0) << c.rule;
    if (got) EXPECT_EQ(got->expires_us, now + c.life_s * 1'000'000) << c.rule;
    if (got) EXPECT_EQ(got->token.reveal(), "t") << c.rule;
    if (!got) EXPECT_EQ(got.error().code, ErrorCode::malformed_response) << c.rule;
  }
  const std::string long_one(limits::token_bytes + 1, 't');
  EXPECT_FALSE(read_bearer(answer_of("{\"access_token\":\"" + long_one + "\"}"), now));
}

TEST(Refusal, SaysWhatTheServiceSaysAndNothingThatWasSent) {
  const auto endpoint = parse_endpoint("https://login.example/token", {});
  ASSERT_TRUE(endpoint);
  TokenRequest request = post_form(*endpoint, {{"client_secret", "s3cr~t/+with=signs"}});
  request.headers.push_back({"Authorization", Secret("Bearer abcdefghijkl")});
  struct Case {
    const char* rule;
    int status;
    std::string body, want;
  };
  const Case cases[] = {
      {"OAuth", 400, R"({"error":"invalid_grant","error_description":"Invalid JWT."})",
       "login.example answered 400 invalid_grant: Invalid JWT."},
      {"Google", 403, R"({"error":{"code":403,"status":"PERMISSION_DENIED","message":"No."}})",
       "login.example answered 403 PERMISSION_DENIED: No."},
      {"AWS in JSON", 404, R"({"code":"NotFound","message":"none"})",
       "login.example answered 404 NotFound: none"},
      {"AWS in XML", 400,
       "<ErrorResponse><Error><Code>ExpiredToken</Code><Message>It is &lt;old&gt;</Message>"
       "</Error></ErrorResponse>",
       "login.example answered 400 ExpiredToken: It is <old>"},
      {"a page", 502, "<html><body>bad gateway</body></html>", "login.example answered 502"},
      {"nothing", 500, "", "login.example answered 500"},
      {"our secret said back", 401,
       R"x({"error":"x","error_description":"not 's3cr~t/+with=signs', or:abcdefghijkl."})x",
       "login.example answered 401 x: not '[...]', or:[...]."},
      {"a part of our token said back", 401,
       R"x({"error":"x","error_description":"bad (bcdefghijklmn)"})x",
       "login.example answered 401 x: bad ([...]mn)"},
      {"several lines", 401, "{\"error\":\"x\",\"error_description\":\"a\\r\\nb\\u0000\\u00e9\"}",
       "login.example answered 401 x: a  b???"},
  };
  for (const Case& c : cases)
    EXPECT_EQ(refusal(request, answer_of(c.body, c.status)), c.want) << c.rule;
  const std::string long_text(5'000, 'x');
  EXPECT_LE(refusal(request, answer_of("{\"error\":\"" + long_text + "\"}", 400)).size(), 300U);
}

TEST(Endpoint, PlainHttpIsForThisMachineAndMetadataServices) {
  struct Case {
    const char* url;
    const char* authority;  // nullptr: refused
    const char* target;
  };
  const Case cases[] = {
      {"https://sts.eu-central-1.amazonaws.com", "sts.eu-central-1.amazonaws.com", "/"},
      {"https://Login.example:444/a/b/", "login.example:444", "/a/b"},
      {"https://iam.example/v1/projects/-/serviceAccounts/a@b.c:generateAccessToken", "iam.example",
       "/v1/projects/-/serviceAccounts/a@b.c:generateAccessToken"},
      {"http://127.0.0.1:8000/token?a=b&c=d", "127.0.0.1:8000", "/token?a=b&c=d"},
      {"http://localhost/x", "localhost", "/x"},
      {"http://169.254.169.254/metadata?api-version=1", "169.254.169.254",
       "/metadata?api-version=1"},
      {"http://169.254.170.23/v1/credentials", "169.254.170.23", "/v1/credentials"},
      {"http://[fd00:ec2::254]", "[fd00:ec2::254]", "/"},
      {"http://metadata.google.internal", "metadata.google.internal", "/"},
      {"http://login.example", nullptr, nullptr},
      {"http://10.0.0.1", nullptr, nullptr},
      {"http://[fe80::1]", nullptr, nullptr},
      {"http://[::ffff:169.254.169.254]", nullptr, nullptr},
      {"http://metadata.google.internal.example", nullptr, nullptr},
      {"https://user@login.example", nullptr, nullptr},
      {"https://login.example/a?b#c", nullptr, nullptr},
      {"https://login.example/a?b\r\nX: y", nullptr, nullptr},
      {"https://login.example/a b", nullptr, nullptr},
      {"file:///etc/passwd", nullptr, nullptr},
      {"", nullptr, nullptr},
  };
  for (const Case& c : cases) {
    const auto got = parse_endpoint(c.url, {});
    ASSERT_EQ(got.has_value(), c.authority != nullptr) << c.url;
    if (got) EXPECT_EQ(got->authority, c.authority) << c.url;
    if (got) EXPECT_EQ(got->target, c.target) << c.url;
  }
}

TEST(Endpoint, AMetadataServiceIsReachedByAddressAndWithoutAProxy) {
  const Network network{false, "", [](const std::string& name) -> std::optional<std::string> {
                          if (name.ends_with("_proxy")) return "http://proxy.example:3128";
                          return std::nullopt;
                        }};
  const auto metadata = parse_endpoint("http://metadata.google.internal", network);
  ASSERT_TRUE(metadata);
  EXPECT_FALSE(metadata->origin.proxy);
  EXPECT_EQ(metadata_address(metadata->origin)->to_string(), "169.254.169.254");
  const auto service = parse_endpoint("https://oauth2.googleapis.com/token", network);
  ASSERT_TRUE(service);
  ASSERT_TRUE(service->origin.proxy);
  EXPECT_EQ(service->origin.proxy->host, "proxy.example");
  // Over TLS it is a host like others, to which the egress check applies.
  const auto secure = parse_endpoint("https://169.254.169.254", network);
  ASSERT_TRUE(secure);
  EXPECT_FALSE(metadata_address(secure->origin));
}

TEST(Request, ItsBytes) {
  const auto endpoint = parse_endpoint("https://login.example/token?x=1", {});
  ASSERT_TRUE(endpoint);
  const TokenRequest request = post_form(
      *endpoint, {{"a", "b c&d=e+f/~\xc3\xa9"}, {"nothing", ""}, {"assertion", "x.y-z_"}});
  EXPECT_EQ(to_bytes(request)->reveal(),
            "POST /token?x=1 HTTP/1.1\r\nHost: login.example\r\nUser-Agent: holdfast\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 46\r\n"
            "Connection: close\r\n\r\na=b%20c%26d%3De%2Bf%2F~%C3%A9&assertion=x.y-z_");
  TokenRequest injected = request;
  injected.headers.push_back({"Authorization", Secret("x\r\nEvil: y")});
  const auto refused = to_bytes(injected);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().detail, "what is to be sent as Authorization is not visible ASCII");
}

}  // namespace
}  // namespace holdfast::vault

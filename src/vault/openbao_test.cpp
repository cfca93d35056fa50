// OpenBao without a socket: what is sent, byte for byte, when a login is renewed or made anew, and
// what is made of the answers.
#include "vault/openbao.h"

#include "config/section.h"
#include "config/test_support.h"
#include "vault/test_support.h"

namespace holdfast::vault {
namespace {
using test::ScriptedExchange;
constexpr std::int64_t us_per_s = 1'000'000;

AuthSettings settings() {
  AuthSettings out;
  out.source = Source::openbao;
  out.endpoint = "https://bao.example:8200";
  out.path = "holdfast/open ai";
  out.role_id = "role-1";
  out.secret_id = Secret("a\"quoted\\id");
  return out;
}

std::string login(const std::string& token, int life_s, bool renewable = true) {
  return R"({"auth":{"client_token":")" + token + R"(","lease_duration":)" +
         std::to_string(life_s) + R"(,"renewable":)" + (renewable ? "true" : "false") + "}}";
}
std::string secret(const std::string& value, int version = 1) {
  return R"({"data":{"data":{"key":")" + value + R"(","other":"x"},"metadata":{"version":)" +
         std::to_string(version) + "}}}";
}

class OpenBao : public testing::Test {
 protected:
  // Fetches with these answers; the value and version that came, or "!" and the error.
  std::string fetch() {
    const auto got = test::fetch(*source_, exchange_);
    if (!got) return "!" + got.error().detail;
    expires_us_ = got->expires_us;
    EXPECT_TRUE(got->leased);
    return std::string(got->token.reveal()) + "@" + std::to_string(got->version);
  }
  void refuse(int status, const std::string& why) {
    exchange_.answers.push_back({status, {}, Secret(R"({"errors":[")" + why + "\"]}")});
  }
  // The requests since the last time: "POST /v1/..." and the token.
  std::vector<std::string> sent() {
    std::vector<std::string> out;
    for (const std::string& bytes : exchange_.sent) {
      std::string one = bytes.substr(0, bytes.find(" HTTP/"));
      constexpr std::string_view name = "X-Vault-Token: ";
      if (const std::size_t at = bytes.find(name); at != std::string::npos)
        one += " " + bytes.substr(at + name.size(), bytes.find('\r', at) - at - name.size());
      out.push_back(one);
    }
    exchange_.sent.clear();
    return out;
  }
  void later(int seconds) { exchange_.now_us += seconds * us_per_s; }
  std::int64_t left_s() const { return (expires_us_ - exchange_.now_us) / us_per_s; }

  ScriptedExchange exchange_;
  std::unique_ptr<const CredentialSource> source_ = make_openbao_source(settings());
  std::int64_t expires_us_ = 0;
};
using Sent = std::vector<std::string>;
const std::string login_line = "POST /v1/auth/approle/login";
const std::string read_line = "GET /v1/secret/data/holdfast/open%20ai ";
const std::string renew_line = "POST /v1/auth/token/renew-self ";

TEST_F(OpenBao, LogsInAndReads) {
  exchange_.answer(login("t-1", 3'600));
  exchange_.answer(secret("sk-first", 3));
  EXPECT_EQ(fetch(), "sk-first@3");
  EXPECT_EQ(left_s(), 300) << "the lease of the configuration";
  ASSERT_EQ(exchange_.sent.size(), 2U);
  EXPECT_EQ(exchange_.sent[0],
            "POST /v1/auth/approle/login HTTP/1.1\r\nHost: bao.example:8200\r\nUser-Agent: "
            "holdfast\r\nContent-Type: application/json\r\nContent-Length: 48\r\nConnection: "
            "close\r\n\r\n{\"role_id\":\"role-1\",\"secret_id\":\"a\\\"quoted\\\\id\"}");
  EXPECT_EQ(exchange_.sent[1],
            "GET /v1/secret/data/holdfast/open%20ai HTTP/1.1\r\nHost: bao.example:8200\r\n"
            "User-Agent: holdfast\r\nX-Vault-Token: t-1\r\nConnection: close\r\n\r\n");
  exchange_.sent.clear();
  exchange_.answer(secret("sk-second", 4));
  EXPECT_EQ(fetch(), "sk-second@4");
  EXPECT_EQ(sent(), Sent{read_line + "t-1"}) << "the login is kept";
}

TEST_F(OpenBao, TheLeaseEndsWithItsLogin) {
  exchange_.answer(login("t-1", 60));
  exchange_.answer(secret("sk"));
  EXPECT_EQ(fetch(), "sk@1");
  EXPECT_EQ(left_s(), 60);
}

TEST_F(OpenBao, ALoginIsRenewedAtTwoThirdsAndMadeAnewNearItsEnd) {
  exchange_.answer(login("t-1", 90));
  exchange_.answer(secret("sk"));
  EXPECT_EQ(fetch(), "sk@1");
  later(60);
  exchange_.answer(login("t-1", 90));
  exchange_.answer(secret("sk"));
  EXPECT_EQ(fetch(), "sk@1");
  EXPECT_EQ(left_s(), 90);
  EXPECT_EQ(sent(), (Sent{login_line, read_line + "t-1", renew_line + "t-1", read_line + "t-1"}));
  later(60);
  exchange_.answer(login("t-1", 20));  // no more than its longest life allows
  exchange_.answer(login("t-2", 90));
  exchange_.answer(secret("sk"));
  EXPECT_EQ(fetch(), "sk@1");
  EXPECT_EQ(left_s(), 90);
  EXPECT_EQ(sent(), (Sent{renew_line + "t-1", login_line, read_line + "t-2"}));
  later(60);
  refuse(403, "permission denied");  // revoked meanwhile
  exchange_.answer(login("t-3", 90));
  exchange_.answer(secret("sk"));
  EXPECT_EQ(fetch(), "sk@1");
  EXPECT_EQ(sent(), (Sent{renew_line + "t-2", login_line, read_line + "t-3"}));
  later(91);
  exchange_.answer(login("t-4", 90));
  exchange_.answer(secret("sk"));
  EXPECT_EQ(fetch(), "sk@1");
  EXPECT_EQ(sent(), (Sent{login_line, read_line + "t-4"})) << "an expired one is not sent";
}

TEST_F(OpenBao, ADenialIsAnsweredByOneNewLogin) {
  exchange_.answer(login("t-1", 3'600));
  exchange_.answer(secret("sk"));
  EXPECT_EQ(fetch(), "sk@1");
  sent();
  refuse(403, "permission denied");
  exchange_.answer(login("t-2", 3'600));
  exchange_.answer(secret("sk"));
  EXPECT_EQ(fetch(), "sk@1");
  EXPECT_EQ(sent(), (Sent{read_line + "t-1", login_line, read_line + "t-2"}));
  refuse(403, "permission denied");
  exchange_.answer(login("t-3", 3'600));
  refuse(403, "permission denied");
  const std::string denied = fetch();
  EXPECT_NE(
      denied.find("403: permission denied: the policy must allow read of secret/data/holdfast"),
      std::string::npos)
      << denied;
  EXPECT_EQ(sent(), (Sent{read_line + "t-2", login_line, read_line + "t-3"}));
  refuse(403, "permission denied");
  EXPECT_TRUE(fetch().starts_with("!"));
  EXPECT_EQ(sent(), Sent{read_line + "t-3"}) << "secret ids may have a number of uses";
  later(601);
  refuse(403, "permission denied");
  exchange_.answer(login("t-4", 3'600));
  exchange_.answer(secret("sk"));
  EXPECT_EQ(fetch(), "sk@1");
}

TEST_F(OpenBao, ATokenIsLookedAtAndRenewed) {
  AuthSettings given = settings();
  given.role_id.clear();
  given.secret_id = {};
  given.token = Secret("t-given");
  source_ = make_openbao_source(given);
  exchange_.answer(R"({"data":{"ttl":90,"renewable":true}})");
  exchange_.answer(secret("sk"));
  EXPECT_EQ(fetch(), "sk@1");
  EXPECT_EQ(left_s(), 90);
  later(60);
  exchange_.answer(login("t-given", 90));
  exchange_.answer(secret("sk"));
  EXPECT_EQ(fetch(), "sk@1");
  later(60);
  refuse(403, "permission denied");
  exchange_.answer(secret("sk"));
  EXPECT_EQ(fetch(), "sk@1") << "the token is good until its end, renewed or not";
  later(30);
  refuse(403, "permission denied");
  EXPECT_TRUE(fetch().starts_with("!")) << "nobody can log in anew";
  EXPECT_EQ(sent(), (Sent{"GET /v1/auth/token/lookup-self t-given", read_line + "t-given",
                          renew_line + "t-given", read_line + "t-given", renew_line + "t-given",
                          read_line + "t-given", "GET /v1/auth/token/lookup-self t-given"}));
  source_ = make_openbao_source(given);
  exchange_.answer(R"({"data":{"ttl":0,"renewable":false}})");  // a root token
  exchange_.answer(secret("sk"));
  EXPECT_EQ(fetch(), "sk@1");
  EXPECT_EQ(left_s(), 300);
}

TEST_F(OpenBao, AnswersThatAreNoSecret) {
  struct Case {
    const char* rule;
    std::string body;
    const char* want;
  };
  const Case cases[] = {
      {"no JSON", "<html>", "the answer"},
      {"cut off", R"({"data":{"data":{"key":"sk-)", "the answer"},
      {"no data", "{}", "the answer has no data"},
      {"version 1 of the engine", R"({"data":{"key":"sk"}})", "no key-value engine of version 2"},
      {"no version", R"({"data":{"data":{"key":"sk"},"metadata":{}}})", "no version"},
      {"another field", R"({"data":{"data":{"KEY":"sk"},"metadata":{"version":1}}})",
       "there is no key of secret/holdfast/open ai; it has: KEY"},
      {"no text", R"({"data":{"data":{"key":7},"metadata":{"version":1}}})", "is empty"},
      {"two lines", secret("sk\\nmore"), "has a space, a line break"}};
  for (const Case& c : cases) {
    source_ = make_openbao_source(settings());
    exchange_.answer(login("t-1", 3'600));
    exchange_.answer(c.body);
    const std::string got = fetch();
    EXPECT_TRUE(got.starts_with("!") && got.find(c.want) != std::string::npos) << c.rule << got;
    EXPECT_EQ(got.find("sk"), std::string::npos) << c.rule << got;
  }
  for (const char* body : {"{}", R"({"auth":{}})", R"({"auth":{"client_token":"a b"}})",
                           R"({"auth":{"client_token":"t","lease_duration":-1}})"}) {
    source_ = make_openbao_source(settings());
    exchange_.answer(body);
    EXPECT_TRUE(fetch().starts_with("!the answer has no")) << body;
  }
}

TEST(ReadOpenBao, SaysWhatIsMissing) {
  struct Case {
    const char* auth;
    const char* want;
  };
  const Case cases[] = {
      {"path: a, role_id: r, secret_id: env:S", "endpoint"},
      {"endpoint: 'https://b', role_id: r, secret_id: env:S", "path"},
      {"endpoint: 'https://b', path: a", "role_id"},
      {"endpoint: 'https://b', path: a, role_id: r", "role_id"},
      {"endpoint: 'https://b', path: a, role_id: r, secret_id: env:S, token: env:S", "role_id"},
      {"endpoint: 'https://b', path: a/../b, token: env:S", "path"},
      {"endpoint: 'https://b', path: /a, token: env:S", "path"},
      {"endpoint: 'http://bao.example', path: a, token: env:S", "endpoint"}};
  for (const Case& c : cases) {
    const auto document = config::parse("auth: { source: openbao, " + std::string(c.auth) + " }\n",
                                        "h.yaml", config::environment_of({{"S", "s3cret"}}), {});
    config::Reader reader(document);
    reader.read([&](config::Section& section) { read_auth(section, {}); });
    const auto problems = config::lines_of(reader.take_problems());
    ASSERT_FALSE(problems.empty()) << c.auth;
    EXPECT_NE(problems.front().find("auth." + std::string(c.want)), std::string::npos)
        << c.auth << ": " << problems.front();
  }
}
}  // namespace
}  // namespace holdfast::vault

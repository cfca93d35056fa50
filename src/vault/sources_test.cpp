// Each source without a socket: what it sends, byte for byte, and what it makes of the answers.
#include "net/sigv4.h"
#include "vault/settings.h"
#include "vault/test_support.h"

namespace holdfast::vault {
namespace {
using test::ScriptedExchange;

constexpr std::string_view keys_json =
    R"({"Code":"Success","AccessKeyId":"ASIAEXAMPLEEXAMPLE00","SecretAccessKey":"secret/key",)"
    R"("Token":"session==","Expiration":"2027-01-15T14:00:00Z"})";
constexpr std::int64_t at_14_h = 1'800'021'600'000'000;

AuthSettings settings_of(Source source) {
  AuthSettings out;
  out.source = source;
  out.scopes = {"scope-a", "scope-b"};
  out.scope = "https://cognitiveservices.azure.com/.default";
  out.tenant = "tenant-1";
  out.client_id = "client-1";
  out.client_secret = Secret("s3cret~");
  out.region = "eu-central-1";
  out.role_arn = "arn:aws:iam::123456789012:role/gate";
  return out;
}

std::string sts_xml(const std::string& action) {
  return "<" + action + "Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n<" +
         action +
         "Result><Credentials><AccessKeyId>ASIAEXAMPLEEXAMPLE00</AccessKeyId>"
         "<SecretAccessKey>secret/key</SecretAccessKey><SessionToken>session==</SessionToken>"
         "<Expiration>2027-01-15T14:00:00Z</Expiration></Credentials></" +
         action + "Result></" + action + "Response>";
}

std::string post(const std::string& host, const std::string& target, const std::string& body) {
  return "POST " + target + " HTTP/1.1\r\nHost: " + host +
         "\r\nUser-Agent: holdfast\r\nContent-Type: application/x-www-form-urlencoded\r\n"
         "Content-Length: " +
         std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" + body;
}

std::string get(const std::string& host, const std::string& target, const std::string& header) {
  return "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: holdfast\r\n" + header +
         "\r\nConnection: close\r\n\r\n";
}

void expect_keys(const Result<Credential>& got) {
  ASSERT_TRUE(got) << got.error().detail;
  EXPECT_EQ(got->kind, Credential::Kind::aws);
  EXPECT_EQ(got->aws.access_key_id, "ASIAEXAMPLEEXAMPLE00");
  EXPECT_EQ(got->aws.secret_access_key.reveal(), "secret/key");
  EXPECT_EQ(got->aws.session_token.reveal(), "session==");
  EXPECT_EQ(got->expires_us, at_14_h);
}

void expect_token(const Result<Credential>& got, std::string_view token, std::int64_t expires_us) {
  ASSERT_TRUE(got) << got.error().detail;
  EXPECT_EQ(got->kind, Credential::Kind::bearer);
  EXPECT_EQ(got->token.reveal(), token);
  EXPECT_EQ(got->expires_us, expires_us);
}

TEST(Google, MetadataServer) {
  ScriptedExchange exchange;
  AuthSettings settings = settings_of(Source::google_metadata);
  const std::string answer = R"({"access_token":"ya29.x","expires_in":600,"token_type":"Bearer"})";
  exchange.answer(answer, {{"Metadata-Flavor", "Google"}});
  const auto got = test::fetch(*make_source(settings), exchange);
  expect_token(got, "ya29.x", exchange.now_us + 600'000'000);
  EXPECT_EQ(exchange.sent.at(0), get("metadata.google.internal",
                                     "/computeMetadata/v1/instance/service-accounts/default/"
                                     "token?scopes=scope-a%2Cscope-b",
                                     "Metadata-Flavor: Google"));
  exchange.answer(answer);
  const auto other = test::fetch(*make_source(settings), exchange);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::malformed_response);
}

TEST(Google, ServiceAccountSentAnotherWay) {
  ScriptedExchange exchange;
  exchange.files["sa.json"] = test::service_account_json("https://oauth2.example/token");
  AuthSettings settings = settings_of(Source::google_service_account);
  settings.credential_file = "sa.json";
  settings.token_url = "https://tokens.internal.example/t";
  exchange.answer(R"({"access_token":"ya29.z","expires_in":3599})");
  const auto got = test::fetch(*make_source(settings), exchange);
  expect_token(got, "ya29.z", exchange.now_us + 3'599'000'000);
  const std::string& sent = exchange.sent.at(0);
  const std::string start =
      "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
  const std::string body = sent.substr(sent.find("\r\n\r\n") + 4);
  ASSERT_TRUE(body.starts_with(start)) << body;
  EXPECT_EQ(sent, post("tokens.internal.example", "/t", body));
  const test::Jwt jwt = test::parts_of(body.substr(start.size()));
  EXPECT_TRUE(test::verifies(jwt, test::rsa_key()));
  EXPECT_NE(jwt.claims.find(R"("aud":"https://oauth2.example/token")"), std::string::npos);
}

TEST(Google, AuthorizedUser) {
  ScriptedExchange exchange;
  exchange.files["user.json"] =
      R"({"type":"authorized_user","client_id":"id","client_secret":"cs","refresh_token":"1//r"})";
  AuthSettings settings = settings_of(Source::google_authorized_user);
  settings.credential_file = "user.json";
  exchange.answer(R"({"access_token":"ya29.y","expires_in":3599})");
  const auto got = test::fetch(*make_source(settings), exchange);
  expect_token(got, "ya29.y", exchange.now_us + 3'599'000'000);
  EXPECT_EQ(exchange.sent.at(0),
            post("oauth2.googleapis.com", "/token",
                 "grant_type=refresh_token&client_id=id&client_secret=cs&refresh_token=1%2F%2Fr"));
}

constexpr const char* external_rest =
    R"("type":"external_account","audience":"//iam.example/pool","token_url":"https://sts.example/v1/token","subject_token_type":"urn:ietf:params:oauth:token-type:jwt"})";

TEST(Google, WorkloadIdentityFromAFile) {
  ScriptedExchange exchange;
  exchange.files["e.json"] =
      std::string(R"({"credential_source":{"file":"/token"},)") + external_rest;
  exchange.files["/token"] = "sub.ject.token";
  AuthSettings settings = settings_of(Source::google_workload_identity);
  settings.credential_file = "e.json";
  exchange.answer(
      R"({"access_token":"fed","expires_in":3600,"token_type":"Bearer","issued_token_type":"x"})");
  const auto got = test::fetch(*make_source(settings), exchange);
  expect_token(got, "fed", exchange.now_us + 3'600'000'000);
  EXPECT_EQ(exchange.sent.at(0),
            post("sts.example", "/v1/token",
                 "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&"
                 "audience=%2F%2Fiam.example%2Fpool&scope=scope-a%20scope-b&"
                 "requested_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token&"
                 "subject_token=sub.ject.token&"
                 "subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt"));
}

TEST(Google, WorkloadIdentityFromAUrlWithImpersonation) {
  ScriptedExchange exchange;
  exchange.files["e.json"] =
      std::string(
          R"({"credential_source":{"url":"https://ci.example/oidc?aud=x","headers":{"X-Key":"k"},)"
          R"("format":{"type":"json","subject_token_field_name":"value"}},)"
          R"("service_account_impersonation_url":"https://iam.example/v1/a@b:generateAccessToken",)"
          R"("service_account_impersonation":{"token_lifetime_seconds":1800},)") +
      external_rest;
  AuthSettings settings = settings_of(Source::google_workload_identity);
  settings.credential_file = "e.json";
  exchange.answer(R"({"value":"s.t"})");
  exchange.answer(R"({"access_token":"fed","expires_in":3600})");
  exchange.answer(R"({"accessToken":"imp","expireTime":"2027-01-15T14:00:00Z"})");
  const auto got = test::fetch(*make_source(settings), exchange);
  expect_token(got, "imp", at_14_h);
  ASSERT_EQ(exchange.sent.size(), 3U);
  EXPECT_EQ(exchange.sent[0], get("ci.example", "/oidc?aud=x", "X-Key: k"));
  EXPECT_NE(exchange.sent[1].find("scope=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fiam&"),
            std::string::npos);
  EXPECT_EQ(exchange.sent[2],
            "POST /v1/a@b:generateAccessToken HTTP/1.1\r\nHost: iam.example\r\n"
            "User-Agent: holdfast\r\nAuthorization: Bearer fed\r\n"
            "Content-Type: application/json\r\nContent-Length: 50\r\nConnection: close\r\n\r\n"
            R"({"scope":["scope-a","scope-b"],"lifetime":"1800s"})");
}

TEST(Azure, EntraWithASecretOrAnAssertion) {
  ScriptedExchange exchange;
  exchange.answer(R"({"token_type":"Bearer","expires_in":3599,"access_token":"eyJ0"})");
  const auto by_secret =
      test::fetch(*make_source(settings_of(Source::entra_client_secret)), exchange);
  expect_token(by_secret, "eyJ0", exchange.now_us + 3'599'000'000);
  EXPECT_EQ(exchange.sent.at(0),
            post("login.microsoftonline.com", "/tenant-1/oauth2/v2.0/token",
                 "grant_type=client_credentials&client_id=client-1&client_secret=s3cret~&"
                 "scope=https%3A%2F%2Fcognitiveservices.azure.com%2F.default"));
  AuthSettings federated = settings_of(Source::entra_federated);
  federated.token_file = "/token";
  federated.endpoint = "https://login.microsoftonline.us/";
  const auto source = make_source(federated);
  for (const char* assertion : {"first.a.b", "second.a.b"}) {  // the file is read each time
    exchange.files["/token"] = assertion;
    exchange.answer(R"({"expires_in":3599,"access_token":"eyJ1"})");
    const auto got = test::fetch(*source, exchange);
    expect_token(got, "eyJ1", exchange.now_us + 3'599'000'000);
    EXPECT_EQ(exchange.sent.back(),
              post("login.microsoftonline.us", "/tenant-1/oauth2/v2.0/token",
                   "grant_type=client_credentials&client_id=client-1&client_assertion_type="
                   "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&"
                   "client_assertion=" +
                       std::string(assertion) +
                       "&scope=https%3A%2F%2Fcognitiveservices.azure.com%2F.default"));
  }
}

TEST(Azure, ManagedIdentityInBothForms) {
  ScriptedExchange exchange;
  AuthSettings settings = settings_of(Source::azure_managed_identity);
  settings.client_id.clear();
  exchange.answer(R"({"access_token":"m","expires_in":"86399","expires_on":"1800086399"})");
  const auto got = test::fetch(*make_source(settings), exchange);
  expect_token(got, "m", exchange.now_us + 86'399'000'000);
  EXPECT_EQ(exchange.sent.at(0), get("169.254.169.254",
                                     "/metadata/identity/oauth2/token?api-version=2018-02-01&"
                                     "resource=https%3A%2F%2Fcognitiveservices.azure.com",
                                     "Metadata: true"));
  settings.form = ManagedForm::app_service;
  settings.endpoint = "http://169.254.129.3:8081/msi/token/";
  settings.identity_header = Secret("853b9a84");
  settings.client_id = "user-1";
  exchange.answer(R"({"access_token":"n","expires_on":"1800000100","token_type":"Bearer"})");
  const auto other = test::fetch(*make_source(settings), exchange);
  expect_token(other, "n", exchange.now_us + 100'000'000);
  EXPECT_EQ(exchange.sent.at(1),
            get("169.254.129.3:8081",
                "/msi/token?api-version=2019-08-01&"
                "resource=https%3A%2F%2Fcognitiveservices.azure.com&client_id=user-1",
                "X-IDENTITY-HEADER: 853b9a84"));
}

TEST(Aws, StaticKeysNeedNobodyAndNeverExpire) {
  ScriptedExchange exchange;
  AuthSettings settings = settings_of(Source::aws_static);
  settings.access_key_id = "AKIA";
  settings.secret_access_key = Secret("k");
  const auto got = test::fetch(*make_source(settings), exchange);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->aws.access_key_id, "AKIA");
  EXPECT_EQ(got->expires_us, never_us);
  EXPECT_TRUE(exchange.sent.empty());
}

TEST(Aws, WebIdentity) {
  ScriptedExchange exchange;
  exchange.files["/token"] = "eyJ.a.b";
  AuthSettings settings = settings_of(Source::aws_web_identity);
  settings.token_file = "/token";
  exchange.answer(sts_xml("AssumeRoleWithWebIdentity"));
  expect_keys(test::fetch(*make_source(settings), exchange));
  EXPECT_EQ(exchange.sent.at(0),
            post("sts.eu-central-1.amazonaws.com", "/",
                 "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A"
                 "123456789012%3Arole%2Fgate&RoleSessionName=holdfast&WebIdentityToken=eyJ.a.b&"
                 "DurationSeconds=3600"));
}

TEST(Aws, AssumeRoleIsSignedByTheBase) {
  ScriptedExchange exchange;
  AuthSettings settings = settings_of(Source::aws_assume_role);
  settings.external_id = "partner 7";
  AuthSettings base = settings_of(Source::aws_static);
  base.access_key_id = "AKIDEXAMPLE000000000";
  base.secret_access_key = Secret("wJalrXUtnFEMI");
  base.session_token = Secret("base-session");
  settings.base = std::make_shared<const AuthSettings>(base);
  exchange.answer(sts_xml("AssumeRole"));
  expect_keys(test::fetch(*make_source(settings), exchange));
  const std::string& sent = exchange.sent.at(0);
  const std::size_t head_size = *net::find_head_end(sent, true).value();
  const auto head = net::read_request_head(std::string_view(sent).substr(0, head_size));
  ASSERT_TRUE(head);
  const std::string body = sent.substr(head_size);
  EXPECT_EQ(body,
            "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole"
            "%2Fgate&RoleSessionName=holdfast&ExternalId=partner%207&DurationSeconds=3600");
  EXPECT_EQ(head->headers.find("x-amz-security-token"), "base-session");
  const auto claim = net::read_sigv4_claim(head->headers.find("authorization").value_or(""));
  ASSERT_TRUE(claim);
  EXPECT_EQ(claim->access_key_id, "AKIDEXAMPLE000000000");
  EXPECT_EQ(claim->region, "eu-central-1");
  const std::string sha = net::sha256_hex(body);
  const net::SignableRequest request{"POST", "/", "", head->headers.fields, sha};
  EXPECT_EQ(net::verify_sigv4(*claim, request, base.secret_access_key, "sts",
                              exchange.now_us / 1'000'000),
            net::SigV4Verdict::accepted);
}

TEST(Aws, ContainerEndpoint) {
  ScriptedExchange exchange;
  exchange.files["/token"] = "pod-token";
  AuthSettings settings = settings_of(Source::aws_container);
  settings.endpoint = "http://169.254.170.23/v1/credentials";
  settings.token_file = "/token";
  exchange.answer(std::string(keys_json));
  expect_keys(test::fetch(*make_source(settings), exchange));
  EXPECT_EQ(exchange.sent.at(0),
            get("169.254.170.23", "/v1/credentials", "Authorization: pod-token"));
  exchange.files["/token"] = "two\r\nlines";
  const auto injected = test::fetch(*make_source(settings), exchange);
  ASSERT_FALSE(injected);
  EXPECT_EQ(exchange.sent.size(), 1U);
}

TEST(Aws, InstanceMetadataNeedsASessionAndTheRolesName) {
  ScriptedExchange exchange;
  exchange.answer("sess-1");
  exchange.answer("gate-role\n");
  exchange.answer(std::string(keys_json));
  expect_keys(test::fetch(*make_source(settings_of(Source::aws_instance)), exchange));
  ASSERT_EQ(exchange.sent.size(), 3U);
  const std::string host = "169.254.169.254";
  EXPECT_EQ(exchange.sent[0],
            "PUT /latest/api/token HTTP/1.1\r\nHost: 169.254.169.254\r\nUser-Agent: holdfast\r\n"
            "X-aws-ec2-metadata-token-ttl-seconds: 21600\r\nContent-Length: 0\r\n"
            "Connection: close\r\n\r\n");
  const std::string path = "/latest/meta-data/iam/security-credentials/";
  EXPECT_EQ(exchange.sent[1], get(host, path, "X-aws-ec2-metadata-token: sess-1"));
  EXPECT_EQ(exchange.sent[2], get(host, path + "gate-role", "X-aws-ec2-metadata-token: sess-1"));
}

TEST(Aws, AnswersThatAreNoKeys) {
  ScriptedExchange exchange;
  AuthSettings settings = settings_of(Source::aws_container);
  settings.endpoint = "http://127.0.0.1/c";
  struct Case {
    const char* rule;
    const char* from;
    const char* to;
  };
  const Case cases[] = {{"no success", "Success", "AssumeRoleUnauthorizedAccess"},
                        {"no id", "AccessKeyId", "X"},
                        {"an id that is none", "ASIAEXAMPLEEXAMPLE00", "ASIA/x,y=zzzzzzzzzzzz"},
                        {"no key", "SecretAccessKey", "X"},
                        {"no session", "Token", "X"},
                        {"no end", "Expiration", "X"},
                        {"an end that is none", "14:00:00Z", "later"},
                        {"expired", "2027-01-15T14", "2027-01-15T07"}};
  for (const Case& c : cases) {
    std::string body(keys_json);
    body.replace(body.find(c.from), std::strlen(c.from), c.to);
    exchange.answer(body);
    const auto got = test::fetch(*make_source(settings), exchange);
    ASSERT_FALSE(got) << c.rule;
    EXPECT_EQ(got.error().code, ErrorCode::malformed_response) << c.rule;
  }
}

}  // namespace
}  // namespace holdfast::vault

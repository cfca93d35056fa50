#include "vault/jwt.h"

#include <array>
#include <cstdio>

#include "vault/google.h"
#include "vault/test_support.h"

namespace holdfast::vault {
namespace {
using test::rsa_key;

TEST(Base64url, HasNoPadding) {
  EXPECT_EQ(base64url(""), "");
  EXPECT_EQ(base64url("f"), "Zg");
  EXPECT_EQ(base64url("fo"), "Zm8");
  EXPECT_EQ(base64url("foo"), "Zm9v");
  EXPECT_EQ(base64url("\xff\xfe\xfb"), "__77");
}

TEST(RsaKey, RefusesWhatCannotSignRs256) {
  struct Case {
    const char* rule;
    std::string pem;
    const char* want;
  };
  const Case cases[] = {
      {"nothing", "", "the private key is not an unencrypted PEM key"},
      {"no PEM", "hello", "the private key is not an unencrypted PEM key"},
      {"a public key", rsa_key().public_pem, "the private key is not an unencrypted PEM key"},
      {"encrypted: nobody is asked",
       test::key_pair(EVP_RSA_gen(2048), EVP_aes_128_cbc()).private_pem,
       "the private key is not an unencrypted PEM key"},
      {"an elliptic curve", test::key_pair(EVP_EC_gen("P-256")).private_pem,
       "the private key is not an RSA key"},
      {"too short", test::key_pair(EVP_RSA_gen(1024)).private_pem,
       "the private key is shorter than 2048 bits"}};
  for (const Case& c : cases) {
    const auto key = RsaKey::read(c.pem);
    ASSERT_FALSE(key) << c.rule;
    EXPECT_EQ(key.error().detail, c.want) << c.rule;
  }
}

Secret assertion_at(std::int64_t now_us) {
  const auto account =
      read_service_account(test::service_account_json("https://oauth2.example/token"));
  EXPECT_TRUE(account) << account.error().detail;
  return *service_account_assertion(*account, "scope-a scope-b", account->token_url, now_us);
}

TEST(ServiceAccount, TheAssertionSaysWhoAsksForWhatAndIsSigned) {
  const test::Jwt jwt = test::parts_of(std::string(assertion_at(1'800'000'000'123'456).reveal()));
  EXPECT_EQ(jwt.header, R"({"alg":"RS256","typ":"JWT","kid":"key-1"})");
  EXPECT_EQ(jwt.claims,
            R"({"iss":"gate@project.iam.example","scope":"scope-a scope-b",)"
            R"("aud":"https://oauth2.example/token","iat":1800000000,"exp":1800003600})");
  EXPECT_TRUE(test::verifies(jwt, rsa_key()));
  EXPECT_FALSE(test::verifies(jwt, test::key_pair(EVP_RSA_gen(2048))));
}

// Google's own library as the judge.
TEST(ServiceAccount, GoogleAuthAcceptsTheAssertion) {
  const std::string python = HF_SOURCE_DIR "/.venv/bin/python";
  const std::string probe = python + " -c 'import google.auth.jwt' 2>/dev/null";
  if (std::system(probe.c_str()) != 0) GTEST_SKIP() << "the tests' Python has no google-auth";
  const test::Folder folder;
  const std::string key = folder.write("key.pem", rsa_key().public_pem);
  const std::string token =
      folder.write("token", std::string(assertion_at(system_clock().wall_us()).reveal()));
  const std::string script = folder.write("judge.py", R"(
import sys
import google.auth.jwt
token, key = open(sys.argv[1]).read(), open(sys.argv[2]).read()
claims = google.auth.jwt.decode(token, certs=key, audience="https://oauth2.example/token")
print(claims["iss"], claims["scope"], claims["exp"] - claims["iat"], end="")
)");
  const std::string command = python + " " + script + " " + token + " " + key + " 2>&1";
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), &::pclose);
  ASSERT_NE(pipe, nullptr);
  std::string said;
  std::array<char, 4096> buffer{};
  for (std::size_t got = 0; (got = std::fread(buffer.data(), 1, buffer.size(), pipe.get())) > 0;)
    said.append(buffer.data(), got);
  EXPECT_EQ(said, "gate@project.iam.example scope-a scope-b 3600");
}

TEST(CredentialFiles, SayWhatIsWrong) {
  const auto external = [](const std::string& rest) {
    return R"({"type":"external_account","audience":"a","subject_token_type":"t")" + rest + "}";
  };
  const auto why = [](const auto& read) { return read ? std::string() : read.error().detail; };
  EXPECT_EQ(why(read_service_account("x")), "the credential file is not JSON");
  EXPECT_EQ(why(read_service_account(R"({"type":"authorized_user"})")),
            "the credential file is not of the type \"service_account\"");
  EXPECT_EQ(why(read_service_account(R"({"type":"service_account"})")),
            "the credential file has no client_email");
  EXPECT_EQ(why(read_service_account(R"({"type":"service_account","client_email":"a@b"})")),
            "the credential file: the private key is not an unencrypted PEM key");
  EXPECT_EQ(why(read_authorized_user(R"({"type":"authorized_user","client_id":"i"})")),
            "the credential file has no client_id or no refresh_token");
  EXPECT_EQ(why(read_external_account(external(""))),
            "the credential file has no credential_source");
  EXPECT_EQ(why(read_external_account(external(R"(,"workforce_pool_user_project":"p")"))),
            "the credential file is of a workforce pool, which is not read here");
  const std::string others =
      "the credential file's credential_source must have a file or a url; others (aws, executable, "
      "certificate) are not read here";
  EXPECT_EQ(
      why(read_external_account(external(
          R"(,"credential_source":{"environment_id":"aws1","url":"http://169.254.169.254"})"))),
      others);
  EXPECT_EQ(why(read_external_account(external(R"(,"credential_source":{"executable":{}})"))),
            others);
  EXPECT_EQ(why(read_external_account(
                external(R"(,"credential_source":{"file":"f","format":{"type":"json"}})"))),
            "the credential file's format must be text, or json with subject_token_field_name");
  EXPECT_EQ(why(read_external_account(
                external(R"(,"credential_source":{"url":"u","headers":{"a:b":"c"}})"))),
            "a header of credential_source is not one");
}

}  // namespace
}  // namespace holdfast::vault

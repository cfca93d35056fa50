#include "vault/settings.h"

#include "config/section.h"
#include "config/test_support.h"
#include "vault/test_support.h"

namespace holdfast::vault {
namespace {

struct Read {
  std::optional<AuthSettings> settings;
  std::vector<std::string> problems;
};

// Reads what stands under `auth`, two spaces deep.
Read read(const std::string& auth, const AuthOffer& offer = {},
          const std::filesystem::path& folder = {}) {
  const auto document =
      config::parse(auth.empty() ? "kind: x\n" : "auth:\n" + auth, "h.yaml",
                    config::environment_of({{"SECRET", "s3cr3t-value"}, {"ID", "id-1"}}), folder);
  config::Reader reader(document);
  Read out;
  reader.read([&](config::Section& section) {
    std::string kind;
    section.word("kind", kind, "x");
    out.settings = read_auth(section, offer);
  });
  out.problems = config::lines_of(reader.take_problems());
  return out;
}

TEST(ReadAuth, NothingWhenItIsNotSet) {
  const Read got = read("");
  EXPECT_FALSE(got.settings);
  EXPECT_TRUE(got.problems.empty());
}

TEST(ReadAuth, EverySourceHasASmallestForm) {
  const test::Folder folder;
  folder.write("sa.json", test::service_account_json("https://oauth2.example/token"));
  folder.write(
      "user.json",
      R"({"type":"authorized_user","client_id":"i","client_secret":"s","refresh_token":"r"})");
  folder.write("ext.json",
               R"({"type":"external_account","audience":"a","subject_token_type":"t",
                   "credential_source":{"file":"/f"}})");
  struct Case {
    Source source;
    const char* rest;
  };
  const Case cases[] = {
      {Source::google_service_account, "  credential_file: sa.json\n"},
      {Source::google_metadata, ""},
      {Source::google_workload_identity, "  credential_file: ext.json\n"},
      {Source::google_authorized_user, "  credential_file: user.json\n"},
      {Source::entra_client_secret,
       "  tenant: t\n  client_id: ${ID}\n  client_secret: env:SECRET\n"},
      {Source::entra_federated, "  tenant: t\n  client_id: c\n  token_file: /f\n"},
      {Source::azure_managed_identity, ""},
      {Source::aws_static, "  access_key_id: AKIA\n  secret_access_key: env:SECRET\n"},
      {Source::aws_web_identity, "  role_arn: arn\n  token_file: /f\n  region: eu-west-1\n"},
      {Source::aws_assume_role,
       "  role_arn: arn\n  region: eu-west-1\n  base: { source: aws_instance }\n"},
      {Source::aws_container, "  endpoint: http://169.254.170.2/v2/credentials/x\n"},
      {Source::aws_instance, ""},
      {Source::openbao,
       "  endpoint: https://bao.example:8200\n  path: holdfast/openai\n  role_id: r\n"
       "  secret_id: env:SECRET\n"}};
  for (const Case& c : cases) {
    const std::string name(to_string(c.source));
    const Read got = read("  source: " + name + "\n" + c.rest, {}, folder.path());
    EXPECT_TRUE(got.problems.empty()) << name << ": " << testing::PrintToString(got.problems);
    ASSERT_TRUE(got.settings) << name;
    EXPECT_EQ(got.settings->source, c.source);
    EXPECT_NE(make_source(*got.settings), nullptr);
    EXPECT_TRUE(*got.settings ==
                *read("  source: " + name + "\n" + c.rest, {}, folder.path()).settings)
        << name;
  }
}

TEST(ReadAuth, TakesWhatTheProviderNeedsWhereTheFileIsSilent) {
  AuthOffer offer;
  offer.google_scope = "scope-g";
  offer.azure_scope = "scope-a";
  offer.aws_region = "us-east-1";
  const Read got = read(
      "  source: aws_assume_role\n  role_arn: arn\n  external_id: e\n  duration: 2h\n"
      "  base: { source: aws_web_identity, role_arn: other, token_file: /f }\n",
      offer);
  EXPECT_TRUE(got.problems.empty()) << testing::PrintToString(got.problems);
  ASSERT_TRUE(got.settings);
  EXPECT_EQ(got.settings->scopes, std::vector<std::string>{"scope-g"});
  EXPECT_EQ(got.settings->scope, "scope-a");
  EXPECT_EQ(got.settings->region, "us-east-1");
  EXPECT_EQ(got.settings->duration, std::chrono::hours(2));
  EXPECT_EQ(got.settings->base->region, "us-east-1");
  EXPECT_EQ(got.settings->base->role_arn, "other");
}

TEST(ReadAuth, SaysWhatIsWrong) {
  const test::Folder folder;
  folder.write("bad.json", R"({"type":"service_account","client_email":"a"})");
  struct Case {
    const char* rule;
    std::string auth;
    std::vector<std::string> want;
  };
  const Case cases[] = {
      {"no source",
       "  tenant: t\n",
       {"h.yaml:1:1: auth.source: missing; say where it comes from, as in source: "
        "google_service_account"}},
      {"a key of another source",
       "  source: google_metadata\n  token_file: /f\n",
       {"h.yaml:3:3: auth.token_file: only for source: entra_federated, aws_web_identity, "
        "aws_container; remove it"}},
      {"an unknown key", "  source: google_metadata\n  tokenfile: /f\n", {}},
      {"a secret in the file",
       "  source: entra_client_secret\n  tenant: t\n  client_id: c\n  client_secret: "
       "s3cr3t-value\n",
       {"h.yaml:5:18: auth.client_secret: a secret is never written here, only where it is kept; "
        "if this was one, replace it; allowed: env:NAME, file:PATH, "
        "vault:PATH"}},
      {"what a source needs",
       "  source: entra_federated\n",
       {"h.yaml:1:1: auth.client_id: missing; write the application's id, as in client_id: "
        "${AZURE_CLIENT_ID}",
        "h.yaml:1:1: auth.tenant: missing; write the directory's id, as in tenant: "
        "${AZURE_TENANT_ID}",
        "h.yaml:1:1: auth.token_file: missing; say where it is, as in token_file: "
        "/var/run/secrets/token"}},
      {"what a form needs", "  source: azure_managed_identity\n  form: app_service\n", {}},
      {"a key file that is none",
       "  source: google_service_account\n  credential_file: bad.json\n",
       {}},
      {"plain http",
       "  source: google_metadata\n  endpoint: http://metadata.example\n",
       {"h.yaml:3:3: auth.endpoint: http:// sends tokens in the clear; write https:// (http is "
        "for this machine and for metadata services)"}},
      {"a base that assumes a role itself",
       "  source: aws_assume_role\n  role_arn: a\n  region: r\n  base: { source: aws_assume_role "
       "}\n",
       {}},
      {"no base", "  source: aws_assume_role\n  role_arn: a\n  region: r\n", {}},
      {"a session name that is none",
       "  source: aws_web_identity\n  role_arn: a\n  region: r\n  token_file: /f\n"
       "  session_name: a/b\n",
       {}}};
  for (const Case& c : cases) {
    const Read got = read(c.auth, {}, folder.path());
    EXPECT_FALSE(got.problems.empty()) << c.rule;
    if (!c.want.empty()) EXPECT_EQ(got.problems, c.want) << c.rule;
    for (const std::string& line : got.problems)
      EXPECT_EQ(line.find("s3cr3t"), std::string::npos) << c.rule;
    ASSERT_TRUE(got.settings) << c.rule;
  }
  AuthOffer azure_only;
  azure_only.google = azure_only.aws = false;
  EXPECT_EQ(
      read("  source: aws_instance\n", azure_only).problems,
      std::vector<std::string>{"h.yaml:2:3: auth.source: is of another cloud than the provider"});
}

TEST(ReadAuth, TwoThatDifferAreNotEqual) {
  const std::string text =
      "  source: aws_assume_role\n  role_arn: a\n  region: r\n  base: { source: aws_static, "
      "access_key_id: AK, secret_access_key: env:SECRET }\n";
  const auto one = *read(text).settings;
  auto other = *read(text).settings;
  EXPECT_TRUE(one == other);
  other.external_id = "x";
  EXPECT_FALSE(one == other);
  other = *read(text).settings;
  auto base = *other.base;
  base.secret_access_key = Secret("another");
  other.base = std::make_shared<const AuthSettings>(base);
  EXPECT_FALSE(one == other);
}

TEST(ReadAuth, EveryKeyIsDescribedOnce) {
  config::Reader reader;
  reader.read([](config::Section& section) { EXPECT_FALSE(read_auth(section, {})); });
  std::vector<std::string> paths;
  for (const config::KeyEntry& key : reader.keys()) {
    EXPECT_FALSE(key.about.empty()) << key.path;
    EXPECT_EQ(std::ranges::count(paths, key.path), 0) << key.path;
    paths.push_back(key.path);
  }
  for (const char* path : {"auth.source", "auth.credential_file", "auth.tenant", "auth.role_arn",
                           "auth.base.source", "auth.base.token_file", "auth.network"})
    EXPECT_EQ(std::ranges::count(paths, path), 1) << path;
}

}  // namespace
}  // namespace holdfast::vault

#include "config/secrets.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

#include "config/test_support.h"

namespace holdfast::config {
namespace {
namespace fs = std::filesystem;

class ResolveSecret : public testing::Test {
 protected:
  ResolveSecret() {
    std::string name = (fs::temp_directory_path() / "holdfast-secrets-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~ResolveSecret() override { fs::remove_all(folder_); }

  void write(const std::string& name, const std::string& text, bool others_read = false) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    fs::permissions(folder_ / name, others_read ? fs::perms(0644) : fs::perms(0600));
  }
  Result<ResolvedSecret> resolve(std::string_view reference) const {
    return resolve_secret(reference, folder_,
                          environment_of({{"API_KEY", "sk-value"},
                                          {"EMPTY", ""},
                                          {"SPACED", "sk value"},
                                          {"LONG", std::string(9000, 'k')}}),
                          vault_);
  }

  fs::path folder_;
  SecretLookup vault_;
};

TEST_F(ResolveSecret, ReadsVariablesAndFiles) {
  write("plain", "sk-file");
  write("newline", "sk-file\n");
  write("windows", "sk-file\r\n");
  struct Case {
    const char* rule;
    std::string reference;
    const char* want;
  };
  const Case cases[] = {{"a variable", "env:API_KEY", "sk-value"},
                        {"a file beside the configuration", "file:plain", "sk-file"},
                        {"one line end is dropped", "file:newline", "sk-file"},
                        {"a line end of Windows too", "file:windows", "sk-file"},
                        {"an absolute path", "file:" + (folder_ / "plain").string(), "sk-file"}};
  for (const Case& c : cases) {
    const auto got = resolve(c.reference);
    ASSERT_TRUE(got) << c.rule << ": " << got.error().detail;
    EXPECT_EQ(got->value.reveal(), c.want) << c.rule;
    EXPECT_EQ(got->warning, "") << c.rule;
  }
}

TEST_F(ResolveSecret, SaysWhatIsWrongAndNeverTheValue) {
  write("two_lines", "sk-value\nsk-other\n");
  write("empty", "\n");
  write("long", std::string(9000, 'k'));
  const std::string in = "the file " + folder_.string();
  constexpr const char* named =
      "env: must be followed by the name of a variable, as in env:OPENAI_API_KEY";
  constexpr const char* vault =
      "vault: must be followed by a path, as in vault:openai/prod, or by one and a version, as in "
      "vault:openai/prod@2";
  struct Case {
    const char* rule;
    const char* reference;
    std::string want;
  };
  const Case cases[] = {
      {"a plain secret", "sk-value",
       "a secret is never written here, only where it is kept; if this was one, replace it"},
      {"no path of the vault", "vault:", vault},
      {"a path that leads elsewhere", "vault:../openai", vault},
      {"no version", "vault:openai/prod@", vault},
      {"a version that is none", "vault:openai/prod@0", vault},
      {"another spelling of a version", "vault:openai/prod@01", vault},
      {"a variable that is not set", "env:OTHER_KEY",
       "the environment variable OTHER_KEY is not set"},
      {"an empty variable", "env:EMPTY", "the environment variable EMPTY is empty"},
      {"a space in it", "env:SPACED",
       "the environment variable SPACED has a space, a line break or a character that is not ASCII "
       "in it"},
      {"too long", "env:LONG", "the environment variable LONG is longer than 8 KiB"},
      {"a secret behind env:", "env:sk-proj-abc", named},
      {"a secret that looks like a name", "env:sk_live_abc",
       "the environment variable that it names is not set"},
      {"no name", "env:", named},
      {"no path", "file:", "file: must be followed by a path, as in file:/run/secrets/openai"},
      {"no such file", "file:none", in + "/none cannot be opened: No such file or directory"},
      {"a folder", "file:.", in + "/. is not a regular file"},
      {"two lines", "file:two_lines",
       in + "/two_lines has a space, a line break or a character that is not ASCII in it"},
      {"an empty file", "file:empty", in + "/empty is empty"},
      {"a large file", "file:long", in + "/long is longer than 8 KiB"}};
  for (const Case& c : cases) {
    const auto got = resolve(c.reference);
    ASSERT_FALSE(got) << c.rule;
    EXPECT_EQ(got.error().detail, c.want) << c.rule;
    EXPECT_EQ(got.error().detail.find("sk"), std::string::npos) << c.rule;
  }
}

TEST_F(ResolveSecret, AsksTheVault) {
  std::vector<std::string> asked;
  vault_ = [&](const VaultReference& reference) -> Result<ResolvedSecret> {
    asked.push_back(fmt::format("{}#{}", reference.path, reference.version.value_or(0)));
    if (reference.path == "none") return fail(ErrorCode::configuration, "the vault has no none");
    return ResolvedSecret{Secret(reference.path == "odd" ? "a b" : "sk-vault"), "old"};
  };
  const auto newest = resolve("vault:openai/prod");
  ASSERT_TRUE(newest) << newest.error().detail;
  EXPECT_EQ(newest->value.reveal(), "sk-vault");
  EXPECT_EQ(newest->warning, "old");
  EXPECT_TRUE(resolve("vault:openai/prod@12"));
  EXPECT_EQ(resolve("vault:none").error().detail, "the vault has no none");
  EXPECT_EQ(resolve("vault:odd").error().detail,
            "vault:odd has a space, a line break or a character that is not ASCII in it");
  EXPECT_EQ(asked,
            (std::vector<std::string>{"openai/prod#0", "openai/prod#12", "none#0", "odd#0"}));
}

TEST_F(ResolveSecret, WithoutAVaultAReferenceToItStandsForItself) {
  const auto got = resolve("vault:openai/prod");
  ASSERT_TRUE(got);
  EXPECT_EQ(got->value.reveal(), "vault:openai/prod");
  EXPECT_EQ(got->warning, "vault:openai/prod was not looked up: --state says where its vault is");
}

TEST_F(ResolveSecret, WarnsOfAFileThatEveryoneMayRead) {
  write("open", "sk-value", true);
  const auto got = resolve("file:open");
  ASSERT_TRUE(got);
  EXPECT_EQ(got->warning, "the file " + (folder_ / "open").string() +
                              " can be read by every user of this machine; chmod 600 it");
}
}  // namespace
}  // namespace holdfast::config
